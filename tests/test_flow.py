"""What was read leaves at once, and the one place where the SDK's own loop is replaced."""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any

import pytest
from live import Running
from singer_sdk import Stream
from support import catalog_of, sync

from tap_replies.sandbox import Sandbox
from tap_replies.sandbox.stats import Stats, Visit
from tap_replies.sources.mailchimp.client import PAGING

if TYPE_CHECKING:
    from pathlib import Path

LATE = {"kind": "stall", "seconds": 4.0, "at": 2}
FIRST_PAGE = {
    "mailchimp_conversations": ("/3.0/conversations", 1000),
    "mailchimp_list_unsubscribes": ("/3.0/lists/*/members", 1000),
    "reamaze_conversations": ("/api/v1/conversations", 30),
}
"""The path of a list, and how many rows its first page has."""


@pytest.mark.parametrize("stream", FIRST_PAGE)
def test_a_page_leaves_before_the_next_has_come(tmp_path: Path, stream: str) -> None:
    """All records of the first page reach the reader while the second is still awaited."""
    path, rows = FIRST_PAGE[stream]
    sizes: dict[str, Any] = {"conversations": 1500, "messages": 1, "lists": 1, "members": 1500}
    with Sandbox(reamaze_conversations=45, **sizes) as sandbox:
        sandbox.control(faults=[LATE | {"path": path}])
        catalog = catalog_of(stream)
        with Running(tmp_path, sandbox.config(), catalog=catalog) as running:
            running.until(lambda run: run.lines == 1 + rows)
            assert running.process.poll() is None
            assert len(running.found.records[stream]) == rows


@pytest.mark.parametrize(
    ("stream", "path", "place", "rows"),
    [
        ("mailchimp_unsubscribes", "/3.0/automations", 1, 10 * 3),
        ("mailchimp_conversation_messages", "/3.0/conversations", 2, 1010),
        ("reamaze_messages", "/api/v1/conversations", 3, 30 * 2),
    ],
)
def test_what_has_come_leaves_while_parents_are_awaited(
    tmp_path: Path, stream: str, path: str, place: int, rows: int
) -> None:
    """Records of the parents that are known reach the reader while the next of them are late."""
    sizes: dict[str, Any] = {"conversations": 1200, "messages": 1, "campaigns": 10}
    sizes |= {"unsubscribes": 3, "reamaze_conversations": 45, "reamaze_messages": 2}
    with Sandbox(**sizes) as sandbox:
        sandbox.control(faults=[LATE | {"path": path, "at": place}])
        config = sandbox.config() | {"reamaze_messages_from": "conversations"}
        with Running(tmp_path, config, catalog=catalog_of(stream)) as running:

            def is_awaited() -> bool:
                visits = list(sandbox.app.stats.visits)
                return (path, None) in [(visit.path, visit.status) for visit in visits]

            running.until(lambda run: run.lines > rows and is_awaited())
            assert is_awaited()
            assert len(running.found.records[stream]) >= rows


def test_windows_are_short_where_the_api_is_slow(tmp_path: Path) -> None:
    """Messages that wait for those of their window do not wait for many pages of a slow API."""
    sizes: dict[str, Any] = {"reamaze_conversations": 700, "reamaze_messages": 3}
    with Sandbox(latency_ms=600, **sizes) as sandbox:
        config = sandbox.config() | {"reamaze_messages_from": "brand"}
        with Running(tmp_path, config, catalog=catalog_of("reamaze_messages")) as running:
            running.until(lambda run: run.found.records["reamaze_messages"])
            answered = [visit for visit in list(sandbox.app.stats.visits) if visit.status]
            assert 16 < len(answered) < 40 < 700 * 3 // 30


def test_a_long_listing_leaves_room_for_what_it_leads_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contacts that are listed ahead do not take the place of their feeds, which stay many."""
    at_once: list[int] = []
    begin = Stats.begin

    def noting(stats: Stats, visit: Visit, endpoint: str) -> None:
        begin(stats, visit, endpoint)
        if endpoint.endswith("/activity-feed"):
            at_once.append(stats.flying["all"])

    monkeypatch.setattr(Stats, "begin", noting)
    whole_pages = PAGING.count
    object.__setattr__(PAGING, "count", 31)
    try:
        with Sandbox(lists=1, members=600, latency_ms=40) as sandbox:
            run = sync(sandbox.config(), catalog=catalog_of("mailchimp_member_activity"))
    finally:
        object.__setattr__(PAGING, "count", whole_pages)
    assert run.failures == []
    later = at_once[len(at_once) // 4 : -20]
    assert len(at_once) >= 300
    assert sum(later) / len(later) >= 6


LOOPS = {
    "sync": "6b4262dcdddf22b4",
    "_sync_records": "8928dc7f50e9bf57",
    "_sync_batches": "a42df0f3a08779dc",
}
"""The SDK's ways from a stream to its messages, by hashes of their text: one is replaced, the
others call it or do what it does for batch files."""


def test_the_loop_of_the_sdk_is_the_one_that_was_replaced() -> None:
    """A release of the SDK that changes its record loop must be looked at before it is taken."""
    parameters = inspect.signature(Stream._sync_records).parameters  # noqa: SLF001
    assert list(parameters) == ["self", "context", "write_messages"]
    texts = {name: inspect.getsource(getattr(Stream, name)).encode() for name in LOOPS}
    assert {name: hashlib.sha256(each).hexdigest()[:16] for name, each in texts.items()} == LOOPS
