"""Tap and sandbox on one clock, on which only waits and answers take time."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clock import ScriptedClock
from support import Messages, catalog_of, sync
from typing_extensions import override

from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from tap_replies.run import Run
    from tap_replies.sandbox import Sandbox

MINUTE = 60
NEVER = threading.Event()


class SharedClock(ScriptedClock):
    """Stands still while a request is on its way; the sandbox's `latency_ms` is time on it."""

    quiet_seconds = 0.001
    longest_step = 2.0

    def __init__(self, sandbox: Sandbox, begin: float = 0) -> None:
        """Begin so many seconds after the full minute."""
        super().__init__(sandbox.world.now + 10 * MINUTE + begin)
        self.began = self.now() - begin
        self._answers: list[float] = []
        self._threads = ThreadPoolExecutor(16)
        self._run: Run | None = None
        sandbox.app.now = self.now
        sandbox.app.sleep = self._answer

    @override
    def may_move(self) -> bool:
        """Whether all requests under way have come to the sandbox and wait there."""
        if self._run is None:
            return True
        flying = sum(one.fetcher.in_flight for one in self._run.connections())
        return flying == sum(end > self._slept for end in self._answers)

    def tap(self) -> type[TapReplies]:
        """The tap on this clock."""
        clock = self

        class Tap(TapReplies):
            @cached_property
            @override
            def run(self) -> Run:
                clock._run = super().run
                return clock._run

        Tap.clock = clock
        return Tap

    async def _answer(self, seconds: float) -> None:
        await asyncio.get_running_loop().run_in_executor(self._threads, self._take, seconds)

    def _take(self, seconds: float) -> None:
        with self._moved:
            end = self._slept + seconds
            self._answers.append(end)
            self.wait(NEVER, seconds)
            self._answers.remove(end)


def read(
    sandbox: Sandbox,
    clock: SharedClock,
    *streams: str,
    **settings: Any,  # noqa: ANN401
) -> Messages:
    """A run on the clock."""
    config = sandbox.config(accounts=len(sandbox.world.reamaze) > 1) | settings
    return sync(config, catalog=catalog_of(*streams), tap_class=clock.tap())


def by_minute(sandbox: Sandbox, clock: SharedClock, status: int, account: str = "") -> list[int]:
    """How many of the last 20,000 requests were answered so, by full minutes of the clock."""
    counts = Counter(
        int((visit.moment - clock.began) // MINUTE)
        for visit in sandbox.app.stats.visits
        if visit.status == status and account in {"", visit.account}
    )
    return [counts[minute] for minute in range(int((clock.now() - clock.began) // MINUTE))]
