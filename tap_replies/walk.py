"""Read a paged collection whole, although it moves while it is read.

Pages are numbered from 0. The first tells how many there should be; they are asked for side by
side and looked at in their order. What a removal among the rows already read would hide shows at
the border between two pages, so every border is checked and the pages before a broken one are
read again.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tap_replies.answers import decode_items, has_nul
from tap_replies.asking import Asked, Pages
from tap_replies.errors import Refusal, RequestFailedError
from tap_replies.known import Known
from tap_replies.paging import Answer, Page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.answers import Document
    from tap_replies.fetch import Fetcher
    from tap_replies.paging import Collection
    from tap_replies.source import Request

MOST_WALKS = 4
"""Whole readings of a collection that is in doubt, if each of them brings rows that are new."""

MOST_REPAIRS = 20
"""Broken borders that are mended in one walk before the order itself counts as unstable."""


@dataclass(slots=True)
class _Reach:
    """How many pages of a walk may be asked for ahead.

    An object of its own: what asks for them must not keep the walk, and all that it has read.
    """

    most: int
    may_stop: bool = field(kw_only=True)
    index: int = 0
    """The number of the last page that was read."""

    def __call__(self) -> int:
        """The number; it grows with the pages that were wanted so far, if no more may be."""
        return min(self.most, self.index + 1) if self.may_stop else self.most


class Walk:
    """One reading of a collection, page by page; afterwards it tells what was missing."""

    def __init__(
        self,
        fetcher: Fetcher,
        collection: Collection,
        *,
        ahead: int | None = None,
        may_stop: bool = False,
    ) -> None:
        """Prepare to read.

        `ahead` limits how many pages are asked for ahead; with `may_stop` it grows with the pages
        that were wanted so far, since the reader may need no more.
        """
        self._total: int | None = None
        self.known = Known(collection)
        self.walks = 0
        self._fetcher = fetcher
        self._reach = _Reach(ahead or fetcher.max_connections * 2, may_stop=may_stop)
        self._collection = collection
        self._repairs = 0
        self._page = Answer([], is_dirty=False, total=None, index=0, envelope={})
        self._lacking = 0
        self._is_stopped = may_stop
        self._first_total: int | None = None
        self._inserted = 0
        self.pages = Pages(fetcher, collection, self._reach)
        """Those of the next reading, which may be asked for before it begins."""

    @property
    def counted_by(self) -> str:
        """The name of the figure that says how many rows there are."""
        paging = self._collection.paging
        return paging.size_key if self._is_stopped else paging.total_key

    @property
    def expected(self) -> int:
        """How many rows the collection said it held when the last reading of it began.

        Of a walk that was stopped: as many as its pages should have held.
        """
        if self._is_stopped:
            return len(self.known) + self._lacking
        return self._first_total or 0

    @property
    def is_counted(self) -> bool:
        """Whether the collection said how many rows it holds, if there are any.

        A walk that is stopped needs the figure too: rows that moved up show only where it falls.
        """
        return self._first_total is not None or not len(self.known)

    @property
    def missing(self) -> int:
        """How many of the expected rows were not read."""
        return max(0, self.expected - len(self.known))

    @property
    def _is_in_doubt(self) -> bool:
        """Whether rows that were there when the walk began may not have been read.

        A total that lies tells nothing of a removal, and only an overlap shows it as well.
        """
        read = len(self.known) + len(self.known.alike)
        is_short = read - self._inserted < self.expected
        if is_short or self.known.is_unsure or self._repairs > MOST_REPAIRS:
            return True
        has_borders = self._page.index > 0 and not self._collection.paging.borders_overlap
        counts = {self.expected, self._total}
        return has_borders and counts.isdisjoint({len(self.known), read})

    def __iter__(self) -> Iterator[Page]:
        """The collection's pages; if rows may have been missed, until a walk brings no new ones.

        Raises:
            GoneError: The collection, or its parent, does not exist any more.
            StreamRefusedError: The account may not read it.
        """
        known = -1
        while self.walks < MOST_WALKS and len(self.known) > known:
            known = len(self.known) if self.walks else -1
            yield from self._once()
            self._is_stopped = False
            if not self._is_in_doubt:
                break
        if alike := self.known.take_alike(self.missing):
            yield Page(alike, is_dirty=True, total=None, index=self._page.index)

    def ends(self, *, last: bool = True) -> tuple[Page, Page]:
        """Only the first page and the last, for what they tell; they count for nothing."""
        first = self._get(0)
        index = self._collection.paging.pages(first.envelope) - 1
        both = first, self._get(index) if last and index > 0 else first
        pages = [Page(*decode_items(each.items), each.total, each.index) for each in both]
        return pages[0], pages[1]

    def _once(self) -> Iterator[Page]:
        if self.walks:
            self.pages = Pages(self._fetcher, self._collection, self._reach)
        self.walks += 1
        self._repairs = self._inserted = self._lacking = 0
        self.known.begin()
        with closing(self.pages) as pages:
            page = self._parse(next(pages)[1], 0)
            planned = self._collection.paging.pages(page.envelope)
            self._first_total = page.total
            yield from self._take(page, pages)
            self._inserted = 0
            yield from self._following(pages)
        while not self._is_last and self._page.index + 1 < planned:
            requests = self._requests(self._page.index + 1, planned)
            with closing(Asked(self._fetcher, requests, self._reach)) as asked:
                yield from self._following(asked)
        # The total is never trusted to end a walk: a short page is, or one that is repeated.
        while self._page.items and not self.known.is_repeated and not self._is_last:
            for page in self._mended(self._get(self._page.index + 1)):
                yield from self._take(page)

    def _following(self, asked: Asked) -> Iterator[Page]:
        """The pages after the last one read, until one ends the list or shows that it moved."""
        if self._is_last:
            return
        for _, answer in asked:
            for page in self._mended(self._parse(answer, self._page.index + 1)):
                yield from self._take(page, asked)
            if self._is_last or self._is_shifted:  # what was asked before may be older than this
                return

    def _requests(self, start: int, end: int) -> Iterator[Request]:
        paging = self._collection.paging
        return (paging.at(self._collection.request, index) for index in range(start, end))

    def _get(self, index: int) -> Answer:
        request = self._collection.paging.at(self._collection.request, index)
        (_, answer), *_ = self._fetcher.ahead([request])
        return self._parse(answer, index)

    def _mended(self, page: Answer) -> Iterator[Answer]:
        """The page, after the ones before it that must be read again so that none is missed."""
        wanted = page.index
        while True:
            back = self._pages_to_reread(page)
            if back and self._repairs <= MOST_REPAIRS:
                self._repairs += 1
                self._total = page.total
                page = self._get(max(0, page.index - back))
                continue
            yield page
            if page.index >= wanted or self._is_last:
                return
            page = self._get(page.index + 1)

    def _pages_to_reread(self, page: Answer) -> int:
        """How far back rows may have been missed: 0 if this page joins what was read."""
        if self._collection.paging.borders_overlap:
            return 0 if self._is_connected(page) else 1
        if page.total is None or self._total is None:
            return 0
        # In a list that is newest first, rows are skipped only if the total falls.
        fallen = self._total - page.total
        size = self._collection.paging.size(page.envelope)
        return -(-fallen // size) if fallen > 0 else 0

    def _is_connected(self, page: Answer) -> bool:
        """Whether an overlapping page begins with a row that was read as it is."""
        return page.index == 0 or (page.items != [] and self.known.holds(page.row(0)))

    @property
    def _is_shifted(self) -> bool:
        """Whether rows came before those that were read; an overlap shows it by itself."""
        return self.known.is_shifted and not self._collection.paging.borders_overlap

    def _parse(self, answer: list[Document] | Refusal, index: int) -> Answer:
        if isinstance(answer, Refusal):
            raise answer
        page, *parts = (self._part(each, index) for each in answer)
        for part in parts:
            if not self._joins(page, part) and self._repairs <= MOST_REPAIRS:
                self._repairs += 1
                return self._get(index)
            page.items += part.items[1:]
            page.is_dirty |= part.is_dirty
            page.total, page.envelope = part.total, part.envelope
        return page

    def _part(self, document: Document, index: int) -> Answer:
        envelope = document.members
        is_object = isinstance(envelope, dict)
        items = envelope.get(self._collection.rows_key) if is_object else None
        if not isinstance(items, list):
            msg = f"{self._collection.request.about} answered without {self._collection.rows_key!r}"
            raise RequestFailedError(msg)
        total = self._collection.paging.total(envelope)
        return Answer(items, has_nul(document.body), total, index, envelope)

    def _joins(self, page: Answer, part: Answer) -> bool:
        """Whether a part of a page that was asked for in parts begins with the row before it."""
        if page.items and part.items:
            return self.known.same(page.row(-1), part.row(0))
        return page.total == part.total

    @property
    def _is_last(self) -> bool:
        """Whether the last page that was read ends the list."""
        page, paging = self._page, self._collection.paging
        is_short = len(page.items) < paging.size(page.envelope)
        return is_short and (
            paging.borders_overlap or page.index + 1 >= paging.pages(page.envelope)
        )

    def _take(self, page: Answer, asked: Asked | None = None) -> Iterator[Page]:
        """Note the page as read, and hand out those of its rows that were not handed out yet."""
        if asked and not self._reach.may_stop:
            asked.ask()
        paging = self._collection.paging
        if page.index + 1 < paging.pages(page.envelope):
            self._lacking += max(0, paging.size(page.envelope) - len(page.items))
        self._page = page
        self._reach.index = page.index
        self._total = page.total
        self.known.turn(page.total)
        for block in page.blocks():
            block.rows = self.known.fresh(block.rows)
            if is_new := self._collection.is_new:
                self._inserted += sum(map(is_new, block.rows))
            yield block
