"""Run the tap's command in a process of its own, in hundredths of a second, and judge its words.

Starting Python and importing the tap takes most of a second. So this file, run as a program, does
that once, and forks for each run that it is asked for.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from tap_replies.sources import SOURCES
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

SECONDS = 60
"""A command that takes longer hangs."""

LOG_LINE = re.compile(r"\S+ \S+ \| (\w+) +\| [\w.-]+ +\| (.*)")
CLOSING = re.compile(r"Config validation failed|\d+ failure\(s\), named above")
"""The line that the SDK, or the tap, writes below the errors themselves."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of the command came to."""

    status: int
    stdout: str
    stderr: str

    def told(self, level: str) -> list[str]:
        """The messages of a level; click's own words about the options are errors."""
        lines = self.stderr.splitlines()
        logged = filter(None, map(LOG_LINE.match, lines))
        found = [match[2] for match in logged if match[1] == level]
        if level == "ERROR":
            found += [line.partition(" ")[2] for line in lines if line.startswith("Error: ")]
        return [message for message in found if not CLOSING.match(message)]


def secrets(value: Any, *, within: bool = False) -> Iterator[str]:  # noqa: ANN401 - any settings
    """Every text in some settings that must not be told: those of keys and tokens."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from secrets(each, within=within or name.endswith(("_key", "_token", "_salt")))
    elif isinstance(value, list):
        for each in value:
            yield from secrets(each, within=within)
    elif within and isinstance(value, str | int) and value != "":
        yield str(value)


def check_refusal(outcome: Outcome, at: str, *says: str, secret: Iterable[str] = ()) -> None:
    """A run that failed told so in a line or two, which name `at`, why, and what to do."""
    assert outcome.status in {1, 2}, outcome.stderr
    assert "Traceback" not in outcome.stderr, outcome.stderr
    errors = outcome.told("ERROR")
    assert 1 <= len(errors) <= 2, outcome.stderr
    about = [error for error in errors if at in error]
    assert about, errors
    for words in says:
        assert any(words in error for error in about), errors
    check_discretion(outcome, secret)


def check_discretion(outcome: Outcome, secret: Iterable[str]) -> None:
    """No secret was told, nor a larger part of one."""
    for each in secret:
        part = each[: max(8, len(each) // 2)]
        assert part not in outcome.stderr
        assert part not in outcome.stdout


def forked(*arguments: str, folder: Path, environment: Mapping[str, str] | None = None) -> Outcome:
    """Run `tap-replies` with some arguments in a folder, where it leaves its output."""
    server = _server()
    assert server.stdin
    assert server.stdout
    given = {"arguments": arguments, "folder": str(folder), "environment": dict(environment or {})}
    print(json.dumps(given), file=server.stdin, flush=True)
    status = int(server.stdout.readline())
    return Outcome(status, (folder / "stdout").read_text(), (folder / "stderr").read_text())


@cache
def _server() -> subprocess.Popen[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TAP_")}
    server = subprocess.Popen(
        [sys.executable, __file__],
        env=clean,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    """Fork for each request; return in the forks, end when there are no more requests."""
    for source in SOURCES:
        source.streams()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _become(json.loads(line))
            return
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
    sys.exit()


def _become(given: dict[str, Any]) -> None:
    """Make this process look as if it had been started with some arguments."""
    signal.alarm(SECONDS)
    os.chdir(given["folder"])
    for descriptor, name in enumerate((os.devnull, "stdout", "stderr")):
        file = os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    os.environ.update(given["environment"])
    sys.argv = ["tap-replies", *given["arguments"]]


if __name__ == "__main__":
    _serve()
    try:
        TapReplies.cli()
    except SystemExit as end:
        sys.stdout.flush()
        # Tidying up all that was imported would take longer than the run.
        os._exit(int(end.code or 0))
