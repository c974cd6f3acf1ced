"""What was read of a collection so far: which rows are new, and how a page joins those before."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_replies.paging import Collection, Page
    from tap_replies.source import Row

_LACKS = (KeyError, TypeError, AttributeError)
"""What is raised where a row is none, or lacks what is looked for."""


class Known:
    """The rows of a collection that were handed out, each in its newest version."""

    def __init__(self, collection: Collection) -> None:
        """Begin with none."""
        self.duplicates = 0
        self.without_key = 0
        self.alike = 0
        """Rows that are the same as another of their page in all that tells them apart."""

        self.is_repeated = False
        """Whether the last page was that before it again."""

        self.is_shifted = False
        """Whether the last page began with a row that an earlier one had shown."""

        self._collection = collection
        self._versions: dict[int, float] = {}
        self._again: set[int] | None = None
        self._before: tuple[list[int], int | None] = ([], None)

    def __len__(self) -> int:
        """How many different rows were read."""
        return len(self._versions) + self.without_key

    def begin(self) -> None:
        """A reading begins, or begins anew."""
        self.alike = self.without_key = 0
        self._again = set() if self._versions else None

    def fresh(self, page: Page) -> list[Row]:
        """The rows of a page that were not handed out yet in their version."""
        keys = self._keys(page.rows)
        self._compare(keys, page.total)
        if self._collection.version is None:
            fresh = dict.fromkeys(keys, 0.0)
        else:
            fresh = dict(zip(keys, map(self._version, page.rows), strict=False))
        if len(fresh) == len(page.rows) and self._versions.keys().isdisjoint(fresh):
            self._versions.update(fresh)
            return page.rows
        return [row for row in page.rows if self._is_fresh(row)]

    def holds(self, row: Row) -> bool:
        """Whether a row was read, and has not moved since."""
        known = [self._versions.get(key) for key in self._keys([row])]
        return known != [] and known[0] is not None and known[0] <= self._version(row)

    def same(self, row: Row, other: Row) -> bool:
        """Whether two rows are one."""
        return self._keys([row]) == self._keys([other])

    def _compare(self, keys: list[int], total: int | None) -> None:
        self.is_repeated = (keys, total) == self._before
        self._before = (keys, total)
        known = self._versions if self._again is None else self._again
        self.is_shifted = bool(keys) and keys[0] in known
        if self._collection.may_be_alike:
            self.alike += len(keys) - len(set(keys))
        if self._again is not None:
            self._again.update(keys)

    def _keys(self, rows: Sequence[Row]) -> list[int]:
        """What tells the rows apart; nothing if one of them lacks it."""
        try:
            return list(map(hash, map(self._collection.key, rows)))
        except _LACKS:
            return []

    def _is_fresh(self, row: Row) -> bool:
        try:
            key = hash(self._collection.key(row))
        except _LACKS:
            self.without_key += 1
            return False
        version = self._version(row)
        # A page that was asked for ahead may show a row as it was before.
        if key in self._versions and self._versions[key] >= version:
            self.duplicates += 1
            return False
        self._versions[key] = version
        return True

    def _version(self, row: Row) -> float:
        if self._collection.version is None:
            return 0.0
        try:
            return datetime.fromisoformat(self._collection.version(row) or "").timestamp()
        except (*_LACKS, ValueError, OverflowError):
            return 0.0
