"""The pages of a collection: how they are asked for and what they tell."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from tap_replies.answers import decode_items

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from tap_replies.source import Request, Row


BLOCK = 200
"""Rows that are parsed, cleaned and written together."""


@dataclass(slots=True)
class Page:
    """Some rows of a page, none of which was handed out before in the same version."""

    rows: list[Row]
    is_dirty: bool
    """Whether text in it may hold what no database takes."""

    total: int | None
    """How many rows the collection holds, as this page said."""

    index: int = 0
    """The number of the page; one of many rows comes in several blocks."""

    is_end: bool = False
    """Whether nothing is left of what was read; few that make pages of pages say so."""


@dataclass(slots=True)
class Answer:
    """A page as it came; its rows are not parsed yet."""

    items: list[Any]
    is_dirty: bool
    total: int | None
    index: int
    envelope: Mapping[str, Any]

    def row(self, place: int) -> Any:  # noqa: ANN401 - any JSON
        """One of the rows."""
        return decode_items([self.items[place]])[0][0]

    def blocks(self) -> Iterator[Page]:
        """All rows, some at a time; one empty block if there are none."""
        for start in range(0, len(self.items) or 1, BLOCK):
            rows, is_lenient = decode_items(self.items[start : start + BLOCK])
            yield Page(rows, self.is_dirty or is_lenient, self.total, self.index)


class Paging(Protocol):
    """How the pages of a collection are asked for."""

    @property
    def borders_overlap(self) -> bool:
        """Whether a page begins with the row that ended the page before."""

    @property
    def total_key(self) -> str:
        """The name of the figure that says how many rows there are."""

    @property
    def size_key(self) -> str:
        """The name of the figure that says how many rows a page has."""

    def at(self, request: Request, index: int) -> Request:
        """The request for one page."""

    def size(self, envelope: Mapping[str, Any]) -> int:
        """How many rows a full page has."""

    def total(self, envelope: Mapping[str, Any]) -> int | None:
        """How many rows the collection says it holds."""

    def pages(self, envelope: Mapping[str, Any]) -> int:
        """How many pages it says it has."""


@dataclass(frozen=True, slots=True)
class OffsetPaging:
    """Mailchimp's paging: `count` and `offset`, with the total in each answer.

    Each page begins with the last row of the page before: if it does not, rows have moved.
    """

    count: int
    total_key: str
    size_key: str = "count"
    borders_overlap: bool = True

    def at(self, request: Request, index: int) -> Request:
        """The request for one page."""
        offset = index * (self.count - 1)
        return replace(request, params={**request.params, "count": self.count, "offset": offset})

    def size(self, envelope: Mapping[str, Any]) -> int:  # noqa: ARG002
        """How many rows a full page has."""
        return self.count

    def total(self, envelope: Mapping[str, Any]) -> int | None:
        """How many rows the collection says it holds."""
        return _number(envelope.get(self.total_key))

    def pages(self, envelope: Mapping[str, Any]) -> int:
        """How many pages it says it has."""
        return -(-(self.total(envelope) or 0) // (self.count - 1))


@dataclass(frozen=True, slots=True)
class NumberedPaging:
    """Re:amaze's paging: pages of a size that the server chooses, numbered from 1."""

    page_param: str
    size_key: str
    pages_key: str
    total_key: str
    borders_overlap: bool = False

    def at(self, request: Request, index: int) -> Request:
        """The request for one page."""
        return replace(request, params={**request.params, self.page_param: index + 1})

    def size(self, envelope: Mapping[str, Any]) -> int:
        """How many rows a full page has."""
        return _number(envelope.get(self.size_key)) or 1

    def total(self, envelope: Mapping[str, Any]) -> int | None:
        """How many rows the collection says it holds."""
        return _number(envelope.get(self.total_key))

    def pages(self, envelope: Mapping[str, Any]) -> int:
        """How many pages it says it has."""
        return _number(envelope.get(self.pages_key)) or 0


@dataclass(frozen=True, slots=True)
class Collection:
    """A paged collection: where it is and how its rows are told apart."""

    request: Request
    rows_key: str
    paging: Paging
    key: Callable[[Row], Hashable]
    """What tells one row from another; `KeyError` or `TypeError` if the row lacks it."""

    version: Callable[[Row], str | None] | None = None
    """When a row changed (ISO 8601): of a row that comes twice, only a newer version counts."""

    may_be_alike: bool = False
    """Whether two rows may be the same in all that tells them apart, as what has no id may."""

    is_new: Callable[[Row], bool] | None = None
    """Whether a row was made after the run began, where new rows may come at the end."""

    expected: object = None
    """How many rows it holds, if something that leads to it told a number."""

    most: int | None = None
    """If it holds more rows than that, perhaps only its first page is wanted."""


def _number(value: Any) -> int | None:  # noqa: ANN401 - any JSON
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:18])
    return value if isinstance(value, int) and not isinstance(value, bool) else None
