"""A quota per minute is kept and used, asked through the sandbox on a clock of both."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock
from minutes import NEVER, SharedClock, by_minute, read
from support import asked, emitted, held
from typing_extensions import override

from tap_replies.limits import LONGEST_HOLD, Limiter, SystemClock
from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

THREADS, LISTED = "reamaze_messages", "reamaze_conversations"
OPENED = "mailchimp_conversation_messages"
ONE_BY_ONE = {"reamaze_messages_from": "conversations"}
COUNTINGS = ("sliding", "calendar", "bucket", "small_bucket")
LONG = [
    pytest.param(counting, quota, connections, marks=pytest.mark.long)
    for counting in COUNTINGS
    for quota in (30, 600, 3000)
    for connections in (1, 8)
]
SHORT = [
    *((counting, 120, 8) for counting in COUNTINGS),
    ("sliding", 120, 1),
    ("calendar", 120, 1),
    ("sliding", 500, 8),
]


def limited(quota: int, connections: int, **switches: Any) -> Sandbox:  # noqa: ANN401
    """A sandbox with threads to read for more than four minutes."""
    return Sandbox(
        conversations=1,
        reamaze_conversations=max(600, int(quota * (5.2 if "bucket" in str(switches) else 4.2))),
        reamaze_messages=1,
        max_per_minute=quota,
        latency_ms=12 if connections == 1 else 100,
        **switches,
    )


@pytest.mark.parametrize(("counting", "quota", "connections"), [*SHORT, *LONG])
def test_a_quota_nobody_tells_is_used(counting: str, quota: int, connections: int) -> None:
    """From the third minute on nine tenths of it are used in each, and few requests refused."""
    with limited(quota, connections, quota_counting=counting) as sandbox:
        clock = SharedClock(sandbox)
        run = read(sandbox, clock, THREADS, max_connections=connections, **ONE_BY_ONE)
        assert run.failures == []
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
        good, bad = by_minute(sandbox, clock, 200), by_minute(sandbox, clock, 429)
        assert len(good) >= 4
        assert min(good[2:]) >= 0.9 * quota
        assert max(bad[2:]) <= max(10, quota / 200)
        assert sum(bad[:2]) <= 120


@pytest.mark.parametrize(("counting", "quota", "connections"), [*SHORT, *LONG])
def test_a_quota_in_the_settings_is_kept(counting: str, quota: int, connections: int) -> None:
    """With `max_requests_per_minute` as large as the quota nothing is refused, and it is used."""
    with limited(quota, connections, quota_counting=counting) as sandbox:
        clock = SharedClock(sandbox, begin=-1)
        wanted = {"max_connections": connections, "max_requests_per_minute": quota, **ONE_BY_ONE}
        run = read(sandbox, clock, THREADS, **wanted)
        assert run.failures == []
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
        assert sandbox.stats()["statuses"].keys() == {"200"}
        good = by_minute(sandbox, clock, 200)
        assert len(good) >= 4
        assert min(good) >= 0.9 * quota


@pytest.mark.parametrize("most", [3, 5])
def test_too_many_at_once_are_not_too_many_a_minute(most: int) -> None:
    """Mailchimp's 429 lessens the requests at once, but they follow each other without pause."""
    with Sandbox(conversations=1000, messages=1, latency_ms=100, max_connections=most) as sandbox:
        clock = SharedClock(sandbox)
        begun = clock.now()
        run = read(sandbox, clock, OPENED)
        assert run.failures == []
        assert emitted(run.records[OPENED], OPENED) == held(sandbox, OPENED)
        statuses = sandbox.stats()["statuses"]
        assert 0 < statuses["429"] <= statuses["200"] / 4
        assert clock.now() - begun <= 1.7 * statuses["200"] * 0.1 / most


def test_accounts_do_not_wait_for_each_other() -> None:
    """Once its turn has come a brand asks as fast as ever, though another's quota is used up."""
    with Sandbox(brands=2, conversations=1, reamaze_conversations=200) as sandbox:
        first, second = (brand.name for brand in sandbox.world.reamaze)
        quiet = {"kind": "status", "status": 429, "retry_after": "120", "account": first}
        sandbox.control(faults=[quiet | {"at": 3, "times": 1}], latency_ms=100)
        clock = SharedClock(sandbox)
        assert read(sandbox, clock, LISTED).failures == []
        moments = {
            name: [one.moment for one in sandbox.app.stats.visits if one.account == name]
            for name in (first, second)
        }
        assert max(moments[first]) - min(moments[first]) >= 120
        _, *listed = sorted(moments[second])  # before, it was only asked who it is
        assert max(after - before for before, after in pairwise(listed)) <= 0.5


