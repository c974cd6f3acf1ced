"""An answer may be zipped in odd ways, or spoilt."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support import asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox, wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_replies.sandbox.answer import Answer

THREADS = "mailchimp_conversations"


def _members(answer: Answer) -> bytes:
    half = len(answer.body) // 2
    return gzip.compress(answer.body[:half]) + gzip.compress(answer.body[half:])


def _deflated(answer: Answer) -> bytes:
    return zlib.compress(answer.body)


ODD: dict[str, Callable[[Answer], bytes]] = {
    "in two members": _members,
    "followed by something else": lambda answer: gzip.compress(answer.body) + b"\0" * 7,
    "followed by what looks like a size": lambda answer: gzip.compress(answer.body) + b"\xff" * 4,
    "without its sum": lambda answer: gzip.compress(answer.body)[:-8],
    "stored": lambda answer: gzip.compress(answer.body, 0),
}
SPOILT: dict[str, Callable[[Answer], bytes]] = {
    "cut": lambda answer: gzip.compress(answer.body)[:-20],
    "with a wrong sum": lambda answer: gzip.compress(answer.body)[:-8] + b"\1" * 8,
    "not zipped": lambda answer: answer.body,
    "empty": lambda _: b"",
}


def zipping(monkeypatch: pytest.MonkeyPatch, pack: Callable[[Answer], bytes], most: int) -> None:
    """Have the sandbox zip some answers otherwise than it does."""
    right, left = wire.zipped, [None] * most

    def zipped(answer: Answer) -> Answer:
        return (
            replace(right(answer), body=pack(answer)) if left and not left.pop() else right(answer)
        )

    monkeypatch.setattr(wire, "zipped", zipped)


@pytest.mark.parametrize("how", ODD)
def test_zipped_answers(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However an answer is zipped, all of it is read."""
    zipping(monkeypatch, ODD[how], 100)
    with Sandbox(conversations=1500, messages=1) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of(THREADS))
        assert run.failures == []
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
        assert len(asked(sandbox, "/3.0/conversations")) == 2


@pytest.mark.parametrize("how", SPOILT)
def test_answers_that_cannot_be_unzipped(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be unpacked is asked for again."""
    zipping(monkeypatch, SPOILT[how], 1)
    with Sandbox(conversations=1500, messages=1) as sandbox:
        sandbox.control(faults=[{"kind": "stall", "seconds": 0, "path": "*"}])  # none is kept
        run = sync(sandbox.config() | {"max_connections": 1}, catalog=catalog_of(THREADS))
        assert run.failures == []
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
        assert len(asked(sandbox, "/3.0/conversations")) == 3


def test_an_answer_in_another_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that deflates, although it was not asked to, is understood."""
    right = wire.zipped

    def deflated(answer: Answer) -> Answer:
        names = dict(right(answer).headers) | {b"content-encoding": b"deflate"}
        return replace(answer, body=_deflated(answer), headers=tuple(names.items()))

    monkeypatch.setattr(wire, "zipped", deflated)
    with Sandbox(conversations=1500, messages=1) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of(THREADS))
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
