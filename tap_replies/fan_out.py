"""The collections of many parents, read side by side."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from tap_replies.ahead import Ahead
from tap_replies.asking import OTHERS
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from tap_replies.ahead import Futures
    from tap_replies.fetch import Fetcher
    from tap_replies.paging import Collection

P = TypeVar("P")
T = TypeVar("T")


def fan_out(  # noqa: PLR0913 - each says something else of the reading
    fetcher: Fetcher,
    parents: Iterable[P],
    collection_of: Callable[[P], Collection],
    read: Callable[[Walk, P], Iterable[T]],
    *,
    ahead: int | None = None,
    in_order: bool = False,
) -> Generator[tuple[P, T], None, None]:
    """What `read` makes of the collection of each parent, as soon as it can be had.

    Pages are asked for in the order of the parents, first pages of the next ones early, and more
    of the first that has told how many there are; whatever comes is handed over, so that one that
    is slow holds up no other. With `in_order` each is read to its end before the next, and only
    that one is asked for early.

    `ahead` limits how many pages of each are asked for ahead; then of all but one only first pages
    are asked for, and not while so many of them wait: what they lead to needs the room. What the
    parents raise comes after the collections of those before: while one of these is read, it would
    be taken for its error.
    """

    def begun(parent: P) -> _Member[P, T]:
        walk = Walk(fetcher, collection_of(parent), ahead=ahead)
        return _Member(parent, walk, Ahead(read(walk, parent)))

    most = 2 if in_order else fetcher.max_connections + 1
    with closing(_Group(fetcher, parents, begun, ahead, most)) as group:
        while True:
            awaited = group.go_on()
            if not group.members and group.is_over:
                return
            turns = group.members[:1] if in_order else group.members
            ready = [each for each in turns if each.is_ready]
            for member in ready:
                for item in member.reader.take():
                    yield member.parent, item
                if member.reader.is_over:
                    group.end(member)
            if not ready:
                fetcher.wait_for_one(*awaited, *group.awaited)


@dataclass(slots=True, eq=False)
class _Member(Generic[P, T]):
    """A parent whose collection is being read."""

    parent: P
    walk: Walk
    reader: Ahead[T]

    @property
    def is_ready(self) -> bool:
        """Whether it can be read on."""
        has_waited = self.reader.awaited >= OTHERS and self.walk.pages.has_turn
        return has_waited or not self.reader.is_blocked


class _Group(Generic[P, T]):
    """Parents whose collections are being read, in their order."""

    def __init__(
        self,
        fetcher: Fetcher,
        parents: Iterable[P],
        begun: Callable[[P], _Member[P, T]],
        ahead: int | None,
        most: int,
    ) -> None:
        """Begin with none."""
        self.members: list[_Member[P, T]] = []
        self._fetcher = fetcher
        self._parents = Ahead(parents)
        self._begun = begun
        self._ahead = ahead
        self._most = most
        self._error: Exception | None = None

    @property
    def is_over(self) -> bool:
        """Whether there are no more parents; raises what they have raised."""
        if self._error:
            raise self._error
        return self._parents.is_over

    @property
    def awaited(self) -> Futures:
        """One of these must be done before anything can be read on."""
        return frozenset().union(*(each.reader.awaited for each in self.members)) - OTHERS

    def go_on(self) -> Futures:
        """Ask for what there is room for; more can be asked once one of the result is done."""
        awaited: Futures = frozenset()
        in_turn = True
        for member in self.members:
            awaited |= member.walk.pages.go_on(in_turn=in_turn)
            in_turn = in_turn and self._is_next_in_turn(member)
        parents = self._parents
        while self._has_room and not parents.is_over and not parents.is_blocked:
            for member in self._next():
                self.members.append(member)
                member.walk.pages.ask_all = self.go_on
                awaited |= member.walk.pages.go_on(in_turn=in_turn)
                in_turn = in_turn and self._is_next_in_turn(member)
        return awaited | parents.awaited if self._has_room else awaited

    def _is_next_in_turn(self, member: _Member[P, T]) -> bool:
        """Whether the next one may have the room: this one needs none, or none yet."""
        pages = member.walk.pages
        return pages.is_blocked or (self._ahead is None and pages.is_asked)

    def end(self, member: _Member[P, T]) -> None:
        """One was read to its end."""
        self.members.remove(member)
        member.walk.pages.close()

    @property
    def _has_room(self) -> bool:
        answered = sum(each.walk.pages.is_answered for each in self.members[1:])
        few = len(self.members) < self._most
        few = few and (self._ahead is None or answered < self._ahead)
        return not self.members or (few and self._fetcher.has_room)

    def _next(self) -> list[_Member[P, T]]:
        try:
            return [self._begun(parent) for parent in self._parents.take()]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is raised in its turn
            self._error = error
            self._parents.close()
            return []

    def close(self) -> None:
        """Do without them."""
        self._parents.close()
        for member in self.members:
            member.reader.close()
            member.walk.pages.close()
