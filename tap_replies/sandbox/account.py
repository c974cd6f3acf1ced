"""What the accounts of both vendors have in common: named tables and a memory of views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from tap_replies.sandbox.table import Key, Row, Table

_T = TypeVar("_T")
_MOST_VIEWS = 2000


class Account(ABC):
    """Tables by name, and the filtered and sorted lists made of them until something changes."""

    source = ""

    def __init__(self, name: str, collections: dict[str, Table]) -> None:
        """Name the account as its vendor does."""
        self.name = name
        self.collections = collections
        self._views: dict[Hashable, object] = {}

    def __getitem__(self, collection: str) -> Table:
        """Return a table by its name, such as `conversations`."""
        return self.collections[collection]

    @abstractmethod
    def config(self, url: str) -> dict[str, str]:
        """Return the tap's settings for this account, without their prefix."""

    @abstractmethod
    def truth(self) -> dict[str, list[list[str]]]:
        """Return the keys a tap should emit, by stream, as the vendor writes them."""

    def rows(self, collection: str) -> Iterator[Row]:
        """Walk the rows of a table, oldest first."""
        return (entry.row for entry in self.collections[collection])

    def cached(self, name: Hashable, build: Callable[[], _T], *, keep: bool = True) -> _T:
        """Return what `build` made for this name since the last change."""
        if name in self._views:
            return self._views[name]  # type: ignore[return-value]
        built = build()
        if keep:
            if len(self._views) >= _MOST_VIEWS:
                self._views.clear()
            self._views[name] = built
        return built

    def forget(self) -> None:
        """Drop what was cached."""
        self._views.clear()

    def change(self, op: str, collection: str, key: Key | None, row: Row) -> None:
        """Insert, update or delete one row. Raises KeyError and ValueError."""
        table = self.collections[collection]
        if op == "insert":
            table.insert(row)
        elif key is None:
            raise ValueError(f"{op} needs a key")
        elif op == "update":
            table.update(key, row)
        elif op == "delete":
            table.delete(key)
        else:
            raise ValueError(f"unknown op {op}")
        self.forget()
