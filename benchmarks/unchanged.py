"""A second run in which nothing changed, or 10 threads: how many requests it takes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, Outcome, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS = (
    "accounts",
    "mailchimp_lists",
    "mailchimp_campaigns",
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
    "mailchimp_unsubscribes",
    "mailchimp_list_unsubscribes",
    "reamaze_conversations",
    "reamaze_messages",
    "replies",
)
CHANGED = 10
MOST, MOST_MORE = 40, 20


def threads(outcome: Outcome) -> list[str]:
    """The ids of the Mailchimp threads that a run emitted."""
    messages = map(json.loads, outcome.lines)
    of = "mailchimp_conversations"
    records = [each["record"] for each in messages if each.get("stream") == of and "record" in each]
    return [record["id"] for record in records]


def figures() -> Iterator[Figure]:
    """Requests and records of the second run, and of a third in which 10 threads changed."""
    sizes = {
        "conversations": 10_000,
        "messages": 1,
        "campaigns": 1000,
        "reamaze_conversations": 5000,
        "reamaze_messages": 4,
    }
    case = "10,000 threads, 1,000 campaigns, 20,000 messages"
    with server(**sizes) as place:
        first = tap(place, STREAMS)
        yield Figure(case, "first run", place.stats()["total"], "requests")
        place.reset()
        second = tap(place, STREAMS, first.state)
        unchanged = place.stats()["total"]
        yield Figure(case, "second run", unchanged, "requests", most=MOST)
        yield Figure(case, "second run", second.count("RECORD"), "records")
        change = {"op": "new_message", "source": "mailchimp"}
        place.mutate(*({**change, "key": thread} for thread in threads(first)[:CHANGED]))
        place.reset()
        tap(place, STREAMS, second.state)
        more = place.stats()["total"] - unchanged
        yield Figure(case, "more once 10 threads changed", more, "requests", most=MOST_MORE)
