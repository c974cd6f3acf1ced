"""What was read of a collection so far: which rows are new, and how a page joins those before."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime
from itertools import repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_replies.paging import Collection
    from tap_replies.source import Row

_LACKS = (KeyError, TypeError, AttributeError)
"""What is raised where a row is none, or lacks what is looked for."""


MOST = 2**60 - 1
"""Of a key's hash no more is kept: a larger number would take half as much memory again."""


class Known:
    """The rows of a collection that were handed out, each in its newest version."""

    def __init__(self, collection: Collection) -> None:
        """Begin with none."""
        self.duplicates = 0
        self.without_key = 0
        self.alike: list[Row] = []
        """Rows that are the same as the one before in all that tells them apart."""

        self.is_shifted = False
        """Whether the last page began with a row that an earlier one had shown."""

        self.is_unsure = False
        """Whether a row that is alike may be the one before itself, on a page that moved."""

        self._collection = collection
        self._versions: dict[int | None, float] = {}
        self._again: set[int | None] | None = None
        self._twins = 0
        self._last: int | None = None
        self._page: tuple[list[int | None], int | None] = ([], None)
        self._before: tuple[list[int | None], int | None] = ([], None)

    def __len__(self) -> int:
        """How many different rows were read."""
        return len(self._versions) + self._twins + self.without_key

    def begin(self) -> None:
        """A reading begins, or begins anew."""
        self.without_key = 0
        self.alike = []
        self.is_unsure = False
        self._last = None
        self._again = set() if self._versions else None

    @property
    def is_repeated(self) -> bool:
        """Whether the last page was that before it again."""
        return self._page == self._before

    def turn(self, total: int | None) -> None:
        """The next page begins."""
        self._page, self._before = ([], total), self._page
        self.is_shifted = False
        if self._collection.paging.borders_overlap:
            self._last = None  # it comes again

    def fresh(self, rows: list[Row]) -> list[Row]:
        """Of the next rows of the page, those that were not handed out yet in their version."""
        keys = self._keys(rows)
        self._compare(keys)
        border: list[Row] = []
        if keys and keys[0] in self._versions:
            alike = len(self.alike)
            border, rows = self._sifted(rows[:1], keys[:1]), rows[1:]
            self.is_unsure |= self.is_shifted and len(self.alike) > alike
            keys = keys[1:]
        new = dict(zip(keys, self._versions_of(rows), strict=True))
        if len(new) < len(rows) or None in new or not self._versions.keys().isdisjoint(new):
            return border + self._sifted(rows, keys)
        self._versions.update(new)
        self._last = keys[-1] if keys else self._last
        return border + rows

    def take_alike(self, most: int) -> list[Row]:
        """Hand out so many of the rows that are alike: the API counts each of them."""
        rows, self.alike = self.alike[:most], []
        self._twins += len(rows)
        return rows

    def holds(self, row: Row) -> bool:
        """Whether a row was read as it is, for one that changed may have moved."""
        return [self._versions.get(key) for key in self._keys([row])] == [self._version(row)]

    def same(self, row: Row, other: Row) -> bool:
        """Whether two rows are one."""
        return self._keys([row]) == self._keys([other])

    def _compare(self, keys: list[int | None]) -> None:
        seen, _ = self._page
        known = self._versions if self._again is None else self._again
        if not seen:
            self.is_shifted = bool(keys) and keys[0] in known
        seen += keys
        if self._again is not None:
            self._again.update(keys)

    def _keys(self, rows: Sequence[Row]) -> list[int | None]:
        """What tells the rows apart; None for one that lacks it."""
        with suppress(*_LACKS):
            keys = list(map(self._collection.key, rows))
            if None not in keys:
                return [hash(key) & MOST for key in keys]
        return [self._key(row) for row in rows]

    def _key(self, row: Row) -> int | None:
        with suppress(*_LACKS):
            key = self._collection.key(row)
            return None if key is None else hash(key) & MOST
        return None

    def _sifted(self, rows: list[Row], keys: list[int | None]) -> list[Row]:
        """Those of the rows that are new, or newer than what was handed out."""
        found = []
        for row, key in zip(rows, keys, strict=True):
            version = self._version(row)
            if key is None:
                self.without_key += 1
            # A page that was asked for ahead may show a row as it was before.
            elif self._versions.get(key, -math.inf) < version:
                self._versions[key] = version
                found.append(row)
            elif key == self._last and self._collection.may_be_alike:
                self.alike.append(row)
            else:
                self.duplicates += 1
            self._last = key
        return found

    def _versions_of(self, rows: Sequence[Row]) -> Iterable[float]:
        version, parse = self._collection.version, datetime.fromisoformat
        if version is None:
            return repeat(0.0, len(rows))
        with suppress(*_LACKS, ValueError, OverflowError):
            return [parse(version(row) or "").timestamp() for row in rows]
        return map(self._version, rows)

    def _version(self, row: Row) -> float:
        if self._collection.version is None:
            return 0.0
        try:
            return datetime.fromisoformat(self._collection.version(row) or "").timestamp()
        except (*_LACKS, ValueError, OverflowError):
            return 0.0
