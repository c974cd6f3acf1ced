"""Batch files of any size hold each record once and whole."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from batch_files import FORMS, alike, batching, files_of, good, row_groups, rows_in, run
from support import Messages, catalog_of, sync

from tap_replies.contents import Lines
from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

TICKETS, LETTERS = "reamaze_conversations", "reamaze_messages"
both = pytest.mark.parametrize("form", FORMS)


@pytest.mark.parametrize("size", [1, 99, 100, 101, 250, 100_000])
@both
def test_sizes(form: str, size: int, tmp_path: Path) -> None:
    """Files may be smaller or larger than a page, or end where a page does."""
    with Sandbox(reamaze_conversations=300, reamaze_messages=1) as sandbox:
        config = sandbox.config() | batching(tmp_path / "files", form, size)
        outcome, messages = run(tmp_path, config, [TICKETS])
        counts = [len(rows_in(file)) for each in messages for file in files_of(each)]
        assert counts[:-1] == [size] * (len(counts) - 1)
        assert 0 < counts[-1] <= size
        expected = sync(sandbox.config(), catalog=catalog_of(TICKETS))
        assert alike(good(outcome, messages), expected, [TICKETS])


@pytest.mark.parametrize("kilobytes", [600, 2500, 5000, 9000])
@both
def test_long_texts(form: str, kilobytes: int, tmp_path: Path) -> None:
    """A text of any length is in a file, and so are the short ones before and after it."""
    long = {"op": "new_message", "source": "reamaze", "row": {"body": "é" * (kilobytes << 9)}}
    with Sandbox(reamaze_conversations=40, reamaze_messages=2) as sandbox:
        slugs = [row["slug"] for row in sandbox.world.account("", "reamaze").rows("conversations")]
        sandbox.mutate(*({**long, "key": slug} for slug in slugs[10:13]))
        config = sandbox.config() | batching(tmp_path / "files", form, 1000)
        found = good(*run(tmp_path, config, [LETTERS]))
        assert alike(found, sync(sandbox.config(), catalog=catalog_of(LETTERS)), [LETTERS])
        assert len(found.records[LETTERS]) == 83


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("size", [400, 10_000])
@both
def test_memory_is_used_again(
    form: str, size: int, compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of many pieces, of which some hold a single long text, has each row once and whole."""
    monkeypatch.setattr("tap_replies.batch.CHUNK", 60_000)
    monkeypatch.setattr("tap_replies.contents.AT_ONCE", 10_000)
    message = {"op": "new_message", "source": "reamaze"}
    dice = random.Random(size)  # noqa: S311 - its choices are to be repeatable
    with Sandbox(reamaze_conversations=300, reamaze_messages=4) as sandbox:
        slugs = [row["slug"] for row in sandbox.world.account("", "reamaze").rows("conversations")]
        for slug in slugs:
            text = dice.choice("abcé") * dice.choice([0, 100, 5_000, 25_000, 60_000])
            sandbox.mutate({**message, "key": slug, "row": {"body": text}})
        config = sandbox.config() | batching(tmp_path / "files", form, size, compression)
        sync(config, catalog=catalog_of(LETTERS))
        files = list((tmp_path / "files").iterdir())
        expected = sync(sandbox.config(), catalog=catalog_of(LETTERS))
        found = Messages()
        found.records[LETTERS] = [row for file in files for row in rows_in(file)]
        assert len(files) == -(-1500 // size)
        assert len(found.records[LETTERS]) == 1500
        assert alike(found, expected, [LETTERS])
        assert form == "jsonl" or row_groups(files) > 5


def test_a_piece_that_cannot_be_packed_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream fails, and in the folder is nothing that looks like a whole file."""
    monkeypatch.setattr("tap_replies.batch.CHUNK", 60_000)
    add, calls = Lines.add, 0

    def failing(lines: Lines, piece: memoryview) -> bytes | memoryview:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise MemoryError
        return add(lines, piece)

    monkeypatch.setattr(Lines, "add", failing)
    with Sandbox(reamaze_conversations=300, reamaze_messages=4) as sandbox:
        config = sandbox.config() | batching(tmp_path / "files", "jsonl", 10_000)
        with pytest.raises(MemoryError):
            sync(config, catalog=catalog_of(LETTERS))
    assert calls == 2
    assert list(tmp_path.rglob("*.gz")) == []
