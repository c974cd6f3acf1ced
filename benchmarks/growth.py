"""Ten and a hundred times as many rows, and parents: time for each, and bytes of STATE."""

from __future__ import annotations

from itertools import chain
from statistics import mean
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, Outcome, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLAT = 1.2
STATE_FLAT = 1.02
FEW = 1_000
MORE = (10_000, 100_000)
CAMPAIGNS = (10_000,)
"""A hundred thousand of them would take as long as all the rest."""

ROUNDS = 2
"""Short runs before each long one, and after it: in two minutes the machine's speed changes."""

RECORDS, MESSAGES, OPT_OUTS = (
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
    "mailchimp_unsubscribes",
)


def state_bytes(outcome: Outcome) -> int:
    """The size of the largest STATE message."""
    return max(len(line) for line in outcome.lines if line.startswith(b'{"type":"STATE"'))


def measured(
    size: str, counts: Sequence[int], *streams: str
) -> Iterator[tuple[str, int, list[Outcome], Outcome]]:
    """Each stream at each size of the sandbox, beside short runs that surround it."""
    alike = {"messages": 1, "unsubscribes": 1}
    with server(**{size: FEW, **alike}) as small:
        for count in counts:
            with server(**{size: count, **alike}) as large:
                for stream in streams:
                    before = [tap(small, [stream]) for _ in range(ROUNDS)]
                    longer = tap(large, [stream])
                    after = [tap(small, [stream]) for _ in range(ROUNDS)]
                    yield stream, count, before + after, longer


def figures() -> Iterator[Figure]:
    """How time and STATE grow with the rows and the parents."""
    each = {RECORDS: "record", MESSAGES: "parent", OPT_OUTS: "parent"}
    outcomes = chain(
        measured("conversations", MORE, RECORDS, MESSAGES),
        measured("campaigns", CAMPAIGNS, OPT_OUTS),
    )
    for stream, count, shorter, longer in outcomes:
        few = mean(outcome.seconds for outcome in shorter) / FEW
        many = longer.seconds / count
        what = f"time per {each[stream]} at"
        yield Figure(stream, f"{what} {FEW:,}, beside {count:,}", few * 1e6, "us")
        yield Figure(stream, f"{what} {count:,}", many * 1e6, "us")
        yield Figure(stream, f"growth of it at {count:,}", many / few, "x", most=FLAT)
        sizes = [state_bytes(outcome) for outcome in (shorter[0], longer)]
        if stream == OPT_OUTS:  # it keeps the counts of the campaigns that are still refreshed
            for number, found in zip((FEW, count), sizes, strict=True):
                yield Figure(stream, f"STATE at {number:,}", found, "bytes")
        else:
            growth = max(sizes) / min(sizes)
            yield Figure(stream, f"growth of STATE at {count:,}", growth, "x", most=STATE_FLAT)
