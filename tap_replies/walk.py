"""Read a paged collection whole, although it moves while it is read.

Pages are numbered from 0. The first tells how many there should be; they are asked for side by
side and looked at in their order. What a removal among the rows already read would hide shows at
the border between two pages, so every border is checked and the pages before a broken one are
read again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from tap_replies.answers import decode_items, has_nul
from tap_replies.errors import Refusal, RequestFailedError
from tap_replies.known import Known
from tap_replies.paging import Answer, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import TypeVar

    from tap_replies.answers import Document
    from tap_replies.fetch import Fetcher
    from tap_replies.paging import Collection
    from tap_replies.source import Request

    P = TypeVar("P")

MOST_WALKS = 4
"""Whole readings of a collection that is in doubt, if each of them brings rows that are new."""

MOST_REPAIRS = 20
"""Broken borders that are mended in one walk before the order itself counts as unstable."""


class Walk:
    """One reading of a collection, page by page; afterwards it tells what was missing."""

    def __init__(
        self,
        fetcher: Fetcher,
        collection: Collection,
        first: list[Document] | None = None,
        *,
        ahead: int | None = None,
        may_stop: bool = False,
    ) -> None:
        """Prepare to read.

        `first` is the first page if it was already fetched; `ahead` limits how many pages are
        asked for ahead; with `may_stop` it grows with the pages that were wanted so far, since
        the reader may need no more.
        """
        self._total: int | None = None
        self.known = Known(collection)
        self.walks = 0
        self._fetcher = fetcher
        self._ahead = ahead or fetcher.max_connections * 2
        self._may_stop = may_stop
        self._collection = collection
        self._first = first
        self._repairs = 0
        self._index = 0
        self._full_rows = 0
        self._lacking = 0
        self._is_stopped = may_stop
        self._first_total: int | None = None
        self._inserted = 0

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
        if read - self._inserted < self.expected or self._repairs > MOST_REPAIRS:
            return True
        has_borders = self._index > 0 and not self._collection.paging.borders_overlap
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
            yield Page(alike, is_dirty=True, total=None, index=self._index)

    def whole(self) -> Page:
        """All rows as one page; raises what a walk raises."""
        pages = list(self)
        rows = [row for page in pages for row in page.rows]
        return Page(rows, any(page.is_dirty for page in pages), pages[-1].total)

    def ends(self, *, last: bool = True) -> tuple[Page, Page]:
        """Only the first page and the last, for what they tell; they count for nothing."""
        first = self._get(0)
        index = self._collection.paging.pages(first.envelope) - 1
        both = first, self._get(index) if last and index > 0 else first
        pages = [Page(*decode_items(each.items), each.total, each.index) for each in both]
        return pages[0], pages[1]

    def _once(self) -> Iterator[Page]:
        self.walks += 1
        self._repairs = self._inserted = self._lacking = 0
        self.known.begin()
        page = self._first_page()
        self._first_total = page.total
        yield from self._take(page)
        self._inserted = 0
        if self._is_last(page):
            return
        planned = self._collection.paging.pages(page.envelope)
        index = 0
        while index + 1 < planned:
            for _, answer in self._fetcher.ahead(self._requests(index + 1, planned), self._asked):
                index += 1
                for page in self._mended(self._parse(answer, index)):
                    yield from self._take(page)
                if self._is_last(page):
                    return
                if self._is_shifted:  # what was asked for ahead may be older than this page
                    break
        # The total is never trusted to end a walk: a short page is, or one that is repeated.
        while self._full_rows and not self.known.is_repeated and not self._is_last(page):
            index += 1
            for page in self._mended(self._get(index)):
                yield from self._take(page)

    def _requests(self, start: int, end: int) -> Iterator[Request]:
        paging = self._collection.paging
        return (paging.at(self._collection.request, index) for index in range(start, end))

    def _asked(self) -> int:
        """How many pages may be asked for ahead."""
        return min(self._ahead, self._index + 1) if self._may_stop else self._ahead

    def _first_page(self) -> Answer:
        first, self._first = self._first, None
        return self._get(0) if first is None else self._parse(first, 0)

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
            if page.index >= wanted or self._is_last(page):
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

    def _is_last(self, page: Answer) -> bool:
        paging = self._collection.paging
        is_short = self._full_rows < paging.size(page.envelope)
        return is_short and (
            paging.borders_overlap or page.index + 1 >= paging.pages(page.envelope)
        )

    def _take(self, page: Answer) -> Iterator[Page]:
        """Note the page as read, and hand out those of its rows that were not handed out yet."""
        self._full_rows = len(page.items)
        paging = self._collection.paging
        if page.index + 1 < paging.pages(page.envelope):
            self._lacking += max(0, paging.size(page.envelope) - self._full_rows)
        self._index = page.index
        self._total = page.total
        self.known.turn(page.total)
        for block in page.blocks():
            block.rows = self.known.fresh(block.rows)
            if is_new := self._collection.is_new:
                self._inserted += sum(map(is_new, block.rows))
            yield block


def fan_out(
    fetcher: Fetcher,
    parents: Iterable[P],
    collection_of: Callable[[P], Collection],
    *,
    ahead: int | None = None,
) -> Iterator[tuple[P, Walk | Refusal]]:
    """The collection of each parent, in their order; first pages are fetched ahead.

    A parent whose collection is gone or refused comes with the error in its place. `ahead` limits
    how many further pages of each are asked for ahead.
    """
    under_way: deque[tuple[P, Collection]] = deque()

    def first_pages() -> Iterator[Request]:
        for parent in parents:
            collection = collection_of(parent)
            under_way.append((parent, collection))
            yield collection.paging.at(collection.request, 0)

    for _, answer in fetcher.ahead(first_pages(), lambda: fetcher.max_connections):
        parent, collection = under_way.popleft()
        if isinstance(answer, Refusal):
            yield parent, answer
        else:
            yield parent, Walk(fetcher, collection, answer, ahead=ahead)
