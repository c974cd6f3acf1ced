"""Ways of counting the requests of a minute; Re:amaze does not tell which is its own."""

from __future__ import annotations

from collections import deque
from typing import Literal, Protocol

Counting = Literal["sliding", "calendar", "bucket", "small_bucket"]

_MINUTE = 60


class Quota(Protocol):
    """Counts the requests of one credential; the time never goes back."""

    def accepts(self, now: float) -> bool:
        """Count a request at a moment in seconds, and tell whether it is let in."""


class Sliding:
    """So many in any sixty seconds; what is refused does not count."""

    def __init__(self, most: int) -> None:
        """Begin with nothing used."""
        self._most = most
        self._accepted: deque[float] = deque()

    def accepts(self, now: float) -> bool:
        """Look at the last sixty seconds."""
        while self._accepted and self._accepted[0] <= now - _MINUTE:
            self._accepted.popleft()
        if len(self._accepted) >= self._most:
            return False
        self._accepted.append(now)
        return True


class Calendar:
    """So many in each minute of the clock."""

    def __init__(self, most: int) -> None:
        """Begin with nothing used."""
        self._most = most
        self._minute = -1.0
        self._used = 0

    def accepts(self, now: float) -> bool:
        """Count anew with each minute."""
        if (minute := now // _MINUTE) != self._minute:
            self._minute, self._used = minute, 0
        self._used += 1
        return self._used <= self._most


class Bucket:
    """Tokens that come back evenly, of which no more than `size` are kept."""

    def __init__(self, per_minute: int, size: float) -> None:
        """Begin with a full bucket."""
        self._rate = per_minute / _MINUTE
        self._size = self._tokens = size
        self._filled: float | None = None

    def accepts(self, now: float) -> bool:
        """Take a token if there is one."""
        passed = 0 if self._filled is None else now - self._filled
        self._tokens = min(self._size, self._tokens + passed * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def quota(counting: Counting, most: int) -> Quota:
    """A quota of so many a minute; a small bucket keeps what six seconds bring."""
    if counting == "sliding":
        return Sliding(most)
    if counting == "calendar":
        return Calendar(most)
    return Bucket(most, most if counting == "bucket" else max(1, most / 10))
