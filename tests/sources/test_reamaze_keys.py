"""A message of Re:amaze keeps its key, wherever a page ends and however a list moves."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import Messages, catalog_of, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM, REPLIES, SLUG = "reamaze_messages", "replies", "knock-knock"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THREADS = "/api/v1/conversations/*/messages"
both = pytest.mark.parametrize("way", ["brand", "conversations"])


class Brand:
    """A brand with one conversation, and what a table holds of its messages."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Begin with an empty table."""
        self.sandbox = sandbox
        self.clock = ScriptedClock(NOW.timestamp() + 60)
        self.state: dict[str, Any] | None = None
        self.table: dict[str, Any] = {}

    def say(self, body: str, second: int) -> None:
        """Add a message; those of one second are alike but for their text."""
        when = (NOW + timedelta(seconds=second)).isoformat()
        said = {"op": "new_message", "source": "reamaze", "key": SLUG, "when": when}
        self.sandbox.mutate({**said, "row": {"body": body}})

    def run(self, *faults: dict[str, Any], **settings: Any) -> Messages:  # noqa: ANN401
        """Load what a run brings, a minute later."""
        self.sandbox.control(faults=list(faults))
        config = self.sandbox.config() | {"on_count_mismatch": "fail", **settings}
        clock = tap_with(self.clock)
        found = sync(config, catalog=catalog_of(STREAM), state=self.state, tap_class=clock)
        self.table |= {row["message_key"]: row["body"] for row in found.records[STREAM]}
        self.state = found.state
        self.clock.advance(60)
        return found

    @property
    def is_whole(self) -> bool:
        """Whether the table holds all texts, each once."""
        rows = self.sandbox.world.account("", "reamaze").rows("messages")
        return Counter(row["body"] for row in rows) == Counter(self.table.values())


@pytest.fixture
def brand() -> Iterator[Brand]:
    """A brand whose only conversation begins with one message."""
    sizes: dict[str, Any] = {"conversations": 1, "reamaze_conversations": 1, "reamaze_messages": 1}
    with Sandbox(now=NOW.isoformat(), **sizes) as sandbox:
        yield Brand(sandbox)


@both
def test_a_border_between_twins_changes_nothing(brand: Brand, way: str) -> None:
    """Messages of one moment are not told again when the end of a page comes between them."""
    for second in range(40):
        brand.say(f"a{second}", second)
        brand.say(f"b{second}", second)
    counts = []
    for number in range(4):
        run = brand.run(reamaze_messages_from=way)
        counts.append(len(run.records[STREAM]))
        brand.say(f"new {number}", 61 + 60 * number)
        assert len({row["message_key"] for row in run.records[STREAM]}) == counts[-1]
    assert counts == [81, 1, 1, 1]


def test_a_part_that_is_refused_takes_no_key(brand: Brand) -> None:
    """Where the page with one of two twins cannot be read, the other does not take its place."""
    brand.say("a", 10)
    brand.say("b", 10)
    threads = {"reamaze_messages_from": "conversations"}
    brand.run(**threads)
    for number in range(29):  # now the page ends between the two
        brand.say(f"x{number}", 20 + number)
    refused = {"kind": "status", "status": 403, "path": THREADS, "query": {"page": "2"}}
    assert len(brand.run(refused, **threads).records[STREAM]) == 29
    for number in range(3):  # now they are on one page again
        brand.say(f"y{number}", 100 + number)
    brand.run(**threads)
    assert brand.is_whole
    assert brand.run(**threads).records[STREAM] == []


@both
@pytest.mark.parametrize("twins", ["ab", "ba"])
def test_a_twin_that_comes_late_is_numbered_as_ever(brand: Brand, way: str, twins: str) -> None:
    """A list that moves while it is read shows one later: the keys are those of a list at rest."""
    for number in range(29):
        brand.say(f"x{number}", 20 + number)
    for body in twins:
        brand.say(body, 10)
    path, at = ("/api/v1/messages", 2) if way == "brand" else (THREADS, 1)
    lacks = {"kind": "missing_rows", "path": path, "query": {"page": "1"}, "at": at}
    moved = brand.run(lacks, reamaze_messages_from=way)
    keys = dict(brand.table)
    assert brand.is_whole
    brand.state = None
    still = brand.run(reamaze_messages_from=way)
    assert len({row["message_key"] for row in moved.records[STREAM]}) == len(keys) == 32
    assert {row["message_key"]: row["body"] for row in still.records[STREAM]} == keys


@both
def test_what_one_of_two_readings_lacks_is_not_dropped(brand: Brand, way: str) -> None:
    """A list that is read again for a late twin may lack rows itself: it is told, none is lost."""
    for second, body in ((5, "w"), (10, "b"), (10, "a")):
        brand.say(body, second)
    for number in range(29):
        brand.say(f"x{number}", 20 + number)
    path = "/api/v1/messages" if way == "brand" else THREADS
    lacks = {"kind": "missing_rows", "path": path, "query": {"page": "1"}}
    settings = {"reamaze_messages_from": way, "max_connections": 1, "lookback_minutes": 0}
    begun = {"start_date": "2026-03-01"}
    brand.clock.advance(60)
    run = brand.run({**lacks, "at": 1}, {**lacks, "at": 3, "times": 9}, **begun, **settings)
    assert run.failures
    assert run.bookmark(STREAM) is None
    assert len({*brand.table.values()} & {f"x{number}" for number in range(29)}) == 29
    brand.run(**begun, **settings)
    assert {*"abw"} < {*brand.table.values()}
    assert len(brand.table) == 32


