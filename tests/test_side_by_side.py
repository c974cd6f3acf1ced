"""What is read of many parents leaves as it comes, whichever of them is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from live import Running, late
from support import LATE_SECONDS, catalog_of, emitted, held, in_order, sync

from tap_replies.ahead import Ahead
from tap_replies.fetch import Fetcher
from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from tap_replies.sandbox.stats import Visit

THREADS = "/3.0/conversations/*/messages"
CALLS = {
    "mailchimp_conversation_messages": THREADS,
    "mailchimp_unsubscribes": "/3.0/reports/*/unsubscribed",
    "reamaze_messages": "/api/v1/conversations/*/messages",
    "mailchimp_member_activity": "/3.0/lists/*/members/*/activity-feed",
    "mailchimp_survey_responses": "/3.0/reporting/surveys/*/responses/*",
}
SIZES: dict[str, Any] = {
    "conversations": 40,
    "messages": 2,
    "campaigns": 40,
    "unsubscribes": 2,
    "lists": 1,
    "members": 40,
    "reamaze_conversations": 40,
    "reamaze_messages": 2,
}


def stalled(path: str, place: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as a fault has it
    """An answer that is seconds late."""
    return {"kind": "stall", "seconds": LATE_SECONDS, "path": path, "at": place, **more}


@pytest.mark.parametrize("place", [1, 5])
@pytest.mark.parametrize("stream", CALLS)
def test_one_that_is_slow_holds_up_no_other(tmp_path: Path, stream: str, place: int) -> None:
    """While one parent's rows are awaited, those of all others reach the reader."""
    with Sandbox(**SIZES) as sandbox:
        config = sandbox.config() | {"reamaze_messages_from": "conversations"}
        catalog = catalog_of(stream)
        whole = sync(config, catalog=catalog).records[stream]
        sandbox.reset_stats()
        fault = stalled(CALLS[stream], place)
        sandbox.control(faults=[fault])
        with Running(tmp_path, config, catalog=catalog) as running:

            def others(awaited: Visit) -> list[dict[str, Any]]:
                return [row for row in whole if not _names(row, awaited.path)]

            def have_come(run: Running) -> bool:
                awaited = late(sandbox, fault)
                return awaited is not None and len(run.found.records[stream]) >= len(
                    others(awaited)
                )

            running.until(have_come)
            awaited = late(sandbox, fault)
            assert awaited
            assert 0 < len(others(awaited)) < len(whole)
            assert in_order(running.found.records[stream]) == in_order(others(awaited))
            assert running.rest() == 0
        assert in_order(running.found.records[stream]) == in_order(whole)


def _names(row: dict[str, Any], path: str) -> bool:
    """Whether a row is of the parent that a path names."""
    parents = ("conversation_id", "campaign_id", "email_id", "conversation_slug", "response_id")
    return any(str(row.get(name)) in path.split("/") for name in parents)


def test_first_pages_leave_while_a_long_list_is_read(tmp_path: Path) -> None:
    """What was asked of a list before its turn does not wait for that."""
    stream = "mailchimp_list_unsubscribes"
    with Sandbox(lists=2, members=3500) as sandbox:
        fault = stalled("/3.0/lists/*/members", 1, query={"offset": "999"})
        sandbox.control(faults=[fault])
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(stream)) as running:

            def lists() -> set[str]:
                return {row["list_id"] for row in running.found.records[stream]}

            running.until(lambda run: run.lines > 2000 and late(sandbox, fault))
            assert late(sandbox, fault)
            assert len(lists()) == 2
            assert running.rest() == 0
        assert emitted(running.found.records[stream], stream) == held(sandbox, stream)


@pytest.mark.parametrize(
    ("stream", "path", "sizes"),
    [
        ("mailchimp_list_unsubscribes", "/3.0/lists/*/members", {"lists": 12, "members": 2400}),
        (
            "mailchimp_conversation_messages",
            THREADS,
            {"conversations": 12, "messages": 1100},
        ),
    ],
)
def test_a_late_first_page_holds_up_no_long_list(
    tmp_path: Path, stream: str, path: str, sizes: dict[str, Any]
) -> None:
    """While the first page of one list is awaited, others of several pages are read to the end."""
    with Sandbox(**sizes) as sandbox:
        whole = len(held(sandbox, stream))
        fault = stalled(path, 1, seconds=3 * LATE_SECONDS)  # thousands of rows come meanwhile
        sandbox.control(faults=[fault])
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(stream)) as running:
            running.until(lambda run: run.lines > whole * 5 // 6)
            assert late(sandbox, fault)
            assert running.rest() == 0
        assert emitted(running.found.records[stream], stream) == held(sandbox, stream)


def test_a_nested_reading_that_waits_does_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While lists of contacts and a feed are late, nothing is tried again and again."""
    taken = 0
    take = Ahead.take

    def counting(ahead: Ahead[Any]) -> list[Any]:
        nonlocal taken
        taken += 1
        return take(ahead)

    monkeypatch.setattr(Ahead, "take", counting)
    stream = "mailchimp_member_activity"
    with Sandbox(lists=2, members=1300, conversations=4) as sandbox:
        lists = stalled("/3.0/lists/*/members", 1, query={"offset": "999"}, times=2)
        sandbox.control(faults=[lists, stalled(CALLS[stream], 2000)])
        run = sync(sandbox.config(), catalog=catalog_of(stream))
        asked = sandbox.stats()["total"]
    assert run.failures == []
    assert asked > 2600
    assert taken < 12 * asked


def test_what_is_awaited_once_the_list_of_parents_has_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a thread of those before is late, nothing is tried again and again."""
    waited = 0
    wait_for_one = Fetcher.wait_for_one

    def counting(fetcher: Fetcher, *futures: Any) -> None:  # noqa: ANN401 - as it takes them
        nonlocal waited
        waited += 1
        wait_for_one(fetcher, *futures)

    monkeypatch.setattr(Fetcher, "wait_for_one", counting)
    stream, listed = "reamaze_messages", "/api/v1/conversations"
    with Sandbox(reamaze_conversations=40) as sandbox:
        refused = {"kind": "status", "status": 500, "path": listed, "times": 99}
        sandbox.control(faults=[refused | {"query": {"page": "2"}}, stalled(CALLS[stream], 5)])
        config = {"reamaze_messages_from": "conversations", "retry_seconds": 1}
        run = sync(sandbox.config() | config, catalog=catalog_of(stream))
        asked = sandbox.stats()["total"]
    assert len({row["conversation_slug"] for row in run.records[stream]}) == 30
    assert len(run.failures) == 1
    assert waited < 20 * asked


@pytest.mark.parametrize("connections", [1, 2, 8])
def test_long_lists_of_many_parents_are_whole(connections: int) -> None:
    """However many lists are begun before their turn, each is read to its end, and once."""
    with Sandbox(lists=12, members=1200, conversations=12, messages=1100) as sandbox:
        config = sandbox.config() | {"max_connections": connections}
        for stream in ("mailchimp_list_unsubscribes", "mailchimp_conversation_messages"):
            run = sync(config, catalog=catalog_of(stream))
            assert run.failures == []
            assert len(run.records[stream]) == len(held(sandbox, stream))
            assert emitted(run.records[stream], stream) == held(sandbox, stream)
