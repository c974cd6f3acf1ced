"""How many requests may be under way, and when the next may start."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import Protocol

from tap_replies.errors import Stopped

MINUTE = 60.0
MARGIN = 1.0
"""Seconds by which a minute of the server may be shorter: not all requests travel equally fast."""

CATCH_UP = MARGIN / 2
"""Seconds by which a request may be late without delaying those after it."""

POLL_SECONDS = 0.2
BELOW_QUOTA = 0.97
GROWTH = 1.02
MOST_QUIET_MINUTES = 60.0
WAITS_BETWEEN = 25  # as many waits at least lie between two of the refusals that ask for them
SMALLEST_QUOTA = 20.0
"""Less in a minute says that little was asked, not that little is allowed."""

LONGEST_HOLD = 4.0
"""Seconds between two tries of a quota that is used up; so long a new window may go unused."""


class Clock(Protocol):
    """Where the time comes from, so that tests need not wait."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def time(self) -> float:
        """Seconds since 1970."""

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep until the event is set (true) or the seconds are over (false)."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return time.monotonic()

    def time(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep until the event is set (true) or the seconds are over (false)."""
        return event.wait(seconds)


class Pace:
    """When one credential's next request may start; it only reckons, and waits for nothing.

    After a refusal for too many requests (status 429) what is learnt depends on the vendor. One
    that limits the requests at once is asked half as many at once. Otherwise there must be a
    quota, whose number is not told (Re:amaze API documentation, "Rate limiting"):

    - Nothing is sent for as long as the server says, or for 1, 2, 4, 4, ... seconds without word;
      then one request at a time, until one is answered.
    - What was answered in the minute before the last refusal is taken as the quota, and the next
      requests are spaced evenly at a little less, so that no burst meets the end of a window.
    - The rate grows by 2 % in the first minute without a refusal, and faster the longer none
      comes, so that a larger quota is found; slower for 25 times the wait for which the server
      has asked, as to find the end of the quota costs that wait.
    - A refusal that is over within the first minute, or the first after a minute in which nothing
      was asked, teaches nothing: too little was asked by then.

    In both cases the number at once grows back by one for as many good answers as it allows.
    """

    def __init__(self, most: int, per_minute: int | None, *, learns_quota: bool) -> None:
        """Start with everything allowed."""
        self.allowed = most
        self.in_flight = 0
        self.next_start = -math.inf
        self._most = most
        self._spacing = (MINUTE + MARGIN) / per_minute if per_minute else 0.0
        self._good = 0
        self._learns_quota = learns_quota
        self._quota = math.inf
        self._learnt_at = 0.0
        self._busy_since = 0.0
        self._answered: deque[float] = deque()
        self._answered_before_refusal = 0
        self._is_refused = False
        self._refusals = 0
        self._refused_at = self._held_until = -math.inf
        self._told_wait = self._held = 0.0

    def held(self, now: float) -> float:
        """Seconds until now in which nothing was sent since too much had been."""
        return self._held - max(0.0, self._held_until - now)

    def start(self, now: float) -> None:
        """A request starts; one that is a little late does not delay those after it."""
        late = now - self.next_start
        if late >= MINUTE:
            self._busy_since = now
        planned = self.next_start if late < CATCH_UP else now
        self.next_start = planned + self._spacing_at(now)

    def answered(self, started: float, now: float) -> None:
        """A request had a good answer."""
        self._good += 1
        if self._good >= self.allowed < self._most:
            self.allowed += 1
            self._good = 0
        if self._learns_quota:
            self._answered.append(started)
            self._forget_before(started - MINUTE)
            if self._is_refused and started > self._refused_at:
                self._learn(now)

    def failed(self) -> None:
        """A request had no good answer."""
        self._good = 0

    def refused(self, started: float, now: float, wait: float | None) -> None:
        """Too many requests; the server may ask to wait so many seconds."""
        self._good = 0
        if not self._learns_quota:
            self.allowed = max(1, self.allowed // 2)
        elif started > self._refused_at:
            self.allowed = 1
            self._forget_before(started - MINUTE)
            self._answered_before_refusal = len(self._answered)
            self._is_refused = True
            self._refusals += 1
            self._refused_at = now
            self._told_wait = wait or 0.0
            wait = wait or min(2.0 ** (self._refusals - 1), LONGEST_HOLD)
        self.next_start = max(self.next_start, now + (wait or 0))
        self._held += max(0.0, self.next_start - max(now, self._held_until))
        self._held_until = max(self.next_start, self._held_until)

    def _learn(self, now: float) -> None:
        self._is_refused = False
        if now - self._busy_since >= MINUTE:
            self._quota = max(self._answered_before_refusal * BELOW_QUOTA, SMALLEST_QUOTA)
            self._learnt_at = now
            self._refusals = 0

    def _spacing_at(self, now: float) -> float:
        quiet = now - self._learnt_at
        slowly = quiet / max(1.0, self._told_wait / LONGEST_HOLD)
        quiet = max(slowly, quiet - WAITS_BETWEEN * self._told_wait)
        quiet_minutes = min(quiet / MINUTE, MOST_QUIET_MINUTES)
        return max(self._spacing, MINUTE / (self._quota * math.pow(GROWTH, quiet_minutes**2)))

    def _forget_before(self, moment: float) -> None:
        while self._answered and self._answered[0] <= moment:
            self._answered.popleft()


@dataclass(frozen=True, slots=True)
class Leave:
    """Leave to send one request."""

    started: float
    """When it was given."""

    queued: float
    """Seconds that others were waited for, those aside in which the server let nobody in."""


class Line:
    """A lock that is had in the order in which it was wanted; `threading.Lock` knows no order."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        """Wait for all who came before."""
        turn = threading.Lock()
        with self._lock:
            if self._waiting:
                turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def __exit__(self, *_: object) -> None:
        """Let in who is next."""
        with self._lock:
            self._waiting.popleft()
            if self._waiting:
                self._waiting[0].release()


class Limiter:
    """One per credential: makes the threads wait until its `Pace` lets them send."""

    def __init__(
        self, most: int, per_minute: int | None, clock: Clock, *, learns_quota: bool
    ) -> None:
        """Start with everything allowed."""
        self._pace = Pace(most, per_minute, learns_quota=learns_quota)
        self._clock = clock
        self._changed = threading.Condition()
        self._turn = Line()

    @property
    def allowed(self) -> int:
        """How many requests may be in flight."""
        return self._pace.allowed

    @property
    def in_flight(self) -> int:
        """How many requests are."""
        return self._pace.in_flight

    def enter(self, stop: threading.Event) -> Leave:
        """Wait for leave to send one request.

        Raises:
            CancelledError: The run ends.
        """
        asked = self._clock.now()
        held = self._held(asked)
        with self._turn:
            while not stop.is_set():
                with self._changed:
                    now = self._clock.now()
                    delay = self._pace.next_start - now
                    if self._pace.in_flight >= self._pace.allowed:
                        self._changed.wait(POLL_SECONDS)
                        continue
                    if delay <= 0:
                        self._pace.in_flight += 1
                        self._pace.start(now)
                        return Leave(now, now - asked - (self._pace.held(now) - held))
                self._clock.wait(stop, delay)
        raise CancelledError

    def leave(self, started: float, *, good: bool) -> None:
        """Give the leave back after an answer."""
        with self._changed:
            self._pace.in_flight -= 1
            if good:
                self._pace.answered(started, self._clock.now())
            else:
                self._pace.failed()
            self._changed.notify_all()

    def refused(self, started: float, wait: float | None) -> None:
        """Too many requests; the server may ask to wait so many seconds."""
        with self._changed:
            self._pace.refused(started, self._clock.now(), wait)

    def _held(self, now: float) -> float:
        with self._changed:
            return self._pace.held(now)


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that say how an account is asked."""

    max_connections: int
    max_requests_per_minute: int | None
    learns_quota: bool
    """Whether a refusal for too many requests is one for too many in a minute."""

    request_timeout: float
    retry_seconds: float
    user_agent: str


@dataclass(slots=True)
class Stop:
    """Set by a signal handler; every wait looks at it."""

    event: threading.Event
    signum: int = 0

    def check(self) -> None:
        """Raise `Stopped` if the run was asked to end."""
        if self.event.is_set():
            raise Stopped(self.signum)


@dataclass(slots=True)
class Usage:
    """How often an account was asked."""

    requests: int = 0
    retries: int = 0
