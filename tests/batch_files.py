"""Batch files: the settings that ask for them, and what is in those that messages name."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from support import Messages, Record

FORMS = ("jsonl", "parquet")


def batching(folder: Path, form: str, size: int, compression: str = "gzip") -> dict[str, Any]:
    """The setting that has a run write files."""
    encoding = {"format": form, "compression": compression}
    storage = {"root": folder.as_uri(), "prefix": "replies-"}
    return {"batch_config": {"encoding": encoding, "storage": storage, "batch_size": size}}


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
