"""The collections of many parents, read one after another and asked for side by side."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING

from tap_replies.ahead import Ahead
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable
    from typing import TypeVar

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
) -> Generator[tuple[P, Walk], None, None]:
    """The collection of each parent, in their order; pages of the next ones are asked for early.

    `ahead` limits how many pages of each are asked for ahead.
    """
    source = Ahead(parents)
    early: deque[tuple[P, Walk]] = deque()

    def go_on(*, in_turn: bool) -> Futures:
        awaited: Futures = frozenset()
        for _, walk in early:
            awaited |= walk.pages.go_on(in_turn=in_turn)
            in_turn = in_turn and walk.pages.is_asked
        while has_room() and not source.is_over and not source.is_blocked:
            for parent in source.take():
                early.append((parent, walk := Walk(fetcher, collection_of(parent), ahead=ahead)))
                awaited |= walk.pages.go_on(in_turn=in_turn)
                in_turn = in_turn and walk.pages.is_asked
        return awaited | source.awaited if has_room() else awaited

    def has_room() -> bool:
        return not early or (fetcher.has_room and len(early) < fetcher.max_connections)

    try:
        while True:
            awaited = go_on(in_turn=True)
            if early:
                parent, walk = early.popleft()
                walk.pages.spare = go_on
                with closing(walk.pages):
                    yield parent, walk
            elif source.is_over:
                return
            else:
                fetcher.wait_for_one(*awaited)
    finally:
        source.close()
        for _, walk in early:
            walk.pages.close()
