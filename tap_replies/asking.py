"""Requests that are asked before their turn, and their answers in order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from typing_extensions import override

from tap_replies.ahead import Ahead, Futures, wait_for_one

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_replies.answers import Document
    from tap_replies.errors import Refusal
    from tap_replies.fetch import Coming, Fetcher
    from tap_replies.paging import Collection
    from tap_replies.source import Request

    Answered = tuple[Request, list[Document] | Refusal]

NOTHING: Futures = frozenset()


class Spare(Protocol):
    """Asks for what is wanted later."""

    def __call__(self, *, in_turn: bool) -> Futures:
        """Ask for it; more can be asked once one of the result is done."""


class Asked:
    """The answers to requests, as an iterator that asks for those to come.

    At most `most` are asked ahead, and no more than the account has room for. `spare` asks for
    what is wanted after all of these.
    """

    def __init__(
        self, fetcher: Fetcher, wanted: Iterable[Request], most: Callable[[], int]
    ) -> None:
        """Prepare; nothing is asked yet."""
        self.spare: Spare | None = None
        self._fetcher = fetcher
        self._most = most
        self._rest = Ahead(wanted)
        self._waiting: deque[tuple[Request, Coming]] = deque()
        self._last: Coming

    @property
    def is_asked(self) -> bool:
        """Whether nothing is left to ask for."""
        return self._rest.is_over

    @property
    def is_answered(self) -> bool:
        """Whether the next answer has come."""
        return bool(self._waiting) and self._waiting[0][1].done()

    def go_on(self, *, in_turn: bool = True) -> Futures:
        """Ask for what there is room for; more can be asked once one of the result is done.

        While something that comes before is not asked yet, no more than one is: it needs the room.
        """
        rest = self._rest
        while not rest.is_over and not rest.is_blocked and self._has_room(in_turn=in_turn):
            for request in rest.take():
                self._last = self._fetcher.begin(request)
                self._waiting.append((request, self._last))
        awaited = rest.awaited if self._has_room(in_turn=in_turn) else NOTHING
        return awaited | self.spare(in_turn=in_turn and self.is_asked) if self.spare else awaited

    def _has_room(self, *, in_turn: bool) -> bool:
        if not self._waiting:
            return True
        return in_turn and self._fetcher.has_room and len(self._waiting) < self._most()

    def __iter__(self) -> Iterator[Answered]:
        """The answers in their order."""
        return self

    def __next__(self) -> Answered:
        """The next answer; raises what a request that failed raises."""
        while True:
            awaited = self.go_on()
            if not self._waiting:
                if self._rest.is_over:
                    raise StopIteration
                self._fetcher.wait_for_one(*awaited)
                continue
            request, future = self._waiting[0]
            if future.done():
                self._waiting.popleft()
                return request, self._fetcher.take(future)
            self._fetcher.wait_for_one(future, *awaited)

    def close(self) -> None:
        """Do without the answers that were not taken."""
        self._rest.close()
        while self._waiting:
            self._fetcher.drop(self._waiting.pop()[1])


class Pages(Asked):
    """The pages of a collection: as many as its first page tells, which is peeked at."""

    def __init__(self, fetcher: Fetcher, collection: Collection, most: Callable[[], int]) -> None:
        """Prepare; nothing is asked yet."""
        super().__init__(fetcher, self._requests(), most)
        self._collection = collection
        self._paging = collection.paging
        self._is_too_long = False

    @property
    @override
    def is_asked(self) -> bool:
        """Whether nothing is left to ask for; of one that is too long, much may be."""
        return super().is_asked and not self._is_too_long

    def _requests(self) -> Iterator[Request]:
        request, paging = self._collection.request, self._paging
        expected = paging.pages({paging.total_key: self._collection.expected})
        yield paging.at(request, 0)
        first, index = self._last, 1
        while True:
            if first.done():
                expected = self._told(first)
            elif index >= expected:
                wait_for_one([first])
                continue
            if index >= expected:
                return
            yield paging.at(request, index)
            index += 1

    def _told(self, first: Coming) -> int:
        if first.cancelled() or first.exception():
            return 1
        envelope, paging, most = first.result()[-1].members, self._paging, self._collection.most
        if not isinstance(envelope, dict):
            return 1
        self._is_too_long = most is not None and (paging.total(envelope) or 0) > most
        return 1 if self._is_too_long else paging.pages(envelope)
