"""A paged list that moves while its pages are answered in any order, without a server."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any, cast

from tap_replies.answers import document
from tap_replies.asking import Asked
from tap_replies.paging import Collection, NumberedPaging, OffsetPaging
from tap_replies.source import Request
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from tap_replies.answers import Document
    from tap_replies.fetch import Fetcher

OFFSET, NUMBERED = "offset", "numbered"
NEWEST, OLDEST = "newest first", "oldest first"
CHANGED, UNCHANGED = "last changed first", "last changed last"
CONNECTIONS = 4
MOST_EVENTS, MOST_AT_ONCE, LIKELY = 6, 2, 0.15

Row = dict[str, Any]


@dataclass
class Shelf:
    """Rows in the order of a list, some of which come, go or change before an answer."""

    chance: Random
    order: str
    rows: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put the first rows there."""
        self.numbers = count()
        for _ in range(self.chance.randint(1, 60)):
            self._insert(is_new=False)
        self.stays = {row["id"] for row in self.rows}
        """The rows that nothing happens to which may hide them from a reading."""

        self._events = self.chance.randint(1, MOST_EVENTS)

    def move(self) -> None:
        """Perhaps let something happen."""
        while self._events and self.chance.random() < LIKELY:
            self._events -= 1
            event = self.chance.choice([self._insert, self._delete, self._update])
            for _ in range(self.chance.randint(1, MOST_AT_ONCE)):
                event()

    def _insert(self, *, is_new: bool = True) -> None:
        row = {"id": next(self.numbers), "version": 0, "is_new": is_new}
        is_last = self.order in {OLDEST, UNCHANGED}
        self.rows.insert(len(self.rows) if is_last else 0, row)

    def _delete(self) -> None:
        if self.rows:
            row = self.rows.pop(self.chance.randrange(len(self.rows)))
            self.stays.discard(row["id"])

    def _update(self) -> None:
        if not self.rows:
            return
        place = self.chance.randrange(len(self.rows))
        row = self.rows.pop(place)
        row = {**row, "version": row["version"] + 1}
        if self.order in {CHANGED, UNCHANGED}:
            # It may jump from what is not read yet to what is: the next run finds it.
            self.stays.discard(row["id"])
            place = 0 if self.order == CHANGED else len(self.rows)
        self.rows.insert(place, row)


@dataclass
class Answers:
    """Answers requests as a `Fetcher` does, but which of those under way is answered is chance."""

    shelf: Shelf
    size: int
    max_connections: int = CONNECTIONS
    under_way: dict[Future[list[Document]], Request] = field(default_factory=dict)
    held: int = 0

    @property
    def has_room(self) -> bool:
        """Whether more may be asked for."""
        return self.held < 2 * CONNECTIONS

    def begin(self, request: Request) -> Future[list[Document]]:
        """Ask for a page."""
        self.held += 1
        future: Future[list[Document]] = Future()
        self.under_way[future] = request
        return future

    def wait_for_one(self, *_: Future[list[Document]]) -> None:
        """Answer one of those that the connections are enough for."""
        future = self.shelf.chance.choice([*self.under_way][:CONNECTIONS])
        parts = self._parts(self.under_way.pop(future))
        future.set_result([document(self._body(part)) for part in parts])

    def take(self, future: Future[list[Document]]) -> list[Document]:
        """Hand over an answer."""
        self.held -= 1
        return future.result()

    def drop(self, future: Future[list[Document]]) -> None:
        """Do without an answer."""
        self.held -= 1
        self.under_way.pop(future, None)

    def ahead(self, wanted: Iterable[Request]) -> Iterator[tuple[Request, Any]]:
        """The answers in the order of the requests."""
        with closing(Asked(cast("Fetcher", self), wanted, lambda: 2 * CONNECTIONS)) as asked:
            yield from asked

    def _parts(self, request: Request) -> Iterator[dict[str, int]]:
        """The page, or halves of it that overlap by one row, as a slow page is asked for."""
        offset = request.params.get("offset")
        if offset is None:
            offset = (request.params["page"] - 1) * self.size
        elif self.shelf.chance.random() < LIKELY:
            half = self.size // 2
            for start, end in pairwise((0, half, self.size - 1)):
                yield {"start": offset + start, "end": offset + end + 1}
            return
        yield {"start": offset, "end": offset + self.size}

    def _body(self, part: dict[str, int]) -> bytes:
        self.shelf.move()
        rows = self.shelf.rows
        total = len(rows)
        pages = {"total": total, "size": self.size, "pages": -(-total // self.size)}
        return json.dumps({**pages, "rows": rows[part["start"] : part["end"]]}).encode()


def read(chance: Random, paging: str, order: str) -> tuple[set[int], Counter[tuple[int, int]]]:
    """Read such a list: the rows that stayed and were not read, and how often each version came."""
    shelf = Shelf(chance, order)
    answers = Answers(shelf, chance.choice([3, 4, 5, 9]))
    collection = Collection(
        Request("/rows"),
        "rows",
        OffsetPaging(answers.size, "total")
        if paging == OFFSET
        else NumberedPaging("page", "size", "pages", "total"),
        lambda row: int(row["id"]),
        lambda row: f"2026-01-01T00:00:{row['version']:02}Z",
        is_new=(lambda row: bool(row["is_new"])) if paging == NUMBERED else None,
        expected=chance.choice([0, len(shelf.rows), chance.randrange(60)]),
    )
    came: Counter[tuple[int, int]] = Counter()
    newest: dict[int, int] = {}
    for page in Walk(cast("Fetcher", answers), collection):
        for row in page.rows:
            came[row["id"], row["version"]] += 1
            assert newest.get(row["id"], -1) < row["version"], "an older version came after a newer"
            newest[row["id"]] = row["version"]
    return shelf.stays - newest.keys(), came
