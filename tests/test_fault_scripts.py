"""Whatever goes wrong with the requests of a run, what it tells is whole or said to be not."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from clock import ScriptedClock, tap_with
from hypothesis import HealthCheck, given, settings
from scripts import MAILCHIMP, REAMAZE, SCRIPTS, Script
from support import Messages, emitted, held, sync

from tap_replies.paging import OffsetPaging
from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = "2026-05-01T00:00:00+00:00"
MIDDLE = "2025-09-01T00:00:00+00:00"
STREAMS = MAILCHIMP | REAMAZE
FULL = frozenset({"mailchimp_lists"})
CHECKS = (HealthCheck.too_slow,)
STALL = {"kind": "stall", "seconds": 1.2, "path": "/3.0/lists", "at": 1}
"""Longer than the shortest `request_timeout` there is."""

Keys = Counter[tuple[object, ...]]


class Stage:
    """A sandbox that nobody changes, what it holds, and what a run up to its middle told."""

    def __init__(self, sandbox: Sandbox) -> None:
        """Look at all there is, and read half of it."""
        self.sandbox = sandbox
        self.truth = {stream: held(sandbox, stream) for stream in STREAMS}
        self.half = self.run(end_date=MIDDLE)

    def run(self, state: dict[str, Any] | None = None, **options: object) -> Messages:
        """A run whose waits take no time; each request may fail for an hour."""
        clock = ScriptedClock(self.sandbox.world.now)
        config = {
            **self.sandbox.config(),
            "retry_seconds": 3600,
            "unsubscribe_refresh_days": 1000,
            **options,
        }
        # Otherwise pytest keeps all that thousands of runs say of their retries: gigabytes.
        with patch.object(logging.getLogger(), "handlers", [logging.NullHandler()]):
            return sync(config, state=state, tap_class=tap_with(clock))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One sandbox for all scripts, with several pages of everything although it is small."""
    sizes: dict[str, Any] = {
        "conversations": 20,
        "messages": 1,
        "lists": 2,
        "members": 15,
        "campaigns": 8,
    }
    sizes |= {"unsubscribes": 3, "reamaze_conversations": 20, "reamaze_messages": 2}
    paging = OffsetPaging(12, "total_items")
    with (
        patch("tap_replies.sources.mailchimp.client.PAGING", paging),
        patch("tap_replies.sandbox.reamaze.answers.PAGE_SIZE", 8),
        Sandbox(now=NOW, **sizes) as sandbox,
    ):
        yield Stage(sandbox)


HEARD = {
    "mailchimp_campaigns",
    "mailchimp_conversation_messages",
    "mailchimp_unsubscribes",
    "mailchimp_list_unsubscribes",
    "reamaze_messages",
}
"""Streams without whose rows, or senders, `replies` cannot be told."""


def told(run: Messages, before: Messages, stream: str) -> Keys:
    """The keys of a stream that a run told, and those before that it need not tell again."""
    earlier = [] if stream in FULL else before.records[stream]
    return emitted(run.records[stream], stream) + emitted(earlier, stream)


def play(stage: Stage, script: Script) -> None:
    """Run the tap while everything goes wrong, and hold what it told against the truth."""
    before = stage.half if script.goes_on else Messages()
    faults = [*script.faults, *([STALL] if script.stalls else [])]
    lasting = script.lasting
    options = {"max_connections": script.connections, "request_timeout": 1 if script.stalls else 60}
    stage.sandbox.reset()
    stage.sandbox.control(faults=[lasting.fault, *faults] if lasting else faults)
    run = stage.run(before.state or None, **options)
    stage.sandbox.reset()
    broken = lasting.streams if lasting else frozenset[str]()
    for stream in STREAMS - broken:
        assert told(run, before, stream) == stage.truth[stream], stream
    if not lasting:
        assert run.failures == []
        return
    for stream in broken:
        source = stream.partition("_")[0]
        assert [text for text in run.failures if text.startswith((f"{stream},", f"{source}:"))]
        assert run.bookmark(stream) == before.bookmark(stream)
        assert told(run, before, stream) <= stage.truth[stream]
    waits = ["replies,"] if broken & HEARD else []
    names = (*broken, *waits, "mailchimp:", "reamaze:")
    assert all(text.startswith(names) for text in run.failures)
    assert_repaired(stage, run, before, broken)


def assert_repaired(stage: Stage, run: Messages, before: Messages, broken: frozenset[str]) -> None:
    """The next run, in which nothing goes wrong, tells what is missing."""
    repair = stage.run(run.state)
    assert repair.failures == []
    for stream in STREAMS:
        new = emitted(repair.records[stream], stream)
        assert set(new) | set(told(run, before, stream)) == set(stage.truth[stream])
        assert new <= stage.truth[stream]
        assert stream in broken | FULL or not new


@settings(max_examples=80, derandomize=True, deadline=None, suppress_health_check=CHECKS)
@given(script=SCRIPTS)
def test_scripts_of_faults(stage: Stage, script: Script) -> None:
    """Faults that pass cost nothing; one that lasts fails its streams, and the next run repairs."""
    play(stage, script)


@pytest.mark.long
@settings(max_examples=2000, deadline=None, suppress_health_check=CHECKS)
@given(script=SCRIPTS)
def test_many_scripts_of_faults(stage: Stage, script: Script) -> None:
    """The same of a great many scripts."""
    play(stage, script)
