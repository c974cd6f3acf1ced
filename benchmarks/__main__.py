"""Measure everything, or the cases that are named, and print and write a table."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
import traceback
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.harness import Figure

CASES = ("flat", "latency", "unchanged", "start", "pipe", "batch", "memory", "growth")
LOOPS = 5_000_000
RESULT = Path(__file__).parents[1] / ".bench" / "last.json"


def show(figure: Figure) -> None:
    """Print one figure."""
    mark = "" if figure.holds else "  MISSED"
    value = f"{figure.value:,.3g}" if figure.value < 1000 else f"{figure.value:,.0f}"  # noqa: PLR2004
    print(
        f"{figure.case:<48} {figure.what:<36} {value:>10} {figure.unit:<10} {figure.bound}{mark}",
        flush=True,
    )


def main(wanted: list[str]) -> int:
    """Run the cases; 1 if a figure missed its bound."""
    if unknown := [name for name in wanted if name not in CASES]:
        print(f"There is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
        return 2
    begun = time.monotonic()
    found: list[Figure] = []
    failed: list[str] = []
    for name in wanted or CASES:
        try:
            for figure in import_module(f"benchmarks.{name}").figures():
                found.append(figure)
                show(figure)
        except Exception:  # noqa: BLE001 - the other cases are to be measured all the same
            traceback.print_exc()
            failed.append(name)
        write(found, failed, round(time.monotonic() - begun))
    print(f"{time.monotonic() - begun:.0f} s; written to {RESULT.parent.name}/{RESULT.name}")
    if failed:
        print(f"FAILED: {', '.join(failed)}")
    return 0 if not failed and all(figure.holds for figure in found) else 1


def write(found: list[Figure], failed: list[str], seconds: int) -> None:
    """Write what was found so far, and on what machine."""
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "loops_a_second": round(speed()),
    }
    result = {
        "machine": machine,
        "seconds": seconds,
        "failed": failed,
        "figures": [{**asdict(figure), "holds": figure.holds} for figure in found],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")


def speed() -> float:
    """How many turns of an empty loop the machine makes now, which says what hour it has."""
    begun = time.perf_counter()
    for _ in range(LOOPS):
        pass
    return LOOPS / (time.perf_counter() - begun)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
