"""What the sandbox holds arrives in real targets, once, with fitting types and in UTC."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from loading import load_lines
from said import truth
from support import Messages, Record, catalog_of, messages_in, run_cli

from tap_replies.sandbox import Sandbox
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loading import Database

ALL = TapReplies(validate_config=False).streams
STREAMS = {name: stream for name, stream in ALL.items() if stream.selected_by_default}
FULL = {"accounts", "mailchimp_lists"}
"""Small streams without a bookmark: they are read anew in every run."""

TYPES = {
    "boolean": "bool",
    "integer": "int8",
    "number": "numeric",
    "object": "jsonb",
    "string": "text",
}
NEW_MESSAGE = {"op": "new_message", "source": "mailchimp", "key": "fa8c387539"}


class Pipeline:
    """The tap and both targets, with the state that the target hands on."""

    def __init__(self, sandbox: Sandbox, database: Database, schema: str, folder: Path) -> None:
        """Start without a state."""
        self.sandbox = sandbox
        self.database = database
        self.schema = schema
        self.lines: dict[str, list[Record]] = {}
        self._folder = folder
        self._state: dict[str, Any] = {}

    def run(self) -> Messages:
        """Run the tap as a process, and load what it wrote into both targets."""
        state = self._folder / "state.json"
        state.write_text(json.dumps(self._state), "utf-8")
        arguments = ("--state", str(state)) if self._state else ()
        done = run_cli(*arguments, config=self.sandbox.config(), folder=self._folder)
        assert done.returncode == 0, done.stderr
        path = self._folder / "messages.jsonl"
        path.write_text(done.stdout, "utf-8")
        self._state = self.database.load(path, self.schema, self._folder)
        self.lines = load_lines(path, self._folder)
        return messages_in(done.stdout)

    def rows(self, stream: str) -> list[Record]:
        """What the stream's table holds."""
        return self.database.rows(self.schema, stream)

    def held(self) -> dict[str, int]:
        """How many rows of each stream the vendors hold."""
        truths = self.sandbox.truth().values()
        found = {stream: truth["count"] for one in truths for stream, truth in one.items()}
        replies = truth(self.sandbox).total()
        return {"accounts": len(self.sandbox.truth()), **found, "replies": replies}


@dataclass
class First:
    """What a first run came to, whatever the pipeline does afterwards."""

    pipeline: Pipeline
    messages: Messages
    held: dict[str, int]
    lines: dict[str, list[Record]]
    rows: dict[str, list[Record]]