@both
def test_a_row_that_moved_is_not_taken_for_one_that_is_missing(brand: Brand, way: str) -> None:
    """A row shown again where the list moved does not stand for another that was left out."""
    for number in range(60):
        brand.say(f"x{number}", number)
    brand.clock.advance(60)
    path = "/api/v1/messages" if way == "brand" else THREADS
    when = (NOW + timedelta(seconds=61)).isoformat()
    said = {"op": "new_message", "source": "reamaze", "key": SLUG, "when": when}
    moves = {"kind": "mutate", "mutations": [{**said, "row": {"body": "new"}}]}
    run = brand.run(
        {**moves, "path": path, "query": {"page": "2"}, "at": 1},
        {"kind": "missing_rows", "path": path, "query": {"page": "3"}, "at": 1, "times": 2},
        reamaze_messages_from=way,
        max_connections=1,
    )
    assert not run.failures
    assert len(run.records[STREAM]) == len(brand.table)
    brand.run(reamaze_messages_from=way)
    assert brand.is_whole


def test_what_went_out_of_half_a_thread_is_told_again(brand: Brand) -> None:
    """A thread that moves, and is refused then, leaves no twin in the place of the other."""
    for number in range(40):
        brand.say(f"x{number}", number)
    for body in "ba":
        brand.say(body, 45)
    for number in range(30):  # the second page begins with the twins
        brand.say(f"y{number}", 46 + number)
    brand.clock.advance(60)
    settings = {"reamaze_messages_from": "conversations", "max_connections": 1}
    brand.run(**settings)
    rows = brand.sandbox.world.account("", "reamaze")["messages"]
    (key,) = [entry.key for entry in rows if entry.row["body"] == "y20"]
    said = {"op": "new_message", "source": "reamaze", "key": SLUG, "row": {"body": "old"}}
    changes = [
        {"op": "delete", "collection": "reamaze.messages", "key": key},
        {**said, "when": (NOW - timedelta(seconds=9)).isoformat()},
    ]
    page = {"path": THREADS, "query": {"page": "2"}, "at": 1}
    refused = {"kind": "status", "status": 403, "path": THREADS, "query": {"page": "3"}}
    brand.run({**page, "kind": "mutate", "mutations": changes}, refused, **settings)
    brand.run(**settings)
    brand.table = {key: body for key, body in brand.table.items() if body != "y20"}
    assert brand.is_whole


def test_a_thread_that_is_gone_in_part_is_no_thread_that_is_gone(brand: Brand) -> None:
    """Where only a later page is said to be gone, the bookmark waits for it."""
    brand.run(reamaze_messages_from="conversations")
    before = brand.state
    for number in range(40):
        brand.say(f"x{number}", 60 + number)
    gone = {"kind": "status", "status": 404, "path": THREADS, "query": {"page": "2"}}
    brand.clock.advance(60)
    (failure,) = brand.run(gone, reamaze_messages_from="conversations").failures
    assert f"conversation {SLUG}" in failure
    assert "404" in failure
    assert brand.state == before
    brand.run(reamaze_messages_from="conversations")
    assert brand.is_whole


def test_replies_of_half_a_thread_have_no_place_in_it(brand: Brand) -> None:
    """A conversation that vanishes while it is read is told as far as it was, but not timed."""
    for number in range(40):
        brand.say(f"x{number}", number)
    vanished = {"kind": "status", "status": 404, "path": THREADS}
    brand.sandbox.control(
        faults=[{**vanished, "query": {"page": "2"}}, {**vanished, "at": 3, "times": 9}]
    )
    config = brand.sandbox.config() | {"reamaze_messages_from": "conversations"}
    own = {name: value for name, value in config.items() if name.startswith("reamaze")}
    run = sync(own, catalog=catalog_of(STREAM, REPLIES))
    assert run.failures == []
    assert len(run.records[STREAM]) == len(run.records[REPLIES]) == 29
    assert {row["position"] for row in run.records[REPLIES]} == {None}


def test_a_brand_that_hides_messages_is_found_out_before_a_bookmark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A first run that is cut after some windows leaves nothing behind that no run reads again."""
    monkeypatch.setattr("tap_replies.sources.reamaze.windows.WANTED", 10)
    monkeypatch.setattr("tap_replies.loop.STATE_EVERY", 1)
    sizes: dict[str, Any] = {"conversations": 1, "reamaze_conversations": 20, "reamaze_messages": 3}
    with Sandbox(now=NOW.isoformat(), initial_messages="brand_hides", **sizes) as sandbox:
        brand = Brand(sandbox)
        for number in range(200):
            brand.say(f"x{number}", -number * 3600)
        failing = {"kind": "status", "status": 500, "path": "/api/v1/messages", "times": 999}
        for place in (4, 8, 12, 16, 20, 24):
            brand.run({**failing, "at": place}, retry_seconds=0, max_connections=1)
        brand.run()
        assert brand.is_whole
