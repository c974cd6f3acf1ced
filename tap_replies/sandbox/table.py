"""Rows of one kind: encoded once, found by key or group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_replies.sandbox.projection import Projection

Row = dict[str, Any]
Key = str | tuple[str, ...]

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
# Above this many rows a projected row is made anew each time, to bound the memory.
_CACHED_ROWS = 250_000


class Entry:
    """One row: its key, its place in the order of creation, and what filters and sorts look at."""

    __slots__ = ("encoded", "facts", "key", "number", "raw")

    def __init__(self, key: Key, number: int, row: Row, facts: Row) -> None:
        """Encode the row; the dictionary itself is not kept."""
        self.key = key
        self.number = number
        self.raw: bytes = _encode(row)
        self.facts = facts
        self.encoded: dict[Projection, bytes] | None = None

    @property
    def row(self) -> Row:
        """A fresh copy of the row."""
        row: Row = _decode(self.raw)
        return row


class Table:
    """All rows of one kind of one account, made when first looked at."""

    def __init__(
        self,
        rows: Callable[[], Iterable[Row]],
        *,
        key: Callable[[Row], Key],
        facts: Callable[[Row], Row] = lambda _row: {},
        group: Callable[[Row], str] | None = None,
        links: Callable[[Row], list[Row]] | None = None,
    ) -> None:
        """Declare the rows (oldest first), their key, and optionally a group they are found by."""
        self._make = rows
        self._key = key
        self._facts = facts
        self._group = group
        self._links = links
        self._entries: dict[Key, Entry] | None = None
        self._groups: dict[str, dict[Key, Entry]] = {}
        self._next_number = 0

    @property
    def _rows(self) -> dict[Key, Entry]:
        if self._entries is None:
            self._entries = {}
            for row in self._make():
                self._add(row)
        return self._entries

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._rows)

    def __iter__(self) -> Iterator[Entry]:
        """Walk the entries in the order of creation."""
        return iter(self._rows.values())

    def get(self, key: Key) -> Entry | None:
        """Find one entry by its key."""
        return self._rows.get(key)

    def members(self, group: str) -> Iterable[Entry]:
        """Return the entries of one group, in the order of creation."""
        _ = self._rows
        return self._groups.get(group, {}).values()

    def encode(self, entry: Entry, projection: Projection) -> bytes:
        """Return the row as JSON, cut down to what the projection lets through."""
        if projection.is_plain and (projection.hides_links or self._links is None):
            return entry.raw
        known = entry.encoded
        if known is not None and (found := known.get(projection)) is not None:
            return found
        row = entry.row
        if self._links is not None:
            row["_links"] = self._links(row)
        encoded = _encode(projection.apply(row))
        if len(self._rows) <= _CACHED_ROWS:
            if known is None:
                entry.encoded = {projection: encoded}
            else:
                known[projection] = encoded
        return encoded

    def insert(self, row: Row) -> Entry:
        """Add a row as the newest; what it leaves out is taken from the newest so far."""
        rows = self._rows
        row = merged(next(reversed(rows.values())).row, row) if rows else row
        if self._key(row) in rows:
            raise ValueError(f"{self._key(row)} is there already")
        return self._add(row)

    def update(self, key: Key, changes: Row) -> Entry:
        """Merge changes into a row, objects inside it included. Raises KeyError."""
        entry = self._rows[key]
        row = merged(entry.row, changes)
        if self._group:
            del self._groups[self._group(entry.row)][key]
            self._groups.setdefault(self._group(row), {})[key] = entry
        entry.raw, entry.facts, entry.encoded = _encode(row), self._facts(row), None
        return entry

    def delete(self, key: Key) -> None:
        """Remove a row. Raises KeyError."""
        entry = self._rows.pop(key)
        if self._group:
            del self._groups[self._group(entry.row)][key]

    def _add(self, row: Row) -> Entry:
        entry = Entry(self._key(row), self._next_number, row, self._facts(row))
        self._next_number += 1
        if self._entries is None:
            self._entries = {}
        self._entries[entry.key] = entry
        if self._group:
            self._groups.setdefault(self._group(row), {})[entry.key] = entry
        return entry


def merged(row: Row, changes: Row) -> Row:
    """Return row with changes laid over it, recursing into objects."""
    result = dict(row)
    for name, value in changes.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            result[name] = merged(old, value)
        else:
            result[name] = value
    return result
