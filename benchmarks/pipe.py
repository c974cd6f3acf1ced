"""Down the pipe: the real targets take what they can, and the tap is not what they wait for."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, catalog, server, tap
from benchmarks.start import command
from demo.targets import Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "mailchimp_conversations"
ROWS = 20_000
ROUNDS = 2
BOUND = 1.25
ROOT = Path(__file__).parents[1]


def seconds_of(target: list[str], source: list[str], folder: Path) -> float:
    """Seconds until a target has taken all that a command writes."""
    begun = time.perf_counter()
    with subprocess.Popen(
        source, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder
    ) as process:
        subprocess.run(
            target, stdin=process.stdout, check=True, capture_output=True, cwd=folder, timeout=600
        )
    return time.perf_counter() - begun


def targets(folder: Path, stack: ExitStack) -> Iterator[tuple[str, list[str]]]:
    """Each target's command, loading into something of its own."""
    postgres = Postgres(folder, stack)
    url = postgres.settings["TARGET_POSTGRES_SQLALCHEMY_URL"]
    settings = {
        "target-jsonl": {"destination_path": str(folder), "do_timestamp_file": False},
        "target-postgres": {"sqlalchemy_url": url, "default_target_schema": "bench"},
    }
    for name, config in settings.items():
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config))
        yield name, [str(ROOT / ".venv" / name / "bin" / name), "--config", str(path)]


def figures() -> Iterator[Figure]:
    """Tap and target together, against the target alone on what the tap wrote before."""
    with ExitStack() as stack:
        place = stack.enter_context(server(conversations=ROWS, messages=1))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        written = folder / "tap.jsonl"
        written.write_bytes(b"\n".join(tap(place, [STREAM]).lines) + b"\n")
        (folder / "config.json").write_text(json.dumps(place.config))
        (folder / "catalog.json").write_text(json.dumps(catalog(STREAM)))
        ours = command("--config", "config.json", "--catalog", "catalog.json")
        for name, target in targets(folder, stack):
            sources = (["cat", str(written)], ours)
            rounds = [
                [seconds_of(target, source, folder) for source in sources] for _ in range(ROUNDS)
            ]
            alone, both = map(min, zip(*rounds, strict=True))
            yield Figure(name, f"{ROWS:,} records from a file", alone, "s")
            yield Figure(name, "the same from the tap", both, "s")
            yield Figure(name, "of the target alone", both / alone, "x", most=BOUND)
