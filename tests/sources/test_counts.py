"""What the API says it holds is compared with what it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support import TRUTH_COLUMNS, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def served() -> Iterator[Sandbox]:
    """Both vendors, whose data stays as it is."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def liar(served: Sandbox) -> Iterator[Sandbox]:
    """The same, to tell false totals for one test."""
    yield served
    served.control(total_delta=0)


@pytest.mark.parametrize("stream", TRUTH_COLUMNS)
def test_a_shortfall_is_told(liar: Sandbox, stream: str) -> None:
    """When totals promise more than there is, all that is there arrives, and a warning says so."""
    liar.control(total_delta=2)
    messages = sync(liar.config(), catalog=catalog_of(stream))
    assert messages.failures == []
    assert emitted(messages.records[stream], stream) == held(liar, stream)
    assert any(line.startswith(f"{stream}, account") and "MISSING" in line for line in messages.log)
    assert any("rows more than it gave" in line for line in messages.log)


@pytest.mark.parametrize("stream", TRUTH_COLUMNS)
def test_a_shortfall_can_fail_the_run(liar: Sandbox, stream: str) -> None:
    """With `fail` the rows still arrive, the run fails, and the bookmark stays where it was."""
    liar.control(total_delta=2)
    config = {**liar.config(), "on_count_mismatch": "fail"}
    messages = sync(config, catalog=catalog_of(stream))
    (failure,) = messages.failures
    assert failure.startswith(f"{stream}, account")
    assert emitted(messages.records[stream], stream) == held(liar, stream)
    assert messages.bookmark(stream) is None
    liar.control(total_delta=0)
    again = sync(config, catalog=catalog_of(stream), state=messages.state)
    assert again.failures == []
    assert emitted(again.records[stream], stream) == held(liar, stream)


def test_a_shortfall_can_be_ignored(liar: Sandbox) -> None:
    """With `ignore` nothing is said beyond the summary."""
    liar.control(total_delta=2)
    messages = sync({**liar.config(), "on_count_mismatch": "ignore"})
    assert messages.failures == []
    assert not [line for line in messages.log if "rows more than it gave" in line]


@pytest.mark.parametrize("delta", [-1, -1000])
def test_totals_that_are_too_small_hide_nothing(liar: Sandbox, delta: int) -> None:
    """A total never ends the reading: a short page does."""
    liar.control(total_delta=delta)
    messages = sync({**liar.config(), "on_count_mismatch": "fail"})
    assert messages.failures == []
    for stream in TRUTH_COLUMNS:
        assert emitted(messages.records[stream], stream) == held(liar, stream)


def test_right_totals_are_told_too(still: Sandbox) -> None:
    """The summary of each stream says how many rows were emitted, and read of how many."""
    messages = sync(still.config())
    for stream in TRUTH_COLUMNS:
        count = held(still, stream).total()
        assert any(
            line.startswith(f"{stream}, account") and f"{count} emitted; {count} read of" in line
            for line in messages.log
        )
