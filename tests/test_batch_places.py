"""Where batch files are written, and what is left where they cannot be."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from batch_files import FORMS, batching, files_of, run
from command_line import check_refusal
from live import Running
from singer_sdk.helpers._batch import StorageTarget
from support import Messages, catalog_of

if TYPE_CHECKING:
    from pathlib import Path

    from tap_replies.sandbox import Sandbox

LISTS, SAID, LETTERS = "mailchimp_lists", "mailchimp_conversation_messages", "reamaze_messages"
SIZE = 25
both = pytest.mark.parametrize("form", FORMS)


@both
def test_a_folder_that_cannot_be_written(form: str, still: Sandbox, tmp_path: Path) -> None:
    """Files that cannot be written fail the run in one line, and no STATE counts their rows."""
    (tmp_path / "taken").write_text("")
    config = still.config() | batching(tmp_path / "taken" / "files", form, SIZE)
    outcome, messages = run(tmp_path, config, [SAID])
    check_refusal(outcome, "batch_config: ", "storage.root", "Not a directory")
    assert outcome.status == 1
    assert not [each for each in messages if each["type"] == "BATCH"]
    assert Messages.of(messages).bookmark(SAID) is None


@pytest.mark.parametrize("stream", [SAID, LETTERS])
def test_a_folder_that_cannot_be_written_leaves_nothing_behind(
    stream: str, still: Sandbox, tmp_path: Path
) -> None:
    """The process ends in the one line, whatever it was in the midst of reading."""
    (tmp_path / "taken").write_text("")
    config = still.config() | batching(tmp_path / "taken" / "files", "jsonl", SIZE)
    with Running(tmp_path / "run", config, catalog=catalog_of(stream)) as running:
        assert running.rest() == 1
    assert running.log.count("storage.root") == 1
    assert "Traceback" not in running.log


def test_a_disk_that_is_full(still: Sandbox, tmp_path: Path) -> None:
    """Of a file that cannot be written to its end nothing is left, wherever it was put together."""
    folder, scratch = tmp_path / "files", tmp_path / "scratch"
    scratch.mkdir()
    config = still.config() | batching(folder, "jsonl", 100_000, "none")
    for name, document in {"config": config, "catalog": catalog_of(LISTS, SAID)}.items():
        (tmp_path / name).write_text(json.dumps(document))
    command = f"ulimit -f 8; exec {sys.executable} -m tap_replies --config config --catalog catalog"
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "storage.root (File too large)" in done.stderr
    messages = [json.loads(line) for line in done.stdout.splitlines()]
    named = [file for message in messages for file in files_of(message)]
    assert len(named) == 1
    assert [*folder.iterdir()] == named
    assert [*scratch.iterdir()] == []


@both
def test_a_folder_without_a_scheme(form: str, still: Sandbox, tmp_path: Path) -> None:
    """Its files are where the addresses say, for the SDK's own reader too."""
    config = still.config() | batching(tmp_path / "a b", form, SIZE)
    config["batch_config"]["storage"] = {"root": "a b", "prefix": "deep/er/"}
    outcome, messages = run(tmp_path, config, [LISTS])
    assert outcome.status == 0, outcome.stderr
    addresses = [url for message in messages for url in message.get("manifest", ())]
    assert addresses
    for address in addresses:
        head, tail = StorageTarget.split_url(address)
        with StorageTarget.from_url(head).open(tail) as file:
            assert file.read() == (tmp_path / "a b" / "deep" / "er" / tail).read_bytes()
