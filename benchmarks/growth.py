"""Ten and a hundred times as much: memory, time per record and per parent, bytes of STATE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.harness import Figure, Outcome, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

FEW, MANY = 10_000, 1_000_000
MOST_MB = 200
FLAT = 1.2

MEMORY: dict[str, Any] = {
    "mailchimp_conversations": lambda rows: {"conversations": rows, "messages": 1},
    "mailchimp_list_unsubscribes": lambda rows: {"lists": 1, "members": rows},
}
PARENTS = (1_000, 10_000, 100_000)


def state_bytes(outcome: Outcome) -> int:
    """The size of the largest STATE message."""
    return max(len(line) for line in outcome.lines if line.startswith(b'{"type":"STATE"'))


def figures() -> Iterator[Figure]:
    """Peak memory at a million rows, and how time and STATE grow with the parents."""
    for stream, sizes in MEMORY.items():
        for rows in (FEW, MANY):
            with server(**sizes(rows)) as place:
                outcome = tap(place, [stream])
            bound = {"most": MOST_MB} if rows == MANY else {}
            yield Figure(stream, f"peak at {rows:,} rows", outcome.peak_mb, "MB", **bound)
    stream = "mailchimp_conversation_messages"
    per_parent, states = [], []
    for parents in PARENTS:
        with server(conversations=parents, messages=1) as place:
            rounds = 3 if parents < PARENTS[-1] else 1
            outcome = fastest(tap(place, [stream]) for _ in range(rounds))
        per_parent.append(outcome.seconds / parents * 1e6)
        states.append(state_bytes(outcome))
        yield Figure(stream, f"time per parent at {parents:,}", per_parent[-1], "us")
    yield Figure(stream, "growth of it", per_parent[-1] / per_parent[0], "x", most=FLAT)
    yield Figure(stream, "growth of STATE", max(states) / min(states), "x", most=1.02)
