"""A contestant: the tap itself, timed from the call that reads to its end."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from tap_replies import command
from tap_replies.output import MessageWriter
from tap_replies.tap import TapReplies


class TimedWriter(MessageWriter):
    """Notes when the first record leaves."""

    first: float | None = None

    def _write(self, data: bytes) -> None:
        if self.first is None and data.startswith(b'{"type":"RECORD"'):
            self.first = time.perf_counter()
        super()._write(data)


def main(given: Path, told: Path) -> None:
    """Read as the settings say, and tell how long it took."""
    settings: dict[str, Any] = json.loads(given.read_text())
    writer = TimedWriter()
    tap = TapReplies(message_writer=writer, **settings)
    begun = time.perf_counter()
    command.finish(tap.sync_all, tap.run, lambda: None)
    seconds = time.perf_counter() - begun
    # Not `ru_maxrss`, which begins with that of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    first = None if writer.first is None else writer.first - begun
    told.write_text(json.dumps({"seconds": seconds, "peak_mb": peak, "first_record": first}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
