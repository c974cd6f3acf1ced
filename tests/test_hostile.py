"""Whatever an API returns becomes records that fit their schemas and that every target takes."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from loading import load_lines, write
from odd_answers import odd_answers
from oddities import body_of, fitting, kind_of, rows
from singer_sdk.singerlib import RecordMessage
from support import catalog_of, run_cli, sync

from tap_replies import clean
from tap_replies.answers import decode
from tap_replies.clean import Cleaner
from tap_replies.forms import LONGEST_KEY
from tap_replies.output import MessageWriter
from tap_replies.sandbox import Sandbox
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from pathlib import Path

    from loading import Database
    from support import Record

STREAMS = TapReplies(validate_config=False).streams
RULES = set(re.findall(r"^``(\w+)``", str(clean.__doc__), re.MULTILINE))
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
ACCOUNT = {"account_id": "acme"}
SOME = settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
MANY = settings(SOME, max_examples=10_000)
streams = st.sampled_from(sorted(STREAMS))


def cleaned(stream: str, row: Record, *, is_escaped: bool = True) -> tuple[Record, Cleaner]:
    """The record for a row that came over the wire, and what its cleaner noted."""
    page, is_dirty = decode(body_of(row, is_escaped=is_escaped))
    cleaner = Cleaner(STREAMS[stream].schema)
    return cleaner(page["rows"][0], ACCOUNT, is_dirty=is_dirty), cleaner


def check_record(stream: str, record: Record) -> None:
    """A record holds all columns of its schema, is written as strict JSON, and is within limits."""
    line = MessageWriter().serialize_message(RecordMessage(stream, record))
    assert json.loads(line, parse_constant=pytest.fail)["record"] == record
    assert b"\\u0000" not in line
    schema = STREAMS[stream].schema
    assert set(record) == set(schema["properties"])
    keys = {name for name in record if "null" not in schema["properties"][name]["type"]}
    whole = {name: value for name, value in record.items() if value is not None or name not in keys}
    Draft7Validator(schema).validate(whole)
    assert all(len(record[name].encode()) <= LONGEST_KEY for name in keys if record[name])
    for name, definition in schema["properties"].items():
        check_value(definition, record[name])


def check_value(definition: dict[str, Any], value: Any) -> None:  # noqa: ANN401 - any JSON
    """What a JSON schema does not say: the form of times, 64 bits, JSON in texts."""
    kind = kind_of(definition)
    if value is None:
        return
    if kind == "object":
        for name, inner in value.items():
            check_value(definition["properties"][name], inner)
    elif kind == "array":
        assert None not in value
        for each in value:
            check_value(definition["items"], each)
    elif kind == "date-time":
        assert TIME.fullmatch(value)
        assert datetime.fromisoformat(value).tzinfo is UTC
    elif kind == "integer":
        assert -(2**63) <= value < 2**63
    elif "contentMediaType" in definition:
        json.loads(value, parse_constant=pytest.fail)


def check_notes(stream: str, cleaner: Cleaner) -> None:
    """The log names rules and columns; a key that is neither may be somebody's address."""
    for note in cleaner.changed:
        rule, _, path = note.partition(" ")
        assert rule in RULES
        assert path.partition(".")[0].removesuffix("[]") in STREAMS[stream].schema["properties"]
    assert all(re.fullmatch(r"[a-z0-9_.?\[\]]+", name) for name in cleaner.unknown)


@st.composite
def hostile(draw: st.DrawFn) -> tuple[str, Record]:
    """A stream and a row that may come for it."""
    stream = draw(streams)
    return stream, draw(rows(STREAMS[stream].schema))


def check_hostile(case: tuple[str, Record], *, is_escaped: bool) -> None:
    """Any row becomes a record that fits."""
    stream, row = case
    record, cleaner = cleaned(stream, row, is_escaped=is_escaped)
    check_record(stream, record)
    check_notes(stream, cleaner)


@SOME
@given(hostile(), st.booleans())
def test_any_row_becomes_a_valid_record(case: tuple[str, Record], is_escaped: bool) -> None:  # noqa: FBT001
    """Missing, extra, renamed and doubled keys, any type, any text, any number."""
    check_hostile(case, is_escaped=is_escaped)


@pytest.mark.long
@MANY
@given(hostile(), st.booleans())
def test_any_of_many_rows_becomes_a_valid_record(
    case: tuple[str, Record],
    is_escaped: bool,  # noqa: FBT001
) -> None:
    """The same, with thirty times as many (ca. 2 min)."""
    check_hostile(case, is_escaped=is_escaped)


