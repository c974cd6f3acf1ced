"""Each rule of cleaning, as README tells it: what becomes of a value, and that it is counted."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oddities import texts

from tap_replies import clean
from tap_replies.answers import decode
from tap_replies.clean import Cleaner
from tap_replies.times import EPOCH, utc

if TYPE_CHECKING:
    from support import Record

SCHEMA = {
    "properties": {
        "account_id": {"type": "string"},
        "id": {"type": "string"},
        "sent_at": {"type": "string", "format": "date-time"},
        "text": {"type": ["string", "null"]},
        "whole": {"type": ["integer", "null"]},
        "rate": {"type": ["number", "null"]},
        "is_read": {"type": ["boolean", "null"]},
        "at": {"type": ["string", "null"], "format": "date-time"},
        "free": {"type": ["string", "null"], "contentMediaType": "application/json"},
        "user": {
            "type": ["object", "null"],
            "properties": {"name": {"type": ["string", "null"]}},
        },
        "tags": {"type": ["array", "null"], "items": {"type": ["string", "null"]}},
    }
}
RULES = set(re.findall(r"^``(\w+)``", str(clean.__doc__), re.MULTILINE))
DEEP = 100_000

CASES: list[tuple[str, Any, Any, str | None]] = [
    ("text", "a\0b", "ab", "text"),
    ("text", "\ud800 and \udc00", "\ufffd and \ufffd", "text"),
    ("text", "\ud83d\udc4d", "\U0001f44d", None),
    ("text", "\u202e\ufeff\x1b", "\u202e\ufeff\x1b", None),
    ("text", "", None, None),
    ("text", 12345, "12345", None),
    ("text", 1.5, "1.5", "type"),
    ("text", True, "true", "type"),
    ("text", {"b": [1, None], "a": "x"}, '{"a":"x","b":[1,null]}', "type"),
    ("at", "2026-01-31T08:00:00.123456+05:45", "2026-01-31T02:15:00.123Z", None),
    ("at", "2026-01-31 08:00:00", "2026-01-31T08:00:00.000Z", None),
    ("at", "2026-11-01T01:30:00-04:00", "2026-11-01T05:30:00.000Z", None),
    ("at", "2026-11-01T01:30:00-05:00", "2026-11-01T06:30:00.000Z", None),
    ("at", "", None, None),
    ("at", "0000-00-00 00:00:00", None, "time"),
    ("at", "10000-01-01T00:00:00Z", None, "time"),
    ("at", "9999-12-31T23:59:59-05:00", None, "time"),
    ("at", 1767225600, None, "time"),
    ("sent_at", "soon", EPOCH, "time"),
    ("sent_at", "", EPOCH, "time"),
    ("whole", 2**63 - 1, 2**63 - 1, None),
    ("whole", 2**63, None, "number"),
    ("whole", 3.0, 3, "type"),
    ("whole", 3.5, None, "number"),
    ("whole", " 12 ", 12, "type"),
    ("whole", "9007199254740993", 2**53 + 1, "type"),
    ("whole", "12 or so", None, "type"),
    ("whole", True, 1, "type"),
    ("whole", "", None, None),
    ("rate", float("nan"), None, "number"),
    ("rate", float("-inf"), None, "number"),
    ("rate", 10**30, 1e30, None),
    ("rate", 10**400, None, "number"),
    ("rate", "2.5", 2.5, "type"),
    ("rate", [], None, "type"),
    ("is_read", 1, True, "type"),
    ("is_read", "FALSE", False, "type"),
    ("is_read", "yes", None, "type"),
    ("is_read", "", None, None),
    ("free", {"b": 1, "a": "\0\ud800"}, '{"a":"\ufffd","b":1}', "text"),
    ("free", [], "[]", None),
    ("free", "", None, None),
    ("user", {"name": "Zoé", "new": 1}, {"name": "Zoé"}, None),
    ("user", [], None, None),
    ("user", "Zoé", None, "type"),
    ("tags", ["a", None, 7], ["a", "7"], None),
    ("tags", {"0": "a"}, None, "type"),
    ("tags", "", None, None),
    ("id", "k" * 600, "k" * 600, None),
    ("id", 17, "17", None),
]


def cleaned(row: Record) -> tuple[Record, Cleaner]:
    """The record for a row that came over the wire, and what was noted."""
    (parsed,), is_dirty = decode(json.dumps([row]).encode())
    cleaner = Cleaner(SCHEMA)
    return cleaner(parsed, {"account_id": "acme"}, is_dirty=is_dirty), cleaner


@pytest.mark.parametrize(("column", "value", "expected", "rule"), CASES)
def test_one_value(column: str, value: object, expected: object, rule: str | None) -> None:
    """A value becomes what the rule says, and a change is counted under rule and column."""
    record, cleaner = cleaned({column: value})
    assert record[column] == expected
    assert type(record[column]) is type(expected)
    noted = {note.partition(" ")[0] for note in cleaner.changed if column in note}
    assert noted == set() if rule is None else rule in noted <= RULES


def test_every_rule_has_an_example() -> None:
    """What is documented is tested."""
    elsewhere = {"name", "key", "depth"}
    assert {rule for *_, rule in CASES if rule} | elsewhere == RULES


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": "own", "ID": "other"}, "own"),
        ({"ID": "other", "id": "own"}, "own"),
        ({"id": "own", "ID": None}, "own"),
        ({"id": "own", "id\0": "other"}, "own"),
        ({"Id": "first", "ID": "second"}, "first"),
    ],
)
def test_keys_that_mean_the_same_column(row: Record, expected: str) -> None:
    """A column's own name counts, else the first key that means it."""
    record, cleaner = cleaned(row)
    assert record["id"] == expected
    assert cleaner.changed["name id"] == 1


