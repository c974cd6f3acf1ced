"""Ten and a hundred times as many parents: time for each, and bytes of STATE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.harness import Figure, Outcome, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAT = 1.2
PARENTS = (1_000, 10_000, 100_000)


def state_bytes(outcome: Outcome) -> int:
    """The size of the largest STATE message."""
    return max(len(line) for line in outcome.lines if line.startswith(b'{"type":"STATE"'))


def figures() -> Iterator[Figure]:
    """How time and STATE grow with the parents."""
    stream = "mailchimp_conversation_messages"
    per_parent, states = [], []
    for parents in PARENTS:
        with server(conversations=parents, messages=1) as place:
            rounds = 3 if parents == PARENTS[0] else 1
            outcome = fastest(tap(place, [stream]) for _ in range(rounds))
        per_parent.append(outcome.seconds / parents * 1e6)
        states.append(state_bytes(outcome))
        yield Figure(stream, f"time per parent at {parents:,}", per_parent[-1], "us")
    yield Figure(stream, "growth of it", per_parent[-1] / per_parent[0], "x", most=FLAT)
    yield Figure(stream, "growth of STATE", max(states) / min(states), "x", most=1.02)