@SOME
@given(st.data(), streams)
def test_what_fits_is_left_alone(data: st.DataObject, stream: str) -> None:
    """A value of the right type and form arrives as it is, and nothing is counted."""
    row = data.draw(fitting(STREAMS[stream].schema)) | ACCOUNT
    for is_dirty in (False, True):
        cleaner = Cleaner(STREAMS[stream].schema)
        record = cleaner(row, ACCOUNT, is_dirty=is_dirty)
        assert {name: record[name] for name in row} == row
        assert (cleaner.changed, cleaner.unknown) == (Counter(), set())


@pytest.mark.parametrize("stream", STREAMS)
def test_an_odd_row_harms_no_other(stream: str) -> None:
    """Rows that are no objects or lack an id are left out; whatever is in the others arrives."""
    with odd_answers() as config:
        messages = sync(config, catalog=catalog_of(stream))
    assert messages.failures == []
    records = messages.records[stream]
    for record in records:
        check_record(stream, record)
    assert any("good" in record.values() for record in records) or stream == "accounts"


def many_records(count: int) -> dict[str, list[Record]]:
    """Records of hostile rows, by stream; what the key lacks is numbered."""
    found: dict[str, list[Record]] = defaultdict(list)

    @settings(SOME, max_examples=count, phases=[Phase.generate], derandomize=True, database=None)
    @given(hostile())
    def note(case: tuple[str, Record]) -> None:
        stream, row = case
        for key in STREAMS[stream].primary_keys[1:]:
            row.setdefault(key, f"{len(found[stream])}")
        record, _ = cleaned(stream, row)
        if all(record[key] is not None for key in STREAMS[stream].primary_keys):
            found[stream].append(record)

    note()
    return found


def as_loaded(definition: dict[str, Any], value: Any, *, at_top: bool = True) -> Any:  # noqa: ANN401
    """A value as a database gives it back, for either side of a comparison."""
    kind = kind_of(definition)
    if value is None:
        return None
    if kind == "object":
        inner = definition["properties"]
        return {name: as_loaded(inner[name], each, at_top=False) for name, each in value.items()}
    if kind == "array":
        return [as_loaded(definition["items"], each, at_top=False) for each in value]
    if kind == "number":
        return float(value)
    if kind == "date-time" and at_top and isinstance(value, str):
        return datetime.fromisoformat(value).replace(tzinfo=None)
    return value


def by_key(stream: str, records: list[Record]) -> dict[tuple[Any, ...], Record]:
    """Records, or rows of a database, by their primary key, in a form that both have."""
    properties = STREAMS[stream].schema["properties"]
    plain = [
        {name: as_loaded(properties[name], value) for name, value in record.items()}
        for record in records
    ]
    return {tuple(record[key] for key in STREAMS[stream].primary_keys): record for record in plain}


def check_loads(count: int, postgres: Database, schema: str, folder: Path) -> None:
    """Both targets take hostile records, all in one go, and hold what was emitted."""
    records = many_records(count)
    long = {"conversation_id": "long", "id": "long", "message": "\U0001f9d1 <br>\n\0" * 1_000_000}
    records["mailchimp_conversation_messages"].append(
        cleaned("mailchimp_conversation_messages", long)[0]
    )
    path = folder / "messages.jsonl"
    for stream, rows_of_stream in records.items():
        write(path, STREAMS[stream], rows_of_stream)
    assert sum(map(len, records.values())) > count // 2
    assert load_lines(path, folder) == records
    postgres.load(path, schema, folder)
    for stream, emitted in records.items():
        assert by_key(stream, postgres.rows(schema, stream)) == by_key(stream, emitted)


def test_targets_take_hostile_records(postgres: Database, tmp_path: Path) -> None:
    """None of 500 records of all streams is refused, and each arrives as it was emitted."""
    check_loads(500, postgres, "hostile", tmp_path)


@pytest.mark.long
def test_targets_take_many_hostile_records(postgres: Database, tmp_path: Path) -> None:
    """The same with 10,000 (ca. 2 min)."""
    check_loads(10_000, postgres, "many", tmp_path)


def test_hostile_answers_load_whole(postgres: Database, tmp_path: Path) -> None:
    """With every row of both vendors spoilt, all of them arrive in both targets, keys intact."""
    with Sandbox(hostile=1) as sandbox:
        done = run_cli(config=sandbox.config(), folder=tmp_path)
        truths = sandbox.truth().values()
    assert done.returncode == 0, done.stderr
    path = tmp_path / "messages.jsonl"
    path.write_text(done.stdout, "utf-8")
    lines = load_lines(path, tmp_path)
    postgres.load(path, "spoilt", tmp_path)
    held = {stream: truth["count"] for one in truths for stream, truth in one.items()}
    for stream, count in held.items():
        assert len(lines[stream]) == len(postgres.rows("spoilt", stream)) == count
        for record in lines[stream]:
            check_record(stream, record)
