"""A clock that tests set: waits are over at once, and nothing else moves it."""

from __future__ import annotations

import threading

from tap_replies.tap import TapReplies


class ScriptedClock:
    """Each thread waits on a time of its own, as if all of them slept side by side."""

    def __init__(self, start: float) -> None:
        """Begin at a moment in seconds since 1970."""
        self._time = start
        self._slept = threading.local()
        self.waits: list[float] = []
        """How long each wait would have been."""

    def advance(self, seconds: float) -> None:
        """Let time pass between two runs."""
        self._time += seconds

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        slept: float = getattr(self._slept, "seconds", 0.0)
        return self._time + slept

    def time(self) -> float:
        """Seconds since 1970."""
        return self._time

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Be at the end of the wait."""
        self._slept.seconds = self.now() - self._time + seconds
        self.waits.append(seconds)
        return event.is_set()


def tap_with(clock: ScriptedClock) -> type[TapReplies]:
    """The tap on a clock of its own."""

    class Tap(TapReplies):
        pass

    Tap.clock = clock
    return Tap
