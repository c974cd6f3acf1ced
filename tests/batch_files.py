"""Batch files: the settings that ask for them, and what is in those that messages name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from command_line import Outcome, forked
from pyarrow import parquet
from support import Messages, catalog_of

from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from support import Record

FORMS = ("jsonl", "parquet")
ALL = tuple(TapReplies(validate_config=False).streams)


def batching(folder: Path, form: str, size: int, compression: str = "gzip") -> dict[str, Any]:
    """The setting that has a run write files."""
    encoding = {"format": form, "compression": compression}
    storage = {"root": folder.as_uri(), "prefix": "replies-"}
    return {"batch_config": {"encoding": encoding, "storage": storage, "batch_size": size}}


def run(
    folder: Path,
    config: Mapping[str, Any],
    streams: Iterable[str] = ALL,
    without: Mapping[str, Any] | None = None,
    state: Mapping[str, Any] | None = None,
) -> tuple[Outcome, list[dict[str, Any]]]:
    """Run the command on some streams; its messages are those that came."""
    documents = {"config": config, "catalog": catalog_of(*streams, without=without)}
    if state:
        documents["state"] = state
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))
    outcome = forked(*(f"--{name}={name}.json" for name in documents), folder=folder)
    return outcome, [json.loads(line) for line in outcome.stdout.splitlines()]


def good(outcome: Outcome, messages: list[dict[str, Any]]) -> Messages:
    """What a run that wrote nothing but files came to, the files unpacked."""
    assert outcome.status == 0, outcome.stderr
    assert "RECORD" not in {message["type"] for message in messages}
    return Messages.of(list(unpacked(messages)))


def files_of(message: dict[str, Any]) -> list[Path]:
    """The files that a message names; none if it is no BATCH message."""
    return [Path(url2pathname(urlsplit(url).path)) for url in message.get("manifest", ())]


def rows_in(file: Path) -> list[Record]:
    """What a file holds, whichever its form; columns of Parquet hold nulls where JSON has none."""
    if "parquet" in file.name:
        return [without_nulls(row) for row in parquet.read_table(file).to_pylist()]
    data = file.read_bytes()
    text = gzip.decompress(data) if file.suffix == ".gz" else data
    return [json.loads(line) for line in text.splitlines()]


def unpacked(messages: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages, with RECORD messages in the place of each BATCH message."""
    for message in messages:
        if message["type"] != "BATCH":
            yield message
            continue
        for file in files_of(message):
            for row in rows_in(file):
                yield {"type": "RECORD", "stream": message["stream"], "record": row}


def kinds_of(messages: Iterable[dict[str, Any]]) -> dict[str, set[str]]:
    """The schemas of the Parquet files of each stream, as texts."""
    found: dict[str, set[str]] = {}
    for message in messages:
        for file in files_of(message):
            found.setdefault(message["stream"], set()).add(str(parquet.read_schema(file)))
    return found


def row_groups(files: Iterable[Path]) -> int:
    """How many groups of rows the Parquet files have."""
    return sum(parquet.read_metadata(file).num_row_groups for file in files)


def without_nulls(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A value whose objects lack what is null, as a column of objects holds every field."""
    if isinstance(value, dict):
        return {name: without_nulls(each) for name, each in value.items() if each is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


def alike(found: Messages, expected: Messages, streams: Sequence[str]) -> bool:
    """Whether two runs came to the same rows, nulls or no nulls."""
    return all(
        _in_order(found.records[name]) == _in_order(expected.records[name]) for name in streams
    )


def _in_order(rows: list[Record]) -> list[Record]:
    """Rows without nulls, in an order that does not hang on which came first; 4 is 4.0."""

    def text(row: Record) -> str:
        return json.dumps(json.loads(json.dumps(row), parse_int=float), sort_keys=True)

    return sorted(map(without_nulls, rows), key=text)
