"""A run that is told to end, or that nobody listens to, ends soon, quietly and safely."""

from __future__ import annotations

import fcntl
import gzip
import json
import resource
import signal
import struct
import subprocess
import sys
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from live import HANGS, Running
from support import catalog_of, held, sync
from whole import astray, loaded

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

TERM, INT = signal.SIGTERM, signal.SIGINT
FOREVER = {"kind": "stall", "seconds": 600.0}
ENDED = "the next run goes on from the bookmarks"
NOBODY_READS = "Nobody reads the output any more"

HALF_A_PIPE = 1 << 15
THREADS = "/3.0/conversations/{id}/messages"
WAITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "answers that do not come": ({}, FOREVER, THREADS),
    "bodies that come slowly": ({}, {"kind": "slow_body", "seconds": 600.0}, THREADS),
    "the pause that a server asks for": (
        {},
        {"kind": "status", "status": 429, "retry_after": "200"},
        THREADS,
    ),
    "the pause between two tries": ({}, {"kind": "status", "status": 503}, THREADS),
    "its turn": ({"max_requests_per_minute": 1}, FOREVER, "/3.0"),
}
"""What a run may be waiting for: more settings, what the sandbox does, and after which request."""


@pytest.mark.parametrize(("settings", "fault", "endpoint"), WAITS.values(), ids=WAITS)
def test_a_waiting_run_ends_within_seconds(
    tmp_path: Path,
    sandbox: Sandbox,
    settings: dict[str, Any],
    fault: dict[str, Any],
    endpoint: str,
) -> None:
    """SIGTERM ends a run with 143 whatever it waits for; its last line is a safe STATE."""
    sandbox.control(faults=[fault | {"path": "/3.0/conversations/*"}])
    config = sandbox.config()
    with Running(tmp_path, config | settings) as running:
        running.until(lambda _: endpoint in sandbox.stats()["endpoints"])
        assert running.send(TERM).rest(5) == 143
    assert ENDED in running.log
    assert "Traceback" not in running.log
    assert running.text.endswith(b"\n")
    assert running.messages[-1]["type"] == "STATE"
    sandbox.reset()
    assert astray(sandbox, loaded(running.found, sync(config, state=running.found.state))) == {}


def test_an_interrupt_from_the_keyboard(tmp_path: Path, sandbox: Sandbox) -> None:
    """SIGINT ends a run like SIGTERM, with 130."""
    sandbox.control(faults=[FOREVER | {"path": "/3.0/conversations/*"}])
    with Running(tmp_path, sandbox.config()) as running:
        running.until(lambda _: THREADS in sandbox.stats()["endpoints"])
        assert running.send(INT).rest(5) == 130
    assert ENDED in running.log
    assert "Traceback" not in running.log


STAGES: dict[str, Callable[[Running], object]] = {
    "at once": lambda _: True,
    "at its first word": lambda running: running.log,
    "at the second": lambda running: running.log.count("\n") > 1,
    "at the first message": lambda running: running.lines,
}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_a_run_can_be_ended_while_it_starts(
    tmp_path: Path, sandbox: Sandbox, stage: Callable[[Running], object]
) -> None:
    """SIGTERM during the start ends the process at once, with nothing half said."""
    sandbox.control(faults=[FOREVER])
    with Running(tmp_path, sandbox.config()) as running:
        # Before Python can do anything about a signal, the system ends it: a shell's 143 as well.
        assert running.until(stage).send(TERM).rest(5) in {143, -TERM}
    assert running.text.endswith(b"\n") or not running.text
    assert running.found.records == {}
    assert "Traceback" not in running.log


def test_a_stalled_reader_does_not_keep_the_run(tmp_path: Path) -> None:
    """SIGTERM ends a run within seconds although its output is full and nobody reads it."""
    with Sandbox(campaigns=100) as sandbox, Running(tmp_path, sandbox.config()) as running:
        # The page of campaigns alone is longer than a pipe, so it waits in the middle of it.
        running.watch(lambda _: _unread(running) > HALF_A_PIPE)
        assert running.send(TERM).status() == 143
        assert THREADS not in sandbox.stats()["endpoints"]
    assert ENDED not in running.log


def _unread(running: Running) -> int:
    """How many bytes the run has written and nobody has read."""
    (count,) = struct.unpack("i", fcntl.ioctl(running.pipe, termios.FIONREAD, b"\0" * 4))
    return int(count)


