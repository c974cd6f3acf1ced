"""A hundred times as many rows: how much memory the tap takes at its peak."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, repeated, tap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FEW, MANY = 10_000, 1_000_000
PART = 1000
MOST_MB = 200
FLAT = 1.2

Shape = tuple[dict[str, int], dict[str, int]]

REMEMBERED: dict[str, Callable[[int], Shape]] = {
    "mailchimp_conversations": lambda rows: (
        {"conversations": PART, "messages": 1},
        {"conversations": rows // PART},
    ),
    "mailchimp_list_unsubscribes": lambda rows: (
        {"lists": 1, "members": PART},
        {"members": rows // PART},
    ),
}
"""Streams of one list, whose keys are kept until its end: sizes, and what is repeated how often."""

NOT_REMEMBERED: dict[str, Callable[[int], Shape]] = {
    "mailchimp_conversation_messages": lambda rows: (
        {"conversations": rows // PART, "messages": 1},
        {"messages": PART},
    ),
    "mailchimp_unsubscribes": lambda rows: (
        {"lists": 1, "campaigns": rows // PART, "unsubscribes": 1},
        {"unsubscribes": PART},
    ),
}
"""Streams of many lists, of which each is forgotten at its end."""


AGAIN = 50_000
ALL_OF_TIME = 1_000_000
"""Minutes; so long an overlap that every row lies in it."""


def peak(stream: str, shape: Shape, rows: int) -> float:
    """Megabytes at so many rows."""
    with repeated(*shape) as place:
        outcome = tap(place, [stream], heads=True)
    assert outcome.count("RECORD") >= rows
    return outcome.peak_mb


def peak_again(stream: str, shape: Shape) -> float:
    """Megabytes of a second run that holds all rows against those of the first."""
    with repeated(*shape) as place:
        first = tap(place, [stream], heads=True)
        return tap(place, [stream], first.state, heads=True, lookback_minutes=ALL_OF_TIME).peak_mb


def figures() -> Iterator[Figure]:
    """The peak resident size of the process, Python and the SDK included; two run side by side."""
    shapes = {**REMEMBERED, **NOT_REMEMBERED}
    with ThreadPoolExecutor(2) as pool:
        first = {
            (stream, rows): pool.submit(peak, stream, shapes[stream](rows), rows)
            for stream, rows in product(shapes, (MANY, FEW))
        }
        second = {
            stream: pool.submit(peak_again, stream, shape(AGAIN))
            for stream, shape in REMEMBERED.items()
        }
        for stream in shapes:
            few, many = (first[stream, rows].result() for rows in (FEW, MANY))
            yield Figure(stream, f"peak at {FEW:,} rows", few, "MB")
            yield Figure(stream, f"peak at {MANY:,} rows", many, "MB", most=MOST_MB)
            if stream in NOT_REMEMBERED:
                yield Figure(stream, "growth of it", many / few, "x", most=FLAT)
        for stream, again in second.items():
            what = f"peak of a second run, overlap of {AGAIN:,}"
            yield Figure(stream, what, again.result(), "MB", most=MOST_MB)
