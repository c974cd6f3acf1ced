"""A start imports no more than the run needs."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from support import catalog_of

if TYPE_CHECKING:
    from pathlib import Path

    from tap_replies.sandbox import Sandbox

HEAVY = {
    "lxml",  # text of mails
    "pyarrow",  # Parquet
    "sqlite3",  # what `replies` keeps until it tells it
    "tap_replies.sandbox",
    "tap_replies.spool",
    "tap_replies.text",
    "uvicorn",
}


def imported(folder: Path, *arguments: str) -> set[str]:
    """The modules that a call of the command imports."""
    command = [sys.executable, "-X", "importtime", "-m", "tap_replies", *arguments]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in lines}


@pytest.mark.parametrize("option", ["--discover", "--about", "--version"])
def test_what_asks_nothing_imports_little(option: str, tmp_path: Path) -> None:
    """Discovery, description and version do without the libraries that only some runs need."""
    assert imported(tmp_path, option) & HEAVY == set()


def test_a_sync_imports_what_its_streams_need(still: Sandbox, tmp_path: Path) -> None:
    """Only `replies` reads text out of mails, and keeps it in a database meanwhile."""
    (tmp_path / "config.json").write_text(json.dumps(still.config()))
    found = {}
    for stream in ("mailchimp_lists", "replies"):
        (tmp_path / "catalog.json").write_text(json.dumps(catalog_of(stream)))
        found[stream] = imported(tmp_path, "--config=config.json", "--catalog=catalog.json") & HEAVY
    assert found["mailchimp_lists"] == set()
    assert found["replies"] == {"lxml", "sqlite3", "tap_replies.spool", "tap_replies.text"}
