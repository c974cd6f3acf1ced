"""What was read leaves at once, and the one place where the SDK's own loop is replaced."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import select
import subprocess
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from live import Running, late
from singer_sdk import Stream
from support import catalog_of, emitted, held, messages_in, sync

from tap_replies.sandbox import Sandbox
from tap_replies.sandbox.stats import Stats, Visit
from tap_replies.sources.mailchimp.client import PAGING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATE = {"kind": "stall", "seconds": 4.0}
SECOND, PAGE_2 = {"query": {"offset": "999"}, "at": 1}, {"query": {"page": "2"}, "at": 1}


@pytest.mark.parametrize(
    ("stream", "rows", "second", "settings"),
    [
        ("mailchimp_conversations", 1000, {"path": "/3.0/conversations", **SECOND}, {}),
        ("mailchimp_list_unsubscribes", 1000, {"path": "/3.0/lists/*/members", **SECOND}, {}),
        ("reamaze_conversations", 30, {"path": "/api/v1/conversations", **PAGE_2}, {}),
        ("reamaze_messages", 29, {"path": "/api/v1/messages", **PAGE_2}, {}),
        (
            "reamaze_messages",
            29,
            {"path": "/api/v1/conversations/*/messages", **PAGE_2},
            {"reamaze_messages_from": "conversations"},
        ),
        (
            "mailchimp_survey_responses",
            1,
            {"path": "/3.0/reporting/surveys/*/responses/*", "at": 2},
            {"max_connections": 1},
        ),
    ],
    ids=["threads", "opt-outs", "conversations", "windows", "messages of a thread", "responses"],
)
def test_a_page_leaves_before_the_next_has_come(
    tmp_path: Path, stream: str, rows: int, second: dict[str, Any], settings: dict[str, Any]
) -> None:
    """The records of the first page reach the reader while the second is still awaited.

    Of Re:amaze's messages that is all but the last, as others of its moment may be in the second.
    """
    sizes: dict[str, Any] = {"conversations": 1500, "messages": 1, "lists": 1, "members": 1500}
    with Sandbox(reamaze_conversations=45, reamaze_messages=45, **sizes) as sandbox:
        sandbox.control(faults=[LATE | second])
        catalog = catalog_of(stream)
        with Running(tmp_path, sandbox.config() | settings, catalog=catalog) as running:

            def own(awaited: Visit) -> list[dict[str, Any]]:
                """The rows of the list that is awaited; other threads go on meanwhile."""
                found, parts = running.found.records[stream], awaited.path.split("/")
                named = [row for row in found if row.get("conversation_slug") in parts]
                return named if "conversations" in parts and settings else found

            def has_come(run: Running) -> bool:
                awaited = late(sandbox, LATE | second)
                return run.lines > rows and awaited is not None and len(own(awaited)) >= rows

            running.until(has_come)
            awaited = late(sandbox, LATE | second)
            assert awaited
            assert len(own(awaited)) == rows


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
        fault = LATE | {"path": path, "at": place}
        sandbox.control(faults=[fault])
        config = sandbox.config() | {"reamaze_messages_from": "conversations"}
        with Running(tmp_path, config, catalog=catalog_of(stream)) as running:
            running.until(lambda run: run.lines > rows and late(sandbox, fault))
            assert late(sandbox, fault)
            assert len(running.found.records[stream]) >= rows


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[int]]]:
    """How many requests were under way when each came, by endpoint; pages are short."""
    found: dict[str, list[int]] = defaultdict(list)
    begin = Stats.begin

    def noting(stats: Stats, visit: Visit, endpoint: str) -> None:
        begin(stats, visit, endpoint)
        found[endpoint].append(stats.flying["all"])

    monkeypatch.setattr(Stats, "begin", noting)
    whole_pages = PAGING.count
    object.__setattr__(PAGING, "count", 31)
    yield found
    object.__setattr__(PAGING, "count", whole_pages)


def usual(at_once: list[int]) -> float:
    """How many requests were under way at most among sixteen that followed each other, on average.

    Where all are answered at the same moment, the next of them come one by one.
    """
    later = at_once[len(at_once) // 4 : -20]
    most = [max(later[start : start + 16]) for start in range(0, len(later) - 16, 16)]
    return sum(most) / len(most)


@pytest.mark.parametrize(("lists", "members"), [(1, 400), (9, 62)])
def test_a_long_listing_leaves_room_for_what_it_leads_to(
    lists: int, members: int, at_once: dict[str, list[int]]
) -> None:
    """Contacts that are listed ahead do not take the place of their feeds, which stay many."""
    with Sandbox(lists=lists, members=members, latency_ms=40) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of("mailchimp_member_activity"))
    assert run.failures == []
    (feeds,) = (each for name, each in at_once.items() if name.endswith("/activity-feed"))
    assert len(feeds) >= 300
    assert usual(feeds) >= 7


def test_surveys_leave_room_for_their_responses(at_once: dict[str, list[int]]) -> None:
    """Responses are fetched one by one, but several at a time, while more surveys are listed."""
    with Sandbox(lists=1, members=6, latency_ms=40) as sandbox:
        account = sandbox.world.account("", "mailchimp")
        survey, response = (next(iter(account.rows(name))) for name in ("surveys", "responses"))
        for number in range(10):
            own = {"op": "insert", "collection": "mailchimp.surveys"}
            sandbox.mutate({**own, "row": {**survey, "id": f"abc{number:04}", "web_id": number}})
            for each in range(65):
                keys = {"survey_id": f"abc{number:04}", "response_id": f"{number}{each:04}"}
                own = {"op": "insert", "collection": "mailchimp.responses"}
                sandbox.mutate({**own, "row": {**response, **keys}})
        run = sync(sandbox.config(), catalog=catalog_of("mailchimp_survey_responses"))
    assert run.failures == []
    (fetched,) = (each for name, each in at_once.items() if "/responses/" in name)
    assert len(fetched) >= 300
    assert usual(fetched) >= 7


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


def test_a_pipe_that_does_not_wait_gets_all(tmp_path: Path) -> None:
    """Whoever set the pipe to refuse what it cannot take at once is waited for like any other."""
    stream = "mailchimp_conversations"
    with Sandbox(conversations=2000, messages=1) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config()))
        (tmp_path / "catalog.json").write_text(json.dumps(catalog_of(stream)))
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        names = ("--config=config.json", "--catalog=catalog.json")
        command = [sys.executable, "-m", "tap_replies", *names]
        with (
            os.fdopen(reading) as messages,
            subprocess.Popen(command, stdout=writing, cwd=tmp_path) as tap,
        ):
            while select.select((), (writing,), (), 0)[1] and tap.poll() is None:
                time.sleep(0.01)
            time.sleep(0.2)  # full, it refuses what comes next
            os.close(writing)
            found = messages_in(messages.read())
        assert tap.returncode == 0
        assert emitted(found.records[stream], stream) == held(sandbox, stream)
