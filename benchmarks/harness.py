"""What benchmarks share: a sandbox in a process of its own, contestants in others, and figures."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

HERE = Path(__file__).parent
PATIENCE = 900
NOTHING = dict.fromkeys(("conversations", "members", "campaigns", "reamaze_conversations"), 0)
HEAD = 40
"""Bytes of a record that are kept where only its kind matters."""


@dataclass(frozen=True)
class Figure:
    """One measured figure, beside what it must not fall short of or exceed."""

    case: str
    what: str
    value: float
    unit: str
    least: float | None = None
    most: float | None = None

    @property
    def holds(self) -> bool:
        """Whether the figure is within its bounds."""
        return (self.least is None or self.value >= self.least) and (
            self.most is None or self.value <= self.most
        )

    @property
    def bound(self) -> str:
        """The bound in words."""
        if self.least is not None:
            return f">= {self.least:.4g}"
        return f"<= {self.most:.4g}" if self.most is not None else ""


@dataclass(frozen=True)
class Outcome:
    """One run: seconds without start-up, seconds of the process, and what it wrote."""

    seconds: float
    peak_mb: float
    lines: list[bytes] = field(repr=False)
    first_record: float | None = None

    def count(self, kind: str) -> int:
        """How many messages of a kind were written."""
        head = b'{"type":"%s"' % kind.encode()
        return sum(line.replace(b'": "', b'":"').startswith(head) for line in self.lines)

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        states = [line for line in self.lines if line.startswith(b'{"type":"STATE"')]
        found: dict[str, Any] = json.loads(states[-1])["value"]
        return found


class Server:
    """A sandbox in a process of its own, as far as a contestant can see it."""

    def __init__(self, url: str, config: dict[str, Any]) -> None:
        """Take the address and the settings that reach it."""
        self.url = url
        self.config = config
        self._session = requests.Session()

    def control(self, **switches: Any) -> None:  # noqa: ANN401 - a switch is any JSON
        """Set switches of the sandbox."""
        self._session.post(f"{self.url}/__control", json=switches).raise_for_status()

    def mutate(self, *mutations: dict[str, Any]) -> None:
        """Change what it holds."""
        self._session.post(f"{self.url}/__mutate", json=list(mutations)).raise_for_status()

    def reset(self) -> None:
        """Count requests anew."""
        self._session.post(f"{self.url}/__reset").raise_for_status()

    def stats(self) -> dict[str, Any]:
        """The requests since the last reset."""
        found: dict[str, Any] = self._session.get(f"{self.url}/__stats").json()
        return found

    def warm(self) -> None:
        """Have it make all it holds."""
        self._session.get(f"{self.url}/__truth").raise_for_status()


@contextmanager
def server(**sizes: object) -> Iterator[Server]:
    """A sandbox of some sizes; nothing of what is not named."""
    options: list[str] = []
    for name, value in {**NOTHING, **sizes}.items():
        options += [f"--{name.replace('_', '-')}", str(value)]
    with _served("tap_replies.sandbox", *options) as found:
        found.warm()
        found.reset()
        yield found


@contextmanager
def repeated(sizes: dict[str, int], times: dict[str, int]) -> Iterator[Server]:
    """A sandbox of which some Mailchimp tables hold every row so many times."""
    with _served("benchmarks.many", json.dumps([{**NOTHING, **sizes}, times])) as found:
        yield found


@contextmanager
def _served(module: str, *options: str) -> Iterator[Server]:
    command = [sys.executable, "-m", module, *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            told = json.loads(process.stdout.readline())
            yield Server(told["url"], told["config"])
        finally:
            process.terminate()


def catalog(*streams: str) -> dict[str, Any]:
    """A catalog that selects some streams."""
    found: dict[str, Any] = TapReplies(validate_config=False).catalog_dict
    for entry in found["streams"]:
        entry["metadata"][0]["metadata"]["selected"] = entry["tap_stream_id"] in streams
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["tap_stream_id"] in streams
    return found


PARSED = "import json, sys\nfor line in sys.stdin.buffer: json.loads(line)"
"""The least that a target does."""

THROWN_AWAY = "import sys\nfor line in sys.stdin.buffer: pass"


def contest(
    contestant: str, settings: dict[str, Any], *, heads: bool = False, reader: str | None = None
) -> Outcome:
    """Run a contestant (a script of this folder) in a process of its own, into a file.

    With `heads` only the first bytes of each record are kept; with a `reader` (a program) it runs
    into that, and nothing is kept.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, told = Path(folder, "out.jsonl"), Path(folder, "told.json")
        given = Path(folder, "given.json")
        given.write_text(json.dumps(settings))
        command = [sys.executable, str(HERE / f"{contestant}.py"), str(given), str(told)]
        out.touch()
        if reader:
            reading = subprocess.Popen([sys.executable, "-c", reader], stdin=subprocess.PIPE)
            with reading:
                subprocess.run(command, stdout=reading.stdin, check=True, timeout=PATIENCE)
        else:
            with out.open("wb") as stream:
                subprocess.run(command, stdout=stream, check=True, timeout=PATIENCE)
        figures = json.loads(told.read_text())
        with out.open("rb") as lines:
            kept = [
                line[:HEAD] if heads and b'"RECORD"' in line[:HEAD] else line[:-1] for line in lines
            ]
        return Outcome(lines=kept, **figures)


def tap(
    place: Server,
    streams: Sequence[str],
    state: dict[str, Any] | None = None,
    *,
    heads: bool = False,
    reader: str | None = None,
    **options: object,
) -> Outcome:
    """Run the tap on some streams."""
    settings = {
        "config": {**place.config, **options},
        "catalog": catalog(*streams),
        "state": state,
    }
    return contest("timed_tap", settings, heads=heads, reader=reader)


def fastest(outcomes: Iterator[Outcome]) -> Outcome:
    """The run that was disturbed least."""
    return min(outcomes, key=lambda outcome: outcome.seconds)
