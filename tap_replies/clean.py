"""Make what an API returned fit its schema, so that every target takes it.

A cleaner is compiled once from a stream's schema and the user's selection. Its rules, each
counted where it had to change something:

``text``       U+0000 removed, lone surrogates replaced by U+FFFD
``time``       a date-time that cannot be read, or lies outside the years 1 to 9999, becomes null
``type``       a value of another type than the schema's is converted, or becomes null
``number``     NaN and infinities become null, as do fractions and more than 64 bits in an integer
``name``       keys of one object that mean the same column: its own name counts, else the first
``key``        a key column's text of more than 600 bytes is cut and ends with its SHA-256
``depth``      JSON text that is nested too deep to be written becomes null
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from tap_replies.convert import boolean, integer, number
from tap_replies.errors import masked
from tap_replies.scrub import scrubbed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_replies.source import Row

    Schema = Mapping[str, Any]
    IsSelected = Callable[[tuple[str, ...]], bool]

EPOCH = "1970-01-01T00:00:00.000Z"
"""Stands for an unreadable time where the column is a key, which must not be null."""

MOST_UNKNOWN = 50
MOST_KEYS = 10_000
"""Keys of one object that are remembered; an API that invents keys must not fill the memory."""

LONGEST_KEY = 600
"""Bytes; PostgreSQL's indexes hold 2,704 in a row, and no key has more than three texts."""

SHORT_KEY = LONGEST_KEY // 4
"""Characters that are no more bytes than that, whichever they are."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Field:
    """What becomes of one property: its column, the type that needs no work, and the work."""

    __slots__ = ("as_is", "column", "convert", "is_exact")

    def __init__(self, column: str, as_is: type | None, convert: Callable[[Any], Any]) -> None:
        """Describe a property."""
        self.column = column
        self.as_is = as_is
        self.convert = convert
        self.is_exact = True

    def renamed(self) -> Field:
        """The same for a key that is not the column's own name."""
        as_is, convert = self.as_is, self.convert
        field = Field(
            self.column, None, lambda value: value if type(value) is as_is else convert(value)
        )
        field.is_exact = False
        return field


