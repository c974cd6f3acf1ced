"""Requests that are asked before their turn, and their answers."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import TYPE_CHECKING

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
OTHERS: Futures = frozenset([Future()])
"""What one waits for whose turn comes when others have been asked for: it is never done."""


class Asked:
    """The answers to requests, as an iterator that asks for those to come.

    At most `most` are asked ahead, and no more than the account has room for. They come
    `in_order`, or as soon as they can be had.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        wanted: Iterable[Request],
        most: Callable[[], int],
        *,
        in_order: bool = True,
    ) -> None:
        """Prepare; nothing is asked yet."""
        self.ask_all: Callable[[], Futures] | None = None
        """Asks for these and for what is read beside them, if anything is."""

        self._fetcher = fetcher
        self._most = most
        self._in_order = in_order
        self._rest = Ahead(wanted)
        self._waiting: deque[tuple[Request, Coming]] = deque()
        self._last: Coming
        self._is_begun = False

    @property
    def is_asked(self) -> bool:
        """Whether nothing is left to ask for."""
        return self._rest.is_over

    @property
    def is_blocked(self) -> bool:
        """Whether there is nothing to ask for until an answer has come."""
        return self._rest.is_blocked

    @property
    def is_answered(self) -> bool:
        """Whether the next answer has come."""
        return bool(self._waiting) and self._waiting[0][1].done()

    @property
    def has_turn(self) -> bool:
        """Whether the next answer was asked for, or there is none."""
        return bool(self._waiting) or self._rest.is_over

    def go_on(self, *, in_turn: bool = True) -> Futures:
        """Ask for what there is room for; more can be asked once one of the result is done.

        While something that comes before is not asked yet, only the first is: it needs the room.
        """
        rest = self._rest
        while not rest.is_over and not rest.is_blocked and self._has_room(in_turn=in_turn):
            for request in rest.take():
                self._is_begun = True
                self._last = self._fetcher.begin(request)
                self._waiting.append((request, self._last))
        return rest.awaited if self._has_room(in_turn=in_turn) else NOTHING

    def ask(self) -> Futures:
        """Ask for what there is room for, in the order of all that is read side by side."""
        return self.ask_all() if self.ask_all else self.go_on()

    def _has_room(self, *, in_turn: bool) -> bool:
        if not in_turn:
            return not self._is_begun
        return not self._waiting or (self._fetcher.has_room and len(self._waiting) < self._most())

    def __iter__(self) -> Iterator[Answered]:
        """The answers."""
        return self

    def __next__(self) -> Answered:
        """The next answer; raises what a request that failed raises."""
        while True:
            awaited = self.ask()
            if not self._waiting:
                if self._rest.is_over:
                    raise StopIteration
                self._fetcher.wait_for_one(*awaited, *OTHERS)
                continue
            turns = [self._waiting[0]] if self._in_order else self._waiting
            for request, coming in turns:
                if coming.done():
                    self._waiting.remove((request, coming))
                    return request, self._fetcher.take(coming)
            self._fetcher.wait_for_one(*(coming for _, coming in turns), *awaited)

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
