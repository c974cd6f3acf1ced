"""A clock that tests set: waits are over as soon as nothing else happens, and only they move it."""

from __future__ import annotations

import math
import threading
from pathlib import Path

from tap_replies.tap import TapReplies

TASKS = Path("/proc/self/task")


class ScriptedClock:
    """Threads that wait do so side by side, as they would on a real clock."""

    quiet_seconds = 0.003
    """So long nothing may happen before the first of the waits is over."""

    longest_step = math.inf
    """Seconds that may go by at once: a thread that was kept from the processor misses no more."""

    def __init__(self, start: float) -> None:
        """Begin at a moment in seconds since 1970."""
        self._start = start
        self._slept = 0.0
        self._ends: list[float] = []
        self._moved = threading.Condition()
        self.waits: list[float] = []
        """How long each wait would have been."""

    def advance(self, seconds: float) -> None:
        """Let time pass between two runs."""
        self._start += seconds

    def now(self) -> float:
        """Seconds on a clock that never goes back."""
        return self._start + self._slept

    def time(self) -> float:
        """Seconds since 1970, as if no wait took any."""
        return self._start

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Be at the end of the wait."""
        with self._moved:
            self.waits.append(seconds)
            end = self._slept + seconds
            self._ends.append(end)
            while self._slept < end and not event.is_set():
                is_quiet = not self._moved.wait(self.quiet_seconds)
                if is_quiet and end <= min(self._ends) and self.may_move() and all_rest():
                    self._slept = min(end, self._slept + self.longest_step)
                    self._moved.notify_all()
            self._ends.remove(end)
        return event.is_set()

    def may_move(self) -> bool:
        """Whether nothing is under way that takes no time on this clock."""
        return True


def tap_with(clock: ScriptedClock) -> type[TapReplies]:
    """The tap on a clock of its own."""

    class Tap(TapReplies):
        pass

    Tap.clock = clock
    return Tap


def all_rest() -> bool:
    """Whether no other thread of this process wants the processor, as far as the system tells.

    On a busy machine one may be kept from it for longer than any time that counts as quiet.
    """
    own = str(threading.get_native_id())
    tasks = TASKS.iterdir() if TASKS.exists() else ()
    return not any(is_running(task) for task in tasks if task.name != own)


def is_running(task: Path) -> bool:
    """Whether a thread runs or could (Linux manual, proc_pid_stat); one that has ended does not."""
    try:
        stat = (task / "stat").read_bytes()
    except OSError:
        return False
    return stat.rpartition(b") ")[2].startswith(b"R")
