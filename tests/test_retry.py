"""What fails for a while is asked for again until it comes, and nothing comes twice."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from clock import ScriptedClock, tap_with
from support import Messages, asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

ROOT, LISTED, THREAD = "/3.0/", "/3.0/conversations", "/3.0/conversations/fa8c387539/messages"
CONVERSATIONS = "/api/v1/conversations"
STREAMS = ("mailchimp_conversation_messages", "reamaze_conversations")
PLACES = {
    "the account's probe": {"path": ROOT, "at": 1},
    "a parent list": {"path": LISTED, "at": 1},
    "a child": {"path": THREAD, "at": 1},
    "another account's probe": {"path": CONVERSATIONS, "query": {"sort": "changed"}, "at": 1},
    "the first page": {"path": CONVERSATIONS, "query": {"page": "1"}, "at": 1},
    "a page in the middle": {"path": CONVERSATIONS, "query": {"page": "2"}, "at": 1},
    "the last page": {"path": CONVERSATIONS, "query": {"page": "3"}, "at": 1},
}
STATUSES = (408, 425, 429, 500, 502, 503, 504)
TROUBLES: dict[str, dict[str, Any]] = {
    **{f"status {code}": {"kind": "status", "status": code} for code in STATUSES},
    "status 502 without a body": {"kind": "status", "status": 502, "body": "empty"},
    "status 403 in HTML": {"kind": "status", "status": 403, "body": "html"},
    **{kind: {"kind": kind} for kind in ("cut", "reset", "html200", "garbage200")},
    "truncated_json": {"kind": "truncated_json"},
}


@pytest.fixture(scope="module")
def three_pages() -> Iterator[Sandbox]:
    """A sandbox whose Re:amaze conversations fill three pages."""
    with Sandbox(conversations=12, reamaze_conversations=70) as sandbox:
        yield sandbox


@pytest.fixture
def troubled(three_pages: Sandbox) -> Sandbox:
    """The same, before anything goes wrong."""
    three_pages.reset()
    return three_pages


def clock_of(sandbox: Sandbox) -> ScriptedClock:
    """A clock that stands a little after the sandbox's present."""
    return ScriptedClock(sandbox.world.now + 600)


def struck(sandbox: Sandbox) -> list[bool]:
    """Which of the faults have struck."""
    switches = requests.post(f"{sandbox.url}/__control", json={}, timeout=10).json()
    return [fault["seen"] >= (fault["at"] or 1) for fault in switches["faults"]]


def assert_whole(run: Messages, sandbox: Sandbox, *streams: str) -> None:
    """All rows have come, none of them twice, and nothing failed."""
    assert run.failures == []
    for stream in streams:
        assert emitted(run.records[stream], stream) == held(sandbox, stream)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_that_passes_costs_nothing(troubled: Sandbox, trouble: str) -> None:
    """Whatever goes wrong once, and wherever, all rows come in the end and none of them twice."""
    faults = [{**TROUBLES[trouble], **place} for place in PLACES.values()]
    troubled.control(faults=faults)
    clock = clock_of(troubled)
    run = sync(troubled.config(), catalog=catalog_of(*STREAMS), tap_class=tap_with(clock))
    assert_whole(run, troubled, *STREAMS)
    assert struck(troubled) == [True] * len(PLACES)
    assert len([line for line in run.log if "trying again" in line]) >= len(PLACES) - 2


@pytest.mark.parametrize("kind", ["stall", "slow_body"])
def test_slow_answers_are_given_up(troubled: Sandbox, kind: str) -> None:
    """No answer, or no whole one, within `request_timeout` is asked for again."""
    slow = ("a parent list", "a child", "the last page")
    troubled.control(faults=[{"kind": kind, "seconds": 30, **PLACES[name]} for name in slow])
    config = {**troubled.config(), "request_timeout": 1}
    run = sync(config, catalog=catalog_of(*STREAMS), tap_class=tap_with(clock_of(troubled)))
    assert_whole(run, troubled, *STREAMS)
    assert struck(troubled) == [True] * len(slow)


def waits_after(sandbox: Sandbox, retry_after: str) -> list[float]:
    """How long a run waits when one request is refused with this header."""
    fault = {"kind": "status", "status": 429, "retry_after": retry_after}
    sandbox.control(faults=[{**fault, **PLACES["a child"]}])
    clock = clock_of(sandbox)
    stream = "mailchimp_conversation_messages"
    config = {**sandbox.config(), "max_connections": 1}
    run = sync(config, catalog=catalog_of(stream), tap_class=tap_with(clock))
    assert_whole(run, sandbox, stream)
    return clock.waits


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7", 7), ("0.5", 0.5), ("1000000000", 300), ("inf", 300)]
)
def test_retry_after_in_seconds(troubled: Sandbox, retry_after: str, seconds: float) -> None:
    """The seconds that the server asks for are waited, but no more than five minutes."""
    assert waits_after(troubled, retry_after) == [seconds]