@pytest.fixture(scope="module")
def first(postgres: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[First]:
    """One run into both targets."""
    with Sandbox() as sandbox:
        pipeline = Pipeline(sandbox, postgres, "targets", tmp_path_factory.mktemp("targets"))
        messages = pipeline.run()
        rows = {stream: pipeline.rows(stream) for stream in STREAMS}
        yield First(pipeline, messages, pipeline.held(), pipeline.lines, rows)


def kinds(definition: dict[str, Any]) -> list[str]:
    """The types of a property, the one that is not null first."""
    given = definition["type"]
    return [given] if isinstance(given, str) else sorted(given, key=lambda kind: kind == "null")


def column_type(definition: dict[str, Any]) -> str:
    """The column that a property should become."""
    kind = kinds(definition)[0]
    if definition.get("format") == "date-time":
        return "timestamp"
    return f"_{TYPES[kinds(definition['items'])[0]]}" if kind == "array" else TYPES[kind]


def as_loaded(stream: str, record: Record) -> Record:
    """A record as PostgreSQL gives it back: times in UTC and without a zone, numbers exact."""
    found = dict(record)
    for name, definition in ALL[stream].schema["properties"].items():
        if definition.get("format") == "date-time" and found[name]:
            found[name] = datetime.fromisoformat(found[name]).replace(tzinfo=None)
        elif kinds(definition)[0] == "number" and found[name] is not None:
            found[name] = Decimal(str(found[name]))
    return found


def by_key(stream: str, records: list[Record]) -> dict[tuple[Any, ...], Record]:
    """Records by their primary key."""
    keys = ALL[stream].primary_keys
    return {tuple(record[key] for key in keys): record for record in records}


@pytest.mark.parametrize("stream", STREAMS)
def test_every_row_arrives_as_it_was_emitted(first: First, stream: str) -> None:
    """Both targets hold what the vendors hold, value by value."""
    records = first.messages.records[stream]
    assert len(records) == first.held[stream]
    assert first.lines[stream] == records
    assert len(first.rows[stream]) == len(records)
    expected = [as_loaded(stream, record) for record in records]
    assert by_key(stream, first.rows[stream]) == by_key(stream, expected)


@pytest.mark.parametrize("stream", STREAMS)
def test_columns_have_fitting_types(first: First, stream: str) -> None:
    """Times, numbers and flags are no texts; objects are JSONB, and the key is the stream's."""
    pipeline = first.pipeline
    properties = STREAMS[stream].schema["properties"]
    columns = pipeline.database.columns(pipeline.schema, stream)
    own = {name: kind for name, kind in columns.items() if not name.startswith("_sdc_")}
    assert own == {name: column_type(definition) for name, definition in properties.items()}
    keys = pipeline.database.query(
        "SELECT attname FROM pg_index JOIN pg_attribute"
        " ON attrelid = indrelid AND attnum = ANY(indkey)"
        " WHERE indrelid = %s::regclass AND indisprimary",
        f"{pipeline.schema}.{stream}",
    )
    assert {name for (name,) in keys} == set(STREAMS[stream].primary_keys)


def test_times_are_utc_whatever_the_vendor_wrote(first: First) -> None:
    """Re:amaze writes local offsets; the column holds the same instant in UTC."""
    brand = first.pipeline.sandbox.world.reamaze[0]
    written = {str(row["slug"]): str(row["created_at"]) for row in brand.rows("conversations")}
    assert not all(text.endswith(("Z", "+00:00")) for text in written.values())
    for row in first.rows["reamaze_conversations"]:
        assert row["created_at"].replace(tzinfo=UTC) == datetime.fromisoformat(written[row["slug"]])


def test_a_second_load_adds_only_what_is_new(first: First) -> None:
    """With the state that the target handed on nothing comes twice, and news comes alone."""
    pipeline = first.pipeline
    messages = pipeline.run()
    assert {stream for stream in STREAMS if messages.records[stream]} == FULL
    twice = {stream: count * 2 for stream, count in first.held.items() if stream in FULL}
    assert {stream: len(lines) for stream, lines in pipeline.lines.items()} == first.held | twice

    pipeline.sandbox.mutate(NEW_MESSAGE)
    messages = pipeline.run()
    new = Counter({stream: len(messages.records[stream]) for stream in set(STREAMS) - FULL})
    streams = ("mailchimp_conversations", "mailchimp_conversation_messages", "replies")
    assert +new == dict.fromkeys(streams, 1)
    assert {stream: len(pipeline.rows(stream)) for stream in STREAMS} == pipeline.held()


def test_streams_that_must_be_selected_load(postgres: Database, tmp_path: Path) -> None:
    """Those that cost much arrive as they were emitted too."""
    optional = ALL.keys() - STREAMS.keys()
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(catalog_of(*optional)), "utf-8")
    with Sandbox(lists=1, members=6, conversations=12) as sandbox:
        done = run_cli("--catalog", str(catalog), config=sandbox.config(), folder=tmp_path)
    assert done.returncode == 0, done.stderr
    path = tmp_path / "messages.jsonl"
    path.write_text(done.stdout, "utf-8")
    postgres.load(path, "optional", tmp_path)
    lines, messages = load_lines(path, tmp_path), messages_in(done.stdout)
    for stream in optional:
        records = messages.records[stream]
        assert records
        assert lines[stream] == records
        expected = [as_loaded(stream, record) for record in records]
        assert by_key(stream, postgres.rows("optional", stream)) == by_key(stream, expected)
