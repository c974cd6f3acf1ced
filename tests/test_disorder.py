"""A list that moves is read whole, in whatever order its pages are answered."""

from __future__ import annotations

from random import Random

import pytest
from disorder import CHANGED, NEWEST, NUMBERED, OFFSET, OLDEST, UNCHANGED, read
from hypothesis import given, settings
from hypothesis import strategies as st

EVERY_LIST = pytest.mark.parametrize(
    ("paging", "order"),
    [
        *((OFFSET, order) for order in (NEWEST, OLDEST, CHANGED, UNCHANGED)),
        *((NUMBERED, order) for order in (NEWEST, OLDEST, CHANGED)),
    ],
)


def assert_whole(seed: int, paging: str, order: str) -> None:
    """What stayed in the list came, and no version of a row came twice or after a newer one."""
    lost, came = read(Random(seed), paging, order)  # noqa: S311 - a made-up history
    assert not lost
    assert set(came.values()) <= {1}


@EVERY_LIST
@settings(max_examples=150, derandomize=True, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_stays_is_read_once(paging: str, order: str, seed: int) -> None:
    """Rows come, go, change and jump while pages are answered: the others come once each."""
    assert_whole(seed, paging, order)


@pytest.mark.long
@EVERY_LIST
@settings(max_examples=5_000, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_what_stays_is_read_once_in_many_lists(paging: str, order: str, seed: int) -> None:
    """The same of a great many lists."""
    assert_whole(seed, paging, order)