@pytest.fixture
def brand() -> Iterator[Sandbox]:
    """Some threads of Re:amaze."""
    with Sandbox(conversations=1, reamaze_conversations=20, reamaze_messages=1) as sandbox:
        yield sandbox


@pytest.mark.parametrize("connections", [1, 8])
def test_a_told_wait_is_kept(brand: Sandbox, connections: int) -> None:
    """Nothing is sent for as long as `Retry-After` says."""
    refusal = {"kind": "status", "status": 429, "path": "*/messages", "retry_after": "45"}
    brand.control(faults=[refusal | {"at": 10, "times": 1}], latency_ms=100)
    clock = SharedClock(brand)
    run = read(brand, clock, THREADS, max_connections=connections, **ONE_BY_ONE)
    assert run.failures == []
    visits = list(brand.app.stats.visits)
    (told,) = (visit.moment for visit in visits if visit.status == 429)
    assert min(visit.moment for visit in visits if visit.moment > told + 0.15) >= told + 45


@pytest.mark.parametrize("per_minute", [None, 1, 30])
@pytest.mark.parametrize("connections", [1, 8])
def test_a_server_that_lets_nobody_in(
    brand: Sandbox, connections: int, per_minute: int | None
) -> None:
    """Nothing but 429 is asked again until `retry_seconds` are over, and once more at most."""
    brand.control(faults=[{"kind": "status", "status": 429, "path": "*/messages"}])
    clock = SharedClock(brand)
    settings = {"max_connections": connections, "max_requests_per_minute": per_minute}
    run = read(brand, clock, THREADS, **settings, **ONE_BY_ONE)
    (failure,) = run.failures
    assert "failed for 600 s (retry_seconds)" in failure
    refused = [visit.moment for visit in brand.app.stats.visits if visit.status == 429]
    turn = connections * max(LONGEST_HOLD, 61 / (per_minute or 61))
    assert 600 <= max(refused) - min(refused) <= 600 + turn + 10
    assert len(refused) <= (600 + turn) / 4 + 2 + connections


@pytest.mark.parametrize("connections", [1, 8])
def test_waiting_for_others_uses_up_no_patience(brand: Sandbox, connections: int) -> None:
    """A request may fail twice although each turn comes later than `retry_seconds` allow."""
    brand.control(
        faults=[
            {"kind": "status", "path": f"/api/v1/conversations/{slug}/messages", "times": 2}
            for slug, _ in held(brand, THREADS)
        ]
    )
    clock = SharedClock(brand)
    settings = {"max_connections": connections, "max_requests_per_minute": 1, "retry_seconds": 50}
    run = read(brand, clock, THREADS, **settings, **ONE_BY_ONE)
    assert run.failures == []
    assert emitted(run.records[THREADS], THREADS) == held(brand, THREADS)
    assert len(asked(brand, "/api/v1/conversations/knock-knock/messages")) == 3


def test_a_refusal_delays_who_waits_already() -> None:
    """Whoever waits for its turn when another is refused waits for as long as that one is told."""

    class Refusing(ScriptedClock):
        @override
        def wait(self, event: threading.Event, seconds: float) -> bool:
            if not self.waits:
                limiter.refused(0, 50)
            return super().wait(event, seconds)

    clock = Refusing(0)
    limiter = Limiter(8, 30, clock, learns_quota=True)
    limiter.leave(limiter.enter(NEVER).started, good=True)
    assert limiter.enter(NEVER).started == 50


def test_nobody_is_let_in_at_the_end() -> None:
    """A stop releases all who wait, whatever for, and none of them sends anything."""
    limiter = Limiter(2, 1, SystemClock(), learns_quota=True)
    stop, refused = threading.Event(), []
    limiter.enter(stop)

    def wait() -> None:
        try:
            limiter.enter(stop)
        except CancelledError as error:
            refused.append(error)

    threads = [threading.Thread(target=wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    stop.set()
    for thread in threads:
        thread.join()
    assert (len(refused), limiter.in_flight) == (8, 1)
