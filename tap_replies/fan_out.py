"""The collections of many parents, read one after another and asked for side by side."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_replies.ahead import Ahead
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from tap_replies.ahead import Futures
    from tap_replies.fetch import Fetcher
    from tap_replies.paging import Collection

P = TypeVar("P")


def fan_out(
    fetcher: Fetcher,
    parents: Iterable[P],
    collection_of: Callable[[P], Collection],
    *,
    ahead: int | None = None,
    early: int | None = None,
) -> Generator[tuple[P, Walk], None, None]:
    """The collection of each parent, in their order; pages of the next ones are asked for early.

    `ahead` limits how many pages of each are asked for ahead; then only first pages are asked for
    early, and not while so many of them wait for their turn: what they lead to needs the room.
    `early` limits for how many parents pages are asked for before their turn. What the parents
    raise comes after the collections of those before: while one of these is read, it would be taken
    for its error.
    """

    def walk_of(parent: P) -> Walk:
        return Walk(fetcher, collection_of(parent), ahead=ahead)

    most = early or fetcher.max_connections
    with closing(_Early(fetcher, parents, walk_of, ahead, most)) as waiting:
        while True:
            awaited = waiting.go_on(in_turn=True)
            if waiting.walks:
                parent, walk = waiting.walks.popleft()
                walk.pages.spare = waiting.go_on
                with closing(walk.pages):
                    yield parent, walk
            elif waiting.is_over:
                return
            else:
                fetcher.wait_for_one(*awaited)


class _Early(Generic[P]):
    """Walks whose turn has not come."""

    def __init__(
        self,
        fetcher: Fetcher,
        parents: Iterable[P],
        walk_of: Callable[[P], Walk],
        ahead: int | None,
        most: int,
    ) -> None:
        """Begin with none."""
        self.walks: deque[tuple[P, Walk]] = deque()
        self._fetcher = fetcher
        self._parents = Ahead(parents)
        self._walk_of = walk_of
        self._ahead = ahead
        self._most = most
        self._error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether there are no more parents; raises what they have raised."""
        if self._error:
            raise self._error
        return self._parents.is_over

    def go_on(self, *, in_turn: bool) -> Futures:
        """Ask for what there is room for; more can be asked once one of the result is done."""
        awaited: Futures = frozenset()
        in_turn = in_turn and self._ahead is None
        for _, walk in self.walks:
            awaited |= walk.pages.go_on(in_turn=in_turn)
            in_turn = in_turn and walk.pages.is_asked
        parents = self._parents
        while self._has_room and not parents.is_over and not parents.is_blocked:
            for parent, walk in self._next():
                self.walks.append((parent, walk))
                awaited |= walk.pages.go_on(in_turn=in_turn)
                in_turn = in_turn and walk.pages.is_asked
        return awaited | parents.awaited if self._has_room else awaited

    @property
    def _has_room(self) -> bool:
        answered = sum(walk.pages.is_answered for _, walk in self.walks)
        few = len(self.walks) < self._most
        few = few and (self._ahead is None or answered < self._ahead)
        return not self.walks or (few and self._fetcher.has_room)

    def _next(self) -> list[tuple[P, Walk]]:
        try:
            return [(parent, self._walk_of(parent)) for parent in self._parents.take()]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in its turn
            self._error = error
            self._parents.close()
            return []

    def close(self) -> None:
        """Do without them."""
        self._parents.close()
        for _, walk in self.walks:
            walk.pages.close()
