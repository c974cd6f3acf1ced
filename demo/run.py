"""Load the sandbox's replies through Meltano, twice, and show what arrived.

`make demo` runs this. It needs no account, asks nothing, and leaves nothing running.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, cast

from demo.targets import JsonLines, Postgres

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".demo"
PYTHON = Path(sys.executable)
TARGETS: dict[str, type[JsonLines | Postgres]] = {
    "target-jsonl": JsonLines,
    "target-postgres": Postgres,
}
RETRY_SECONDS = 20  # the sandbox answers at once or not at all
READY_SECONDS = 60
RUN_SECONDS = 300
STOP_SECONDS = 10


class DemoError(Exception):
    """Something that the demo started did not do its part."""


@contextmanager
def started(
    *command: str, env: Mapping[str, str], stdout: int | IO[str], stderr: int | IO[str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a command and whatever it starts; none of that outlives the context."""
    process = subprocess.Popen(  # noqa: S603 - the demo's own commands
        command,
        cwd=ROOT,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        for end in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, end)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
        if process.stdout:
            process.stdout.close()


def start_sandbox(env: Mapping[str, str], stack: ExitStack) -> dict[str, Any]:
    """Start both simulated APIs; return the settings with which the tap reaches them."""
    log = stack.enter_context((WORK / "sandbox.log").open("w", encoding="utf-8"))
    command = (str(PYTHON), "-m", "tap_replies.sandbox", "--port", "0")
    process = stack.enter_context(
        started(*command, env=env, stdout=subprocess.PIPE, stderr=log),
    )
    output = cast("IO[str]", process.stdout)
    ready, _, _ = select.select([output], [], [], READY_SECONDS)
    line = output.readline() if ready else ""
    if not line:
        raise DemoError(f"the sandbox did not start: {tail(Path(log.name))}")
    announced: dict[str, Any] = json.loads(line)
    print(f"Sandbox: Mailchimp and Re:amaze at {announced['url']}")
    settings: dict[str, Any] = announced["config"]
    return settings


def run_meltano(target: str, *options: str, env: Mapping[str, str]) -> None:
    """Run the pipeline in the environment `sandbox`."""
    # A .env file may name real accounts: not here.
    globals_ = ("--environment=sandbox", f"--env-file={os.devnull}")
    command = ("run", *options, "tap-replies", target)
    print(f"\n$ meltano --environment=sandbox {' '.join(command)}", flush=True)
    path = WORK / "meltano.log"
    with (
        path.open("w", encoding="utf-8") as log,
        started(
            str(PYTHON.with_name("meltano")),
            *globals_,
            *command,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            status = process.wait(RUN_SECONDS)
        except subprocess.TimeoutExpired:
            raise DemoError(f"meltano took over {RUN_SECONDS} s: {tail(path)}") from None
    if status:
        raise DemoError(f"meltano ended with status {status}: {tail(path)}")


def tail(path: Path, lines: int = 30) -> str:
    """Return the end of a log, headed by its name."""
    return "\n".join([str(path), *path.read_text(encoding="utf-8").splitlines()[-lines:]])


def report(first: Counter[str], second: Counter[str], where: str) -> None:
    """Print the rows of both runs side by side."""
    print(f"\n{'stream':<34}{'first run':>10}{'second run':>12}")
    for stream in sorted(first | second):
        print(f"{stream:<34}{first[stream]:>10,}{second[stream]:>12,}")
    print(f"{'total':<34}{first.total():>10,}{second.total():>12,}")
    again = ", ".join(sorted(+second)) or "none"
    print(f"\nThe rows are in {where}.")
    print(f"The second run went on from the first one's state; streams read again: {again}.")


def demo(target_name: str, stack: ExitStack) -> None:
    """Load twice, report, and look into the target."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    target = TARGETS[target_name](WORK, stack)
    # Settings of a real project must not reach the demo.
    foreign = ("TAP_REPLIES_", "TARGET_", "MELTANO_")
    env = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    env["NO_COLOR"] = "1"
    # Without one, Meltano makes an id for the project and writes meltano.yml anew with it.
    env["MELTANO_PROJECT_ID"] = str(uuid.UUID(int=0))
    for setting, value in start_sandbox(env, stack).items():
        text = value if isinstance(value, str) else json.dumps(value)
        env[f"TAP_REPLIES_{setting.upper()}"] = text
    env |= {"TAP_REPLIES_RETRY_SECONDS": str(RETRY_SECONDS)} | target.settings

    began = datetime.now(UTC)
    run_meltano(target_name, "--full-refresh", env=env)
    first = target.written(began)
    began = datetime.now(UTC)
    run_meltano(target_name, env=env)
    second = target.written(began)

    report(first, second, target.where)
    target.show()
    if not first or second.total() >= first.total():
        raise DemoError("the second run should have brought less than the first")


def stop(number: int, _frame: object) -> NoReturn:
    """Leave in the ordinary way, so that everything started is stopped."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run the demo and end with its status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", choices=TARGETS, default="target-jsonl")
    target = parser.parse_args().target
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    began = time.monotonic()
    try:
        with ExitStack() as stack:
            demo(target, stack)
    except DemoError as error:
        sys.exit(f"\nThe demo failed: {error}")
    print(f"\nDone in {time.monotonic() - began:.0f} s; nothing is left running.")


if __name__ == "__main__":
    main()
