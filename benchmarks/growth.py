"""Ten and a hundred times as many rows, and parents: time for each, and bytes of STATE."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, Outcome, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLAT = 1.2
STATE_FLAT = 1.02
PARENTS = (1_000, 10_000, 100_000)
FEWER = (1_000, 10_000)
"""Campaigns; a hundred thousand of them would take as long as all the rest."""

RECORDS, MESSAGES, OPT_OUTS = (
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
    "mailchimp_unsubscribes",
)


def state_bytes(outcome: Outcome) -> int:
    """The size of the largest STATE message."""
    return max(len(line) for line in outcome.lines if line.startswith(b'{"type":"STATE"'))


def measured(size: str, counts: Sequence[int], *streams: str) -> Iterator[tuple[str, int, Outcome]]:
    """Each stream at each size of the sandbox; at the first one three times, as that is short."""
    for count in counts:
        with server(**{size: count, "messages": 1, "unsubscribes": 1}) as place:
            for stream in streams:
                rounds = 3 if count == counts[0] else 1
                yield stream, count, fastest(tap(place, [stream]) for _ in range(rounds))


def figures() -> Iterator[Figure]:
    """How time and STATE grow with the rows and the parents."""
    each = {RECORDS: "record", MESSAGES: "parent", OPT_OUTS: "parent"}
    times: dict[str, list[float]] = {stream: [] for stream in each}
    states: dict[str, list[int]] = {stream: [] for stream in each}
    outcomes = chain(
        measured("conversations", PARENTS, RECORDS, MESSAGES),
        measured("campaigns", FEWER, OPT_OUTS),
    )
    for stream, count, outcome in outcomes:
        times[stream].append(outcome.seconds / count * 1e6)
        states[stream].append(state_bytes(outcome))
        case = f"time per {each[stream]} at {count:,}"
        yield Figure(stream, case, times[stream][-1], "us")
    for stream, taken in times.items():
        for count, longer in zip(PARENTS[1:], taken[1:], strict=False):
            yield Figure(stream, f"growth of it at {count:,}", longer / taken[0], "x", most=FLAT)
        sizes = states[stream]
        if stream == OPT_OUTS:  # it keeps the counts of the campaigns that are still refreshed
            for count, size in zip(FEWER, sizes, strict=True):
                yield Figure(stream, f"STATE at {count:,}", size, "bytes")
        else:
            growth = max(sizes) / min(sizes)
            yield Figure(stream, "growth of STATE", growth, "x", most=STATE_FLAT)
