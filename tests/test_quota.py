"""A quota per minute is used nearly whole, though the server tells its number to nobody."""

from __future__ import annotations

import heapq
import random
from collections import deque
from typing import TYPE_CHECKING

import pytest

from tap_replies.limits import Pace

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTES = 8


def calendar(quota: int) -> Callable[[float], bool]:
    """A server that counts anew with each minute of its clock."""
    used: dict[int, int] = {}

    def accepts(now: float) -> bool:
        minute = int(now // 60)
        used[minute] = used.get(minute, 0) + 1
        return used[minute] <= quota

    return accepts


def sliding(quota: int) -> Callable[[float], bool]:
    """A server that looks at the last sixty seconds."""
    last: deque[float] = deque()

    def accepts(now: float) -> bool:
        while last and last[0] <= now - 60:
            last.popleft()
        if len(last) >= quota:
            return False
        last.append(now)
        return True

    return accepts


def bucket(quota: int, size: int | None = None) -> Callable[[float], bool]:
    """A server whose tokens come back evenly; as many as a minute brings are kept."""
    most = size or quota
    tokens, filled = float(most), 0.0

    def accepts(now: float) -> bool:
        nonlocal tokens, filled
        tokens = min(most, tokens + (now - filled) * quota / 60)
        filled = now
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return accepts


def small_bucket(quota: int) -> Callable[[float], bool]:
    """A server that keeps the tokens of six seconds at most."""
    return bucket(quota, max(1, quota // 10))


def run(  # noqa: PLR0913 - what a server does, and how long
    pace: Pace,
    accepts: Callable[[float], bool],
    latency: float,
    start: float = 0,
    *,
    wait: float | None = None,
    minutes: int = MINUTES,
) -> tuple[list[int], list[int]]:
    """How many requests of a busy run each minute of the server has answered, and refused.

    With a `wait`, each refusal asks for as many seconds.
    """
    rng = random.Random(7)  # noqa: S311 - no secret
    good, bad = [0] * minutes, [0] * minutes
    flying: list[tuple[float, float, bool]] = []
    now = start
    while True:
        may_start = pace.in_flight < pace.allowed
        if flying and (not may_start or flying[0][0] <= max(now, pace.next_start)):
            now, started, is_good = heapq.heappop(flying)
            pace.in_flight -= 1
            if is_good:
                pace.answered(started, now)
            else:
                pace.refused(started, now, wait)
            continue
        now = max(now, pace.next_start)
        minute = int(now // 60)
        if minute >= minutes:
            return good, bad
        pace.in_flight += 1
        pace.start(now)
        is_good = accepts(now)
        (good if is_good else bad)[minute] += 1
        heapq.heappush(flying, (now + latency * rng.uniform(0.5, 1.5), now, is_good))


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("quota", [30, 120, 600, 3000])
@pytest.mark.parametrize(
    ("server", "begin"),
    [
        *((calendar, begin) for begin in (0, 20, 31, 55)),
        *((server, 0) for server in (sliding, bucket, small_bucket)),
    ],
)
def test_a_quota_nobody_told_is_used(
    server: Callable[[int], Callable[[float], bool]], begin: float, quota: int, threads: int
) -> None:
    """After two minutes nine tenths of the quota are used in each, and few requests refused.

    Until then no more than two requests in a second of the first minute are.
    """
    pace = Pace(threads, None, learns_quota=True)
    good, bad = run(pace, server(quota), latency=0.012 if threads == 1 else 0.1, start=begin)
    assert min(good[2:]) >= 0.9 * quota
    assert max(bad[2:]) <= max(10, quota / 200)
    assert sum(bad[:2]) <= 120


@pytest.mark.parametrize("threads", [1, 8])
@pytest.mark.parametrize("quota", [30, 120, 600])
@pytest.mark.parametrize("wait", [30, 60])
@pytest.mark.parametrize("server", [calendar, sliding])
def test_refusals_that_cost_much_are_rare(
    server: Callable[[int], Callable[[float], bool]], wait: float, quota: int, threads: int
) -> None:
    """Where each refusal asks for the same long wait, most of half an hour's quota is used too."""
    pace = Pace(threads, None, learns_quota=True)
    latency = 0.05 if threads == 1 else 0.1
    good, _ = run(pace, server(quota), latency, wait=wait, minutes=32)
    assert sum(good[2:]) >= 0.9 * quota * 30


def test_one_refusal_early_costs_little() -> None:
    """A single refusal among the first requests does not slow the minutes after it."""
    asked = 0

    def accepts(_: float) -> bool:
        nonlocal asked
        asked += 1
        return asked != 12

    unhindered, _ = run(Pace(8, None, learns_quota=True), lambda _: True, latency=0.1)
    good, bad = run(Pace(8, None, learns_quota=True), accepts, latency=0.1)
    assert sum(bad) == 1
    assert min(good[1:]) >= 0.97 * min(unhindered[1:])
    assert good[0] >= 0.95 * unhindered[0]


def test_a_larger_quota_is_found() -> None:
    """When the quota grows by half, it is used within five minutes; forty if refusals cost one."""
    small, large = sliding(300), sliding(450)

    def accepts(now: float) -> bool:
        return large(now) and (now >= 120 or small(now))

    good, _ = run(Pace(8, None, learns_quota=True), accepts, latency=0.1)
    assert good[2] < 0.9 * 450 <= good[7]
    small, large = sliding(300), sliding(450)
    good, _ = run(Pace(8, None, learns_quota=True), accepts, latency=0.1, wait=60, minutes=60)
    assert good[7] < 0.9 * 450 <= good[40]


def test_a_limit_at_once_is_no_quota() -> None:
    """Where the vendor limits the requests at once, a refusal leaves the rate alone."""
    pace = Pace(10, None, learns_quota=False)
    pace.start(100)
    pace.refused(100, 101, None)
    assert (pace.allowed, pace.next_start) == (5, 101)
    pace.start(200)
    assert pace.next_start == 200


def test_a_told_wait_is_kept() -> None:
    """While a quota is learnt, `Retry-After` still says when the next request may start."""
    pace = Pace(8, None, learns_quota=True)
    pace.start(100)
    pace.refused(100, 101, 37)
    assert pace.next_start == 138