@pytest.mark.parametrize(("ahead", "seconds"), [(90, 90), (86_400, 300)])
def test_retry_after_as_a_date(troubled: Sandbox, ahead: float, seconds: float) -> None:
    """A date in the header is waited for, as far as it is within reason."""
    date = datetime.fromtimestamp(clock_of(troubled).time() + ahead, UTC)
    assert waits_after(troubled, format_datetime(date, usegmt=True)) == [seconds]


@pytest.mark.parametrize(
    "retry_after", ["-5", "0", "nan", "", "soon", "Fri, 31 Dec 1999 23:59:59 GMT"]
)
def test_retry_after_without_sense(troubled: Sandbox, retry_after: str) -> None:
    """A header that tells no moment to come leaves the wait to the tap: up to a second at first."""
    (wait,) = waits_after(troubled, retry_after)
    assert 0 <= wait <= 1


def test_waits_grow_beyond_a_minute(troubled: Sandbox) -> None:
    """Without word from the server waits are random, up to twice as long each time but two minutes.

    Together they use up `retry_seconds`.
    """
    random.seed(8)
    troubled.control(faults=[{"kind": "status", "status": 503, "path": THREAD}])
    clock = clock_of(troubled)
    config = {**troubled.config(), "max_connections": 1}
    run = sync(config, catalog=catalog_of(STREAMS[0]), tap_class=tap_with(clock))
    assert len(run.failures) == 1
    assert sum(clock.waits) == pytest.approx(600)
    assert all(wait <= min(2**number, 120) for number, wait in enumerate(clock.waits))
    assert max(clock.waits) > 60
    assert len(asked(troubled, THREAD)) == len(clock.waits) + 1


class Quota(ScriptedClock):
    """A clock that lets the quota of a sandbox be used up until a minute was waited."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Begin with no request left."""
        super().__init__(sandbox.world.now + 600)
        self._sandbox = sandbox
        sandbox.control(faults=[{"kind": "status", "status": 429, "path": "/api/v1/*"}])

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Be at the end of the wait; with it the minute may be over."""
        ended = super().wait(event, seconds)
        if sum(self.waits) >= 60:
            self._sandbox.control(faults=[])
        return ended


def test_a_quota_per_minute_is_outlasted(troubled: Sandbox) -> None:
    """Requests that are refused until the next minute are still answered in the end."""
    clock = Quota(troubled)
    config = {**troubled.config(), "max_connections": 1}
    run = sync(config, catalog=catalog_of("reamaze_conversations"), tap_class=tap_with(clock))
    assert_whole(run, troubled, "reamaze_conversations")
    assert 60 <= sum(clock.waits) < 600


@pytest.mark.parametrize("place", ["a parent list", "a child", "a page in the middle"])
def test_a_stream_that_fails_keeps_its_bookmark(troubled: Sandbox, place: str) -> None:
    """Beyond `retry_seconds` a stream fails alone; the next run brings what it owed."""
    config = troubled.config()
    streams = (*STREAMS, "mailchimp_lists", "reamaze_messages")
    faults = [{"kind": "status", "status": 500, **PLACES[place], "times": 10_000}]
    failing = STREAMS["page" in place]
    begin = sync({**config, "end_date": "2026-01-01"}, catalog=catalog_of(failing))
    troubled.control(faults=faults)
    tap = tap_with(clock_of(troubled))
    run = sync(config, catalog=catalog_of(*streams), state=begin.state, tap_class=tap)
    (failure,) = run.failures
    assert failure.startswith(f"{failing}, account ")
    assert "retry_seconds" in failure
    assert begin.bookmark(failing) == run.bookmark(failing) is not None
    for stream in set(streams) - {failing}:
        assert emitted(run.records[stream], stream) == held(troubled, stream)
    troubled.reset()
    repair = sync(config, catalog=catalog_of(failing), state=run.state)
    assert repair.failures == []
    all_rows = [*begin.records[failing], *run.records[failing], *repair.records[failing]]
    assert emitted(all_rows, failing).keys() == held(troubled, failing).keys()
