"""Rows as no vendor should send them, and as one may all the same."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support import Record

    Schema = Mapping[str, Any]

TEXTS = (
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udc00 before \ud83d after",
    "\ud83d\udc4d joined",
    "\u202erow\u202c \u2066x\u2069 \ufeff\u200b",
    "\U0001f9d1\u200d\U0001f680 e\u0301 \uffff \ufffe \x7f\x85\u2028",
    "\x1b[31m\r\n\t\x0b",
    "'; DROP TABLE x; -- %s %(a)s :a $1 \\N \\. \\",
    '{"a": [1, null]}',
    "{a,b}",
    "NULL",
    "infinity",
    "10000-01-01T00:00:00Z",
    "2026-13-45",
    "true",
    " 7 ",
    "+5",
    "1e400",
    "1" * 300,
    "9" * 4000,
    "k" * 601,
    "\U0001f9d1" * 151,
)
NUMBERS = (
    -0.0,
    0.1 + 0.2,
    1e308,
    -1e308,
    5e-324,
    1e16,
    float("nan"),
    float("inf"),
    float("-inf"),
    2**31,
    2**53 + 1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64,
    10**40,
    10**400,
)
MOMENTS = (
    "",
    "0000-00-00 00:00:00",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "0044-03-15T12:00:00",
    "1582-10-10T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-12:00",
    "10000-01-01T00:00:00Z",
    "2026-03-29T02:30:00+01:00",
    "2026-10-25T02:30:00+02:00",
    "2026-10-25T02:30:00+01:00",
    "2026-11-01T01:30:00-04:00",
    "2026-11-01T01:30:00-05:00",
    "2016-12-31T23:59:60Z",
    "2026-02-29",
    "2026-01-31",
    "2026-01-31 08:00:00",
    "2026-01-31T08:00:00.123456789+05:45",
    "2026-01-31T08:00:00+23:59:59",
    "now",
    "\ud8002026-01-31\0",
)

fit_characters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=()), max_size=20)
numbers = st.sampled_from(NUMBERS) | st.integers() | st.floats()
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
instants = st.datetimes(timezones=st.none() | offsets | st.timezones())
moments = st.sampled_from(MOMENTS) | instants.map(datetime.isoformat)
scalars = st.none() | st.booleans() | numbers | texts | moments
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def kind_of(definition: Schema) -> str:
    """What a property should hold."""
    kinds = definition["type"]
    if definition.get("format") == "date-time":
        return "date-time"
    return next(kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind != "null")


@st.composite
def rows(draw: st.DrawFn, schema: Schema, most: int = 8) -> Record:
    """An object of a schema with missing, extra, renamed and doubled keys, and any values."""
    row: Record = {}
    properties = schema["properties"]
    for name in draw(st.lists(st.sampled_from(sorted(properties)), max_size=most, unique=True)):
        camel = "".join(
            word.title() if place else word for place, word in enumerate(name.split("_"))
        )
        spelt = (name, name, name, name.upper(), f"{name}\0", f" {name}", camel, f"{name[3:]}?")
        key = draw(st.sampled_from(spelt))
        row[key] = draw(anything | values(properties[name]))
    return row | draw(st.dictionaries(texts, anything, max_size=2))


def values(definition: Schema) -> st.SearchStrategy[Any]:
    """Values near the type of a property."""
    kind = kind_of(definition)
    if kind == "object":
        return rows(definition, 4)
    if kind == "array":
        return st.lists(anything | values(definition["items"]), max_size=3)
    near = {"date-time": moments, "string": texts, "boolean": scalars}
    return near.get(kind, numbers | st.integers().map(str))


@st.composite
def fitting(draw: st.DrawFn, definition: Schema) -> Any:  # noqa: ANN401 - any JSON
    """A value that has nothing to be cleaned."""
    kind = kind_of(definition)
    if kind == "object":
        own = definition["properties"]
        names = draw(st.lists(st.sampled_from(sorted(own)), max_size=5, unique=True))
        return {name: draw(fitting(own[name])) for name in names}
    if kind == "array":
        return draw(st.lists(fitting(definition["items"]), max_size=2))
    if "contentMediaType" in definition:
        return None
    return draw(
        {
            "string": st.text(fit_characters, min_size=1, max_size=20),
            "integer": st.integers(-(2**63), 2**63 - 1),
            "number": st.floats(allow_nan=False, allow_infinity=False),
            "boolean": st.booleans(),
            "date-time": st.datetimes().map(
                lambda moment: f"{moment.isoformat(timespec='milliseconds').rjust(23, '0')}Z"
            ),
        }[kind]
    )


def body_of(row: Record, *, is_escaped: bool) -> bytes:
    """A page with one row, as a careless server writes it: NaN, lone surrogates and all."""
    return json.dumps({"rows": [row]}, ensure_ascii=is_escaped).encode("utf-8", "surrogatepass")
