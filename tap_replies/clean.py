"""Make what an API returned fit its schema, so that every target takes it.

A cleaner is compiled once from a stream's schema and the user's selection. An empty text is null,
but in a key column and in an array. The other rules are counted where they changed something:

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
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from tap_replies.convert import boolean, integer, number
from tap_replies.errors import masked
from tap_replies.fields import Field, column_name, kind_of
from tap_replies.forms import LONGEST_KEY, MOST_FORMS, SHORT_KEY, function_for
from tap_replies.scrub import scrubbed
from tap_replies.times import EPOCH, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tap_replies.fields import FieldsOf
    from tap_replies.source import Row

    Schema = Mapping[str, Any]
    IsSelected = Callable[[tuple[str, ...]], bool]

MOST_UNKNOWN = 50
MOST_KEYS = 10_000
"""Keys of one object that are remembered; an API that invents keys must not fill the memory."""

_PLAIN: dict[str, type] = {"string": str, "object": dict}
"""The kinds of items that stay in an array as they are, or are fitted."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Cleaner:
    """Rows in, records out; what had to be changed is counted in `changed`.

    A row is used up: most become the record themselves.
    """

    def __init__(self, schema: Schema, is_selected: IsSelected = lambda _: True) -> None:
        """Compile the schema; `is_selected` is asked for each property's breadcrumb."""
        self.changed: Counter[str] = Counter()
        """How often each rule changed a value, by `rule field`."""

        self.unknown: set[str] = set()
        """Fields that the API returned and the schema does not have."""

        self._names = frozenset(schema["properties"])
        self._root, _ = self._compile(schema, is_selected, (), "")

    def __call__(self, row: Row, columns: Row, *, is_dirty: bool) -> Row:
        """The record for a row; `columns` are those that the row itself does not hold."""
        return self.records([row], columns, is_dirty=is_dirty)[0]

    def records(self, rows: Iterable[Row], columns: Row, *, is_dirty: bool) -> list[Row]:
        """The records for rows, as for one."""
        if is_dirty:
            rows = (scrubbed(row, self._column_of, self._count) for row in rows)
        records = list(map(self._root, rows))
        for record in records:
            record.update(columns)
        return records

    def columns(self, values: Row) -> Row:
        """Columns that no row holds, cleaned as rows are; those not selected are left out."""
        record = self(values, {}, is_dirty=True)
        return {name: record[name] for name in values if name in record}

    def _column_of(self, key: str) -> str | None:
        column = column_name(key)
        return column if column in self._names else None

    def _compile(
        self, schema: Schema, is_selected: IsSelected, breadcrumb: tuple[str, ...], path: str
    ) -> tuple[Callable[[Any], Row], FieldsOf]:
        fields: dict[str, Field | None] = {}
        for name, definition in schema["properties"].items():
            crumb = (*breadcrumb, "properties", name)
            chosen = is_selected(crumb)
            fields[name] = (
                self._field(name, definition, is_selected, crumb, path + name) if chosen else None
            )
        return self._filled(fields, path)

    def _filled(
        self, fields: dict[str, Field | None], path: str
    ) -> tuple[Callable[[Any], Row], FieldsOf]:
        """What makes an object's record: the function of its form, or a loop for any object."""
        chosen = [name for name, field in fields.items() if field]
        blank = dict.fromkeys(chosen) if not path else {}  # only a whole row must have all columns
        columns = frozenset(fields)
        take = partial(self._take, fields, columns, path)
        forms: dict[tuple[str, ...], Callable[[Row], Row]] = {}

        def clean(row: Row) -> Row:
            form = tuple(row)
            make = forms.get(form)
            if make is None:
                if len(forms) >= MOST_FORMS or not form:
                    return loop(row)
                found = fields_of(form)
                make = forms[form] = loop if found is None else function_for(row, found, blank)
            return make(row)

        def fields_of(form: Sequence[str]) -> list[Field | None] | None:
            found = [self._known(key, columns, fields, path) for key in form]
            is_exact = all(field is None or field.is_exact for field in found)
            return found if is_exact else None

        def loop(row: Row) -> Row:
            record: Row = blank.copy()
            for key, value in row.items():
                take(record, row, key, value)
            return record

        return clean, fields_of

    def _take(  # noqa: PLR0913, PLR0917 - bound once, where the object is compiled
        self,
        fields: dict[str, Field | None],
        columns: frozenset[str],
        path: str,
        record: Row,
        row: Row,
        key: str,
        value: Any,  # noqa: ANN401 - any JSON
    ) -> None:
        """Take over one value."""
        field = self._known(key, columns, fields, path)
        if field is None:
            return
        if field.is_exact:
            record[key] = None if value is None else field.convert(value)
        elif field.column in row or record.get(field.column) is not None:
            self._count("name", path + field.column)
        elif value is not None:
            record[field.column] = field.convert(value)

    def _known(
        self, key: str, columns: frozenset[str], fields: dict[str, Field | None], path: str
    ) -> Field | None:
        """The field for a key; None if its value is left out."""
        return fields[key] if key in fields else self._named(key, columns, fields, path)

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
        kind = kind_of(definition)
        is_key = "null" not in definition["type"]
        if kind == "date-time":
            return Field(name, kind, partial(self._time, path, is_key))
        if kind == "json":
            return Field(name, kind, partial(self._json_text, path))
        if kind == "object":
            inner, fields_of = self._compile(definition, is_selected, crumb, path + ".")
            return Field(name, kind, partial(self._object, path, inner), inner, fields_of)
        if kind == "array":
            item = self._field("", definition["items"], is_selected, (*crumb, "items"), path + "[]")
            items = partial(_items, item)
            return Field(name, kind, partial(self._array, path, items), items)
        if kind == "string":
            text, kind = (self._key, "key") if is_key else (self._string, kind)
            return Field(name, kind, partial(text, path))

        def count(rule: str) -> None:
            self._count(rule, path)

        convert = {"integer": integer, "number": number, "boolean": boolean}[kind]
        return Field(name, kind, lambda value: convert(value, count))

    def _count(self, rule: str, path: str) -> None:
        self.changed[f"{rule} {path}"] += 1

    def _string(self, path: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON
        if type(value) is str:
            return value or None
        if type(value) is int:  # ids are numbers in some answers and texts in others
            return str(value)
        self._count("type", path)
        return self._json_text(path, value)

    def _key(self, path: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON
        if type(value) is str and len(value) <= SHORT_KEY:
            return value
        text = value if type(value) is str else self._string(path, value)
        data = (text or "").encode()
        if len(data) <= LONGEST_KEY:
            return text
        self._count("key", path)
        end = f"~{hashlib.sha256(data).hexdigest()}"
        return data[: LONGEST_KEY - len(end)].decode(errors="ignore") + end

    def _json_text(self, path: str, value: Any) -> str | None:  # noqa: ANN401 - any JSON
        try:
            return None if value == "" else _encode(value).decode()
        except RecursionError:
            self._count("depth", path)
            return None

    def _time(self, path: str, is_key: bool, value: Any) -> str | None:  # noqa: ANN401, FBT001
        if value == "" and not is_key:
            return None
        text = utc(value) if isinstance(value, str) else None
        if text is None:
            self._count("time", path)
            return EPOCH if is_key else None
        return text

    def _object(self, path: str, inner: Callable[[Any], Row], value: Any) -> Row | None:  # noqa: ANN401
        if isinstance(value, dict):
            return inner(value)
        if value not in ("", []):
            self._count("type", path)
        return None

    def _array(self, path: str, items: Callable[[Any], list[Any]], value: Any) -> list[Any] | None:  # noqa: ANN401
        if isinstance(value, list):
            return items(value)
        if value != "":
            self._count("type", path)
        return None


def _items(item: Field, values: list[Any]) -> list[Any]:
    """What is in an array, each as its item's schema wants it, and no nulls."""
    found = []
    plain, fit = _PLAIN.get(item.kind), item.fit
    for value in values:
        if type(value) is plain:
            found.append(fit(value) if fit else value)
        elif value is not None and (each := item.convert(value)) is not None:
            found.append(each)
    return found