@pytest.mark.parametrize(("key", "column"), [("readOnly", "read_only"), ("read?", "is_read")])
def test_keys_are_renamed(key: str, column: str) -> None:
    """Words are joined by underscores, and a question mark becomes `is_`."""
    schema = {"properties": {column: {"type": ["boolean", "null"]}}}
    assert Cleaner(schema)({key: True}, {}, is_dirty=False) == {column: True}


def test_long_keys_are_cut_and_stay_different() -> None:
    """A key that no index holds keeps its beginning and is told apart by its hash."""
    texts_of_keys = ["\U0001f9d1" * 200, "\U0001f9d1" * 200 + "!", "k" * 601]
    found = []
    for text in texts_of_keys:
        record, cleaner = cleaned({"id": text})
        found.append(record["id"])
        assert cleaner.changed == {"key id": 1}
        assert len(record["id"].encode()) <= 600
        assert record["id"].startswith(text[:100])
    assert len(set(found)) == 3
    assert cleaned({"id": texts_of_keys[0]})[0]["id"] == found[0]


@pytest.mark.parametrize("column", ["free", "text"])
@pytest.mark.parametrize("is_dirty", [False, True])
def test_what_is_nested_too_deep_becomes_null(column: str, *, is_dirty: bool) -> None:
    """A value that cannot be written stops nothing."""
    deep: list[Any] = []
    for _ in range(DEEP):
        deep = [deep]
    cleaner = Cleaner(SCHEMA)
    record = cleaner({"id": "x", column: deep}, {}, is_dirty=is_dirty)
    assert (record["id"], record[column]) == ("x", None)
    assert cleaner.changed[f"depth {column}"] == 1


def test_unknown_fields_are_named_without_what_may_be_personal() -> None:
    """A field without a column is left out; its name is told unless it is an address."""
    row = {"newField": 1, "zoe@example.com": 2, "user": {"age": 3}, "_links": []}
    record, cleaner = cleaned(row)
    assert {name for name, value in record.items() if value is not None} == {"account_id", "user"}
    assert cleaner.unknown == {"new_field", "address", "user.age"}


@given(texts)
def test_any_text(text: str) -> None:
    """Nothing but U+0000 and lone surrogates is taken from a text; if none is left, it is null."""
    bare = text.replace("\0", "").encode("utf-16", "surrogatepass")
    expected = re.sub("[\ud800-\udfff]", "\ufffd", bare.decode("utf-16", "surrogatepass"))
    assert cleaned({"text": text})[0]["text"] == (expected or None)


@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)),  # noqa: DTZ001 - the zone follows
    st.integers(-1439, 1439),
)
def test_any_time(moment: datetime, minutes: int) -> None:
    """Any offset becomes UTC, to the millisecond, and the text sorts as the time does."""
    local = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = utc(local.isoformat())
    assert text is not None
    assert datetime.fromisoformat(text) == local.astimezone(UTC).replace(
        microsecond=moment.microsecond // 1000 * 1000
    )
    later = utc((local + timedelta(milliseconds=1)).isoformat())
    assert later is not None
    assert text < later


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'\xef\xbb\xbf{"a": 1}', 1),
        (b'{"a": "tab\there"}', "tab\there"),
        (b'{"a": "\xff"}', "\ufffd"),
        (b'{"a": 1e999}', float("inf")),
        (b'{"a": ' + b"1" * 5000 + b"}", float("inf")),
    ],
)
def test_careless_json_is_read(body: bytes, expected: object) -> None:
    """A byte order mark, bare control characters, broken UTF-8 and huge numbers are no obstacle."""
    assert decode(body) == ({"a": expected}, True)
