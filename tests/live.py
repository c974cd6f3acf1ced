"""The tap as a process of its own that is watched, and ended, while it runs."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec
from support import Messages

from tap_replies.sandbox.answer import Request
from tap_replies.sandbox.faults import Fault

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tap_replies.sandbox import Sandbox
    from tap_replies.sandbox.stats import Visit

SECONDS_TO_GO = 5
"""Within which a process that was asked to end must be gone."""

HANGS = 60
A_LOT = 1 << 20
A_BIT = 300
"""Bytes that are read at a time, so that the output can be stopped within a page."""


def late(sandbox: Sandbox, fault: Mapping[str, Any]) -> Visit | None:
    """The first request that a fault struck, while it has no answer."""
    strikes = msgspec.convert(fault, Fault).strikes
    for visit in list(sandbox.app.stats.visits):
        request = Request("GET", visit.path, visit.query, authorization="", gzip=False)
        if strikes(request, visit.account):
            return visit if visit.status is None else None
    return None


class Running:
    """A run whose output is taken as a target takes it: line by line, whole lines only."""

    def __init__(
        self,
        folder: Path,
        config: Mapping[str, Any],
        state: Mapping[str, Any] | None = None,
        *,
        catalog: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start the run, from a state if there is one."""
        folder.mkdir(exist_ok=True)
        given = {"config": config, "state": state, "catalog": catalog}
        command = [sys.executable, "-m", "tap_replies"]
        for name, document in given.items():
            if document is not None:
                path = folder / f"{name}.json"
                path.write_text(json.dumps(document))
                command += [f"--{name}", str(path)]
        self._log = folder / "stderr"
        with self._log.open("w") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **(environment or {})},
            )
        assert self.process.stdout
        self.pipe = self.process.stdout
        self.text = bytearray()
        self.lines = 0
        """How many whole lines were read."""

        self.ended = False

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave no process behind."""
        self.process.kill()
        self.process.wait()
        self.pipe.close()

    def until(self, is_reached: Callable[[Self], object]) -> Self:
        """Read until something is the case, or to the end."""
        while not self.ended and not is_reached(self):
            ready, _, _ = select.select([self.pipe], [], [], 0.002)
            if ready:
                self._read(A_BIT)
        return self

    def watch(self, is_reached: Callable[[Self], object]) -> Self:
        """Wait until something is the case, or the end, without reading."""
        while self.process.poll() is None and not is_reached(self):
            select.select([], [], [], 0.002)
        return self

    def close(self) -> None:
        """Read no more, as a target that died."""
        self.pipe.close()

    def send(self, signum: signal.Signals) -> Self:
        """Send a signal; the run may have ended before."""
        self.process.send_signal(signum)
        return self

    def status(self, seconds: float = SECONDS_TO_GO) -> int:
        """The exit status, without reading on."""
        return self.process.wait(seconds)

    def rest(self, seconds: float = HANGS) -> int:
        """Read to the end, which must come in time, and return the exit status."""
        end = time.monotonic() + seconds
        while not self.ended and (left := end - time.monotonic()) > 0:
            if select.select([self.pipe], [], [], left)[0]:
                self._read(A_LOT)
        return self.status(max(0, end - time.monotonic()))

    def _read(self, most: int) -> None:
        part = os.read(self.pipe.fileno(), most)
        self.text += part
        self.lines += part.count(b"\n")
        self.ended = not part

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The whole lines that were read; what a cut left of another one counts for nothing."""
        whole, _, _ = self.text.rpartition(b"\n")
        return [json.loads(line) for line in whole.splitlines()]

    @property
    def found(self) -> Messages:
        """The same, sorted by what they are."""
        return Messages.of(self.messages)

    @property
    def log(self) -> str:
        """What the run said on standard error so far."""
        return self._log.read_text()
