"""Measure everything, or the cases that are named, and print and write a table."""

from __future__ import annotations

import json
import platform
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.harness import Figure

CASES = ("flat", "latency", "unchanged", "start", "pipe", "batch", "memory", "growth")
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
    for name in wanted or CASES:
        for figure in import_module(f"benchmarks.{name}").figures():
            found.append(figure)
            show(figure)
    machine = {"python": platform.python_version(), "processor": platform.machine()}
    result = {
        "machine": machine,
        "seconds": round(time.monotonic() - begun),
        "figures": [{**asdict(figure), "holds": figure.holds} for figure in found],
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{result['seconds']} s; written to {RESULT.parent.name}/{RESULT.name}")
    return 0 if all(figure.holds for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
