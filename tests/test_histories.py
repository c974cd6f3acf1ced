"""Nothing is lost in the course of time: rows come, change and go between syncs and during them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from histories import HISTORIES, History, tell
from hypothesis import HealthCheck, given, settings
from topics import TOPICS

if TYPE_CHECKING:
    from worlds import Topic

EVERY_STREAM = pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.stream)
CHECKS = (HealthCheck.too_slow,)


@EVERY_STREAM
@settings(max_examples=8, derandomize=True, deadline=None, suppress_health_check=CHECKS)
@given(history=HISTORIES)
def test_all_that_was_there_is_told(topic: Topic, history: History) -> None:
    """Whatever was there during a whole run was told by then, in its newest version and once."""
    tell(topic, history)


@pytest.mark.long
@EVERY_STREAM
@settings(max_examples=150, deadline=None, suppress_health_check=CHECKS)
@given(history=HISTORIES)
def test_all_that_was_there_is_told_in_long_histories(topic: Topic, history: History) -> None:
    """The same of a great many histories."""
    tell(topic, history)
