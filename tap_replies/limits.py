"""How many requests may be under way, and when the next may start."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Protocol

from tap_replies.errors import Stopped


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


class Limiter:
    """One per credential: at most so many requests at once, and at most so many a minute.

    After a refusal for too many requests the number at once is halved; it grows back by one
    for as many good answers as are allowed at once.
    """

    def __init__(self, most: int, per_minute: int | None, clock: Clock) -> None:
        """Start with everything allowed."""
        self.allowed = most
        self.in_flight = 0
        self._most = most
        self._spacing = 60 / per_minute if per_minute else 0.0
        self._next_start = 0.0
        self._good = 0
        self._clock = clock
        self._changed = threading.Condition()

    def enter(self, stop: threading.Event) -> None:
        """Wait for leave to send one request."""
        with self._changed:
            while self.in_flight >= self.allowed and not stop.is_set():
                self._changed.wait(1)
            self.in_flight += 1
            start = max(self._clock.now(), self._next_start)
            self._next_start = start + self._spacing
        while (delay := start - self._clock.now()) > 0 and not self._clock.wait(stop, delay):
            pass

    def leave(self, *, good: bool) -> None:
        """Give the leave back after an answer; a good one lets the number at once grow."""
        with self._changed:
            self.in_flight -= 1
            self._good = self._good + 1 if good else 0
            if self._good >= self.allowed < self._most:
                self.allowed += 1
                self._good = 0
            self._changed.notify_all()

    def refused(self, wait: float) -> None:
        """Too many requests: halve the number at once, and start none for so many seconds."""
        with self._changed:
            self.allowed = max(1, self.allowed // 2)
            self._good = 0
            self._next_start = max(self._next_start, self._clock.now() + wait)


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that say how an account is asked."""

    max_connections: int
    max_requests_per_minute: int | None
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
