"""How soon the tap answers: `--discover`, `--about`, and the first record of a sync."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, catalog, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MOST_SECONDS = 0.6
LATENCY_MS = 300
FIRST = (
    ("mailchimp", "accounts"),
    ("mailchimp", "mailchimp_conversations"),
    ("mailchimp", "mailchimp_campaigns"),
    ("reamaze", "reamaze_conversations"),
)
"""Streams that are read alone, with the settings of one account."""
ROUNDS = 5
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"
}
"""Any start but the first finds byte code, unless Python is told to write none."""


def command(*options: str) -> list[str]:
    """The command that a user calls."""
    return [str(Path(sys.executable).with_name("tap-replies")), *options]


def ended(options: Sequence[str]) -> float:
    """Seconds until the command has ended."""
    begun = time.perf_counter()
    subprocess.run(command(*options), check=True, capture_output=True, env=ENVIRONMENT)
    return time.perf_counter() - begun


def first_record(options: Sequence[str]) -> float:
    """Seconds until the first record came out of the command."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command(*options), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=ENVIRONMENT
    ) as process:
        assert process.stdout is not None
        while b'"RECORD"' not in process.stdout.readline():
            pass
        seconds = time.perf_counter() - begun
        process.stdout.read()
    return seconds


def figures() -> Iterator[Figure]:
    """The best of some rounds, as a user sees them: start of Python included."""
    for option in ("--discover", "--about"):
        seconds = min(ended([option]) for _ in range(ROUNDS))
        yield Figure(option, "until its end", seconds, "s", most=MOST_SECONDS)
    sizes = {"conversations": 100, "messages": 1, "campaigns": 20, "reamaze_conversations": 20}
    with server(**sizes) as place, TemporaryDirectory() as folder:
        place.control(latency_ms=LATENCY_MS)
        config, wanted = Path(folder, "config.json"), Path(folder, "catalog.json")
        options = ["--config", str(config), "--catalog", str(wanted)]
        for source, stream in FIRST:
            settings = {name: each for name, each in place.config.items() if source in name}
            config.write_text(json.dumps(settings))
            wanted.write_text(json.dumps(catalog(stream)))
            seconds = min(first_record(options) for _ in range(ROUNDS))
            beyond = seconds - LATENCY_MS / 1000
            yield Figure(
                f"first record of {stream}", "beyond one round trip", beyond, "s", most=0.5
            )
