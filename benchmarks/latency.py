"""Every answer takes 80 ms: how close the tap comes to what the connections allow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Figure, Server, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

LATENCY_MS = 80
CONNECTIONS = 8
MOST_CONNECTIONS = 10
BOUND = 1.25
ROUNDS = 3
SHORT = 5.0
"""Seconds; longer runs are disturbed less."""


CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "200 campaigns x 5 opt-outs": (
        "mailchimp_unsubscribes",
        {"campaigns": 200, "unsubscribes": 5},
    ),
    "2,000 threads x 3 messages": (
        "mailchimp_conversation_messages",
        {"conversations": 2000, "messages": 3},
    ),
    "one list of 50,000 members": (
        "mailchimp_list_unsubscribes",
        {"lists": 1, "members": 50_000},
    ),
}


def timed(place: Server, stream: str, latency: int, connections: int) -> tuple[float, int]:
    """Seconds and requests of one run; of a short one, of the fastest of some."""
    place.control(latency_ms=latency)
    fastest = math.inf
    for _ in range(ROUNDS):
        place.reset()
        fastest = min(fastest, tap(place, [stream], max_connections=connections).seconds)
        if fastest > SHORT:
            break
    return fastest, place.stats()["total"]


def figures() -> Iterator[Figure]:
    """The time of each case against the larger of the latency's and the work's."""
    for case, (stream, sizes) in CASES.items():
        with server(**sizes) as place:
            work, _ = timed(place, stream, 0, CONNECTIONS)
            slow, requests = timed(place, stream, LATENCY_MS, CONNECTIONS)
            ideal = requests / CONNECTIONS * LATENCY_MS / 1000
            yield Figure(case, "at no latency", work, "s")
            yield Figure(case, f"{requests} requests at {LATENCY_MS} ms, ideally", ideal, "s")
            yield Figure(case, "taken", slow, "s")
            yield Figure(case, "of the larger", slow / max(ideal, work), "x", most=BOUND)
            timed(place, stream, LATENCY_MS, MOST_CONNECTIONS)
            refused = place.stats()["statuses"].get("429", 0)
            yield Figure(case, "429 at 10 connections", refused, "answers", most=0)
