"""What `replies` tells where an account may not read all that it is made of."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import TRUTH_COLUMNS, Messages, catalog_of, instant, sync
from then import NOW, run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

BOTH, ALONE = catalog_of(*TRUTH_COLUMNS, "replies"), catalog_of("replies")


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """A sandbox to change."""
    with Sandbox(now=NOW, conversations=12, reamaze_conversations=35) as sandbox:
        yield sandbox


def refused(path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as a fault has it
    """An answer of status 403."""
    return {"kind": "status", "status": 403, "path": path, **more}


def ids(found: Messages) -> set[str]:
    """The rows of `replies`."""
    return {row["reply_id"] for row in found.records["replies"]}


@pytest.mark.parametrize("catalog", [BOTH, ALONE], ids=["both", "alone"])
def test_a_feed_that_is_refused_is_left_out(shop: Sandbox, catalog: dict[str, Any]) -> None:
    """What plan or role forbid is told; the rest comes, and the feed whole once it is allowed."""
    shop.control(faults=[refused("/3.0/conversations*")])
    found = run(shop, None, catalog)
    mailchimp = [row for row in found.records["replies"] if row["source"] == "mailchimp"]
    assert {row["kind"] for row in mailchimp} == {"unsubscribe_reason"}
    assert (
        len([line for line in found.log if "without mailchimp_conversation_messages" in line]) == 1
    )
    shop.reset()
    second = run(shop, found.state, catalog)
    assert {row["kind"] for row in second.records["replies"]} == {"message"}
    assert ids(found) | ids(second) == ids(run(shop, None, catalog))
    shop.control(faults=[refused("/3.0/conversations*")])
    strict = sync(shop.config() | {"strict": True}, catalog=ALONE)
    assert any("without mailchimp_conversation_messages" in line for line in strict.failures)


@pytest.mark.parametrize("catalog", [BOTH, ALONE], ids=["both", "alone"])
@pytest.mark.parametrize("at", [2, 3])
def test_a_part_that_is_refused_is_left_out(
    shop: Sandbox, catalog: dict[str, Any], at: int
) -> None:
    """Of a feed of which one thread is refused, the others are told, and that one later."""
    whole = run(shop, None, catalog)
    threads = {row["conversation_id"] for row in whole.records["replies"]}
    shop.reset()
    for path in ("/3.0/conversations/*/messages", "/api/v1/conversations/*/messages"):
        shop.control(faults=[refused(path, at=at)])
        config = shop.config() | {"reamaze_messages_from": "conversations"}
        found = sync(config, catalog=catalog)
        assert found.failures == []
        lost = ids(whole) - ids(found)
        missing = [row for row in whole.records["replies"] if row["reply_id"] in lost]
        (thread,) = {row["conversation_id"] for row in missing}
        assert thread in threads
        assert len([line for line in found.log if "without a part of" in line]) == 1
        shop.reset()
        second = sync(config, catalog=catalog, state=found.state)
        assert second.failures == []
        assert ids(second) >= lost
        assert ids(found) | ids(second) == ids(whole)
        third = sync(config, catalog=catalog, state=second.state)
        assert third.records["replies"] == []


@pytest.mark.parametrize("catalog", [BOTH, ALONE], ids=["both", "alone"])
def test_what_was_told_is_not_told_again_for_a_refusal(
    shop: Sandbox, catalog: dict[str, Any]
) -> None:
    """A thread that is refused has no other one of the lookback told again, nor untimed."""
    config = shop.config() | {"reamaze_messages_from": "conversations"}
    threads = [row["id"] for row in shop.world.account("", "mailchimp").rows("conversations")][:6]
    slugs = [row["slug"] for row in shop.world.account("", "reamaze").rows("conversations")][:6]
    for source, keys in (("mailchimp", threads), ("reamaze", slugs)):
        for place, key in enumerate(keys):
            row = {"body": f"new {place}"} if source == "reamaze" else {"id": str(90_000 + place)}
            new = {"op": "new_message", "source": source, "key": key, "row": row}
            shop.mutate({**new, "when": (instant(NOW) + timedelta(minutes=place)).isoformat()})
    clock = tap_with(ScriptedClock(instant(NOW).timestamp() + 1200))
    first = sync(config, catalog=catalog, tap_class=clock)
    shop.control(
        faults=[
            refused(f"/3.0/conversations/{threads[0]}/messages"),
            refused(f"/api/v1/conversations/{slugs[0]}/messages"),
        ]
    )
    second = sync(config, catalog=catalog, state=first.state, tap_class=clock)
    assert len([line for line in second.log if "without a part of" in line]) == 2
    shop.reset()
    third = sync(config, catalog=catalog, state=second.state, tap_class=clock)
    assert first.failures == second.failures == third.failures == []
    assert second.records["replies"] == third.records["replies"] == []
