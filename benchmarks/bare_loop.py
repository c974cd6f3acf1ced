"""A contestant: fetch the pages of one list, parse them, write a line per row, and nothing else."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import requests

PAGE = 1000


def main(given: Path, told: Path) -> None:
    """Read the list as the settings say, and tell how long it took."""
    settings: dict[str, Any] = json.loads(given.read_text())
    session = requests.Session()
    session.auth = ("bare", settings["key"])
    rows_key, connections = settings["rows_key"], settings.get("connections", 1)
    encode = msgspec.json.Encoder().encode
    descriptor = sys.stdout.fileno()

    def fetch(offset: int) -> bytes:
        params = {**settings["params"], "count": PAGE, "offset": offset}
        return session.get(settings["url"], params=params).content

    begun = time.perf_counter()
    first = msgspec.json.decode(fetch(0))
    offsets = range(PAGE, first["total_items"], PAGE)
    with ThreadPoolExecutor(connections) as pool:
        bodies = pool.map(fetch, offsets) if connections > 1 else map(fetch, offsets)
        pages = (msgspec.json.decode(body) for body in bodies)
        for page in chain([first], pages):
            lines = [
                encode({"type": "RECORD", "stream": rows_key, "record": row, **settings["more"]})
                for row in page[rows_key]
            ]
            os.write(descriptor, b"\n".join(lines) + b"\n")
    seconds = time.perf_counter() - begun
    # Not `ru_maxrss`, which begins with that of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    told.write_text(json.dumps({"seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