class Cleaner:
    """Rows in, records out; what had to be changed is counted in `changed`."""

    def __init__(self, schema: Schema, is_selected: IsSelected = lambda _: True) -> None:
        """Compile the schema; `is_selected` is asked for each property's breadcrumb."""
        self.changed: Counter[str] = Counter()
        """How often each rule changed a value, by `rule field`."""

        self.unknown: set[str] = set()
        """Fields that the API returned and the schema does not have."""

        self._names = frozenset(schema["properties"])
        self._root = self._compile(schema, is_selected, (), "")

    def __call__(self, row: Row, columns: Row, *, is_dirty: bool) -> Row:
        """The record for a row; `columns` are those that the row itself does not hold."""
        if is_dirty:
            row = scrubbed(row, self._column_of, self._count)
        record = self._root(row)
        if columns:
            record |= columns
        return record

    def columns(self, values: Row) -> Row:
        """Columns that no row holds, cleaned as rows are; those not selected are left out."""
        record = self(values, {}, is_dirty=True)
        return {name: record[name] for name in values if name in record}

    def _column_of(self, key: str) -> str | None:
        column = column_name(key)
        return column if column in self._names else None

    def _compile(
        self, schema: Schema, is_selected: IsSelected, breadcrumb: tuple[str, ...], path: str
    ) -> Callable[[Any], Row]:
        fields: dict[str, Field | None] = {}
        for name, definition in schema["properties"].items():
            crumb = (*breadcrumb, "properties", name)
            chosen = is_selected(crumb)
            fields[name] = (
                self._field(name, definition, is_selected, crumb, path + name) if chosen else None
            )
        columns = frozenset(fields)
        blank = dict.fromkeys(name for name, field in fields.items() if field) if not path else {}

        def clean(row: Any) -> Row:  # noqa: ANN401 - any JSON
            record: Row = blank.copy()
            for key, value in row.items():
                field = fields[key] if key in fields else self._named(key, columns, fields, path)
                if field is None:
                    continue
                if type(value) is field.as_is or (value is None and field.is_exact):
                    record[field.column] = value
                elif field.is_exact:
                    record[field.column] = field.convert(value)
                elif field.column in row or record.get(field.column) is not None:
                    self._count("name", path + field.column)
                elif value is not None:
                    record[field.column] = field.convert(value)
            return record

        return clean

    def _named(
        self, key: str, columns: frozenset[str], fields: dict[str, Field | None], path: str
    ) -> Field | None:
        """The field for a key that is no column by its own name: renamed, or unknown."""
        column = column_name(key)
        field = fields[column] if column in columns else None
        found = field.renamed() if field else None
        if column not in columns and key != "_links" and len(self.unknown) < MOST_UNKNOWN:
            self.unknown.add(path + (column_name(masked(key)) or "?"))
        if len(fields) < MOST_KEYS:
            fields[key] = found
        return found

    def _field(
        self,
        name: str,
        definition: Schema,
        is_selected: IsSelected,
        crumb: tuple[str, ...],
        path: str,
    ) -> Field:
        kind = _kind(definition)
        is_key = "null" not in definition["type"]
        if kind == "date-time":
            return Field(name, None, lambda value: self._time(value, path, is_key=is_key))
        if kind == "json":
            return Field(name, None, lambda value: self._json_text(value, path))
        if kind == "object":
            inner = self._compile(definition, is_selected, crumb, path + ".")
            return Field(name, None, lambda value: self._object(value, inner, path))
        if kind == "array":
            item = self._field("", definition["items"], is_selected, (*crumb, "items"), path + "[]")
            return Field(name, None, lambda value: self._array(value, item, path))
        if kind == "string":
            text = self._key if is_key else self._string
            return Field(name, None if is_key else str, lambda value: text(value, path))

        def count(rule: str) -> None:
            self._count(rule, path)

        as_is, convert = {
            "integer": (None, integer),
            "number": (float, number),
            "boolean": (bool, boolean),
        }[kind]
        return Field(name, as_is, lambda value: convert(value, count))

    def _count(self, rule: str, path: str) -> None:
        self.changed[f"{rule} {path}"] += 1

    def _string(self, value: Any, path: str) -> str | None:  # noqa: ANN401 - any JSON
        if type(value) is int:  # ids are numbers in some answers and texts in others
            return str(value)
        self._count("type", path)
        return self._json_text(value, path)

    def _key(self, value: Any, path: str) -> str | None:  # noqa: ANN401 - any JSON
        if type(value) is str and len(value) <= SHORT_KEY:
            return value
        text = value if type(value) is str else self._string(value, path)
        data = (text or "").encode()
        if len(data) <= LONGEST_KEY:
            return text
        self._count("key", path)
        end = f"~{hashlib.sha256(data).hexdigest()}"
        return data[: LONGEST_KEY - len(end)].decode(errors="ignore") + end

    def _json_text(self, value: Any, path: str) -> str | None:  # noqa: ANN401 - any JSON
        try:
            return None if value == "" else _encode(value).decode()
        except RecursionError:
            self._count("depth", path)
            return None

    def _time(self, value: Any, path: str, *, is_key: bool) -> str | None:  # noqa: ANN401
        if value == "" and not is_key:
            return None
        text = utc(value) if isinstance(value, str) else None
        if text is None:
            self._count("time", path)
            return EPOCH if is_key else None
        return text

    def _object(self, value: Any, inner: Callable[[Any], Row], path: str) -> Row | None:  # noqa: ANN401
        if isinstance(value, dict):
            return inner(value)
        if value not in ("", []):
            self._count("type", path)
        return None

    def _array(self, value: Any, item: Field, path: str) -> list[Any] | None:  # noqa: ANN401
        if not isinstance(value, list):
            if value != "":
                self._count("type", path)
            return None
        items = (
            each if type(each) is item.as_is else item.convert(each)
            for each in value
            if each is not None
        )
        return [each for each in items if each is not None]


def column_name(key: str) -> str:
    """The column for an API's key: `image?` is `is_image`, `readOnly` is `read_only`."""
    name = f"is_{key[:-1]}" if key.endswith("?") else key
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")[:60]


def utc(text: object) -> str | None:
    """A date-time as `YYYY-MM-DDTHH:MM:SS.mmmZ`, or None if it is none.

    Without an offset it is taken as UTC: Mailchimp's old payloads carry none (Marketing API
    reference, the samples of the conversations and unsubscribed calls).
    """
    try:
        moment = datetime.fromisoformat(text)  # type: ignore[arg-type] # checked by itself
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        elif moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="milliseconds")[:23].rjust(23, "0") + "Z"


def _kind(definition: Schema) -> str:
    kinds = definition["type"]
    kind: str = next(k for k in ([kinds] if isinstance(kinds, str) else kinds) if k != "null")
    if definition.get("format") == "date-time":
        return "date-time"
    if definition.get("contentMediaType") == "application/json":
        return "json"
    return kind
