"""Messages that are the same in all they hold are as many rows, wherever pages cut them apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support import catalog_of, held, sync

from tap_replies.sandbox import Sandbox

MESSAGES = "reamaze_messages"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PAGE = 30


@pytest.mark.parametrize("fault", [None, "missing_rows", "duplicate_rows"])
@pytest.mark.parametrize("newer", [0, PAGE - 2, PAGE - 1, PAGE, 2 * PAGE - 1])
@pytest.mark.parametrize("way", ["brand", "conversations"])
def test_a_border_between_equal_messages(way: str, newer: int, fault: str | None) -> None:
    """Two equal messages are two rows at any place, even where a list must be read again."""
    sizes: dict[str, Any] = {"conversations": 1, "reamaze_conversations": 1, "reamaze_messages": 1}
    with Sandbox(now=NOW.isoformat(), **sizes) as sandbox:
        slug = next(iter(sandbox.world.account("", "reamaze").rows("conversations")))["slug"]
        said = {"op": "new_message", "source": "reamaze", "key": slug}
        later = [NOW - timedelta(seconds=each) for each in reversed(range(newer))]
        for moment in [*[NOW - timedelta(hours=1)] * 2, *later]:
            sandbox.mutate({**said, "when": moment.isoformat(), "row": {"body": str(moment)}})
        path = "/api/v1/messages" if way == "brand" else "/api/v1/conversations/*/messages"
        at = {"path": path, "query": {"page": "1"}, "at": 1}
        sandbox.control(faults=[{"kind": fault, **at}] if fault else [])
        config = {**sandbox.config(), "reamaze_messages_from": way, "on_count_mismatch": "fail"}
        run = sync(config, catalog=catalog_of(MESSAGES))
        assert run.failures == []
        records = run.records[MESSAGES]
        assert len({row["message_key"] for row in records}) == len(records)
        assert len(records) == held(sandbox, MESSAGES).total() == newer + 3