@pytest.mark.parametrize("lines", [0, 7, 150])
def test_a_closed_pipe_ends_the_run(tmp_path: Path, sandbox: Sandbox, lines: int) -> None:
    """A target that dies ends the tap: status 1, one line of log, and no more requests."""
    with Running(tmp_path, sandbox.config() | {"max_connections": 1}) as running:
        running.until(lambda run: run.lines >= lines)
        before = sandbox.stats()["total"]
        running.close()
        assert running.status(HANGS) == 1
    assert sandbox.stats()["total"] - before <= 4
    assert running.log.count(NOBODY_READS) == 1
    assert "Traceback" not in running.log


@pytest.mark.parametrize("what", ["", "--discover", "--about", "--about --format=json"])
@pytest.mark.parametrize(
    ("place", "says"),
    [
        (">/dev/full", "No space left on device"),
        ("1</dev/null", "Bad file descriptor"),
        (">&-", "it is closed"),
    ],
)
def test_an_output_that_cannot_be_written(
    place: str, says: str, what: str, tmp_path: Path, still: Sandbox
) -> None:
    """A full disk below the output ends the command in one line that says so."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps(still.config()))
    command = f'exec "{sys.executable}" -m tap_replies --config "{config}" {what} {place}'
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=HANGS
    )
    assert done.returncode == 1, done.stderr
    assert done.stderr.count(f"The standard output cannot be written ({says}); make room") == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_no_log_at_all(tmp_path: Path, still: Sandbox) -> None:
    """With standard error closed the run goes on all the same."""
    (tmp_path / "config.json").write_text(json.dumps(still.config()))
    command = f'exec "{sys.executable}" -m tap_replies --config config.json 2>&-'
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, stdout=subprocess.PIPE, check=False, timeout=HANGS
    )
    assert done.returncode == 0
    assert b'"RECORD"' in done.stdout


def test_a_catalog_that_is_not_read_to_its_end() -> None:
    """Whoever reads only the beginning of the catalog sees no error."""
    command = [sys.executable, "-m", "tap_replies", "--discover"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.read(1) == b"{"
        running.stdout.close()
        log = running.stderr.read().decode()
    assert running.returncode == 1
    assert "ERROR" not in log
    assert "Traceback" not in log


def test_a_signal_after_the_target_died(tmp_path: Path, sandbox: Sandbox) -> None:
    """SIGTERM to a run whose target died already ends it quietly too."""
    sandbox.control(faults=[FOREVER | {"path": "/3.0/conversations/*"}])
    with Running(tmp_path, sandbox.config()) as running:
        running.until(lambda _: THREADS in sandbox.stats()["endpoints"])
        running.close()
        assert running.send(TERM).status() == 143
    assert "Traceback" not in running.log


def test_a_signal_once_the_disk_is_full(tmp_path: Path, sandbox: Sandbox) -> None:
    """SIGTERM ends a run with 143 although there is no room for the last STATE."""
    sandbox.control(faults=[FOREVER | {"path": "/3.0/conversations/*"}])
    given, out, log = (tmp_path / name for name in ("config.json", "out.jsonl", "log"))
    given.write_text(json.dumps(sandbox.config()))
    command = [sys.executable, "-m", "tap_replies", "--config", str(given)]
    with out.open("wb") as output, log.open("wb") as told:
        run = subprocess.Popen(command, stdout=output, stderr=told)
    with run:
        while THREADS not in sandbox.stats()["endpoints"]:
            assert run.poll() is None
        size = out.stat().st_size
        resource.prlimit(run.pid, resource.RLIMIT_FSIZE, (size, size))
        run.terminate()
        assert run.wait(HANGS) == 143
    assert ENDED in log.read_text()
    assert "Traceback" not in log.read_text()
    assert out.stat().st_size == size


def test_batches_that_are_cut_off_lose_nothing(tmp_path: Path) -> None:
    """Records that waited for their file to be full are read again by the next run."""
    stream = "reamaze_messages"
    with Sandbox(reamaze_conversations=500, reamaze_messages=12, latency_ms=3) as sandbox:
        files = {
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "storage": {"root": tmp_path.as_uri()},
            "batch_size": 2_500,
        }
        config = sandbox.config() | {"batch_config": files}
        catalog = catalog_of(stream)
        with Running(tmp_path, config, catalog=catalog) as running:
            point = running.until(lambda _: sandbox.app.stats.total > 150)
            assert point.send(signal.SIGTERM).rest() == 143
        keys = set()
        for message in running.messages:
            for url in message.get("manifest", ()):
                file = Path(url2pathname(urlsplit(url).path))
                lines = gzip.decompress(file.read_bytes()).splitlines()
                keys |= {json.loads(line)["message_key"] for line in lines}
        rest = sync(sandbox.config(), catalog=catalog, state=running.found.state or None)
        keys |= {record["message_key"] for record in rest.records[stream]}
        assert len(keys) == held(sandbox, stream).total()
