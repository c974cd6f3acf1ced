"""Items of an iterator that may itself wait for answers, had without waiting for it.

What is wanted next often comes from answers too, as the parents of a fan-out do. While such an
answer is on its way, those that have come must be handed over, but a generator cannot leave off
in the middle of one that it runs. As a greenlet it can.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from greenlet import getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

T = TypeVar("T")
Futures = frozenset[Future[Any]]

POLL_SECONDS = 0.2


class _Greenlet(greenlet):
    """One of this module; a program that runs the tap may have others."""

    def go_on(self) -> Any:  # noqa: ANN401 - whatever it leaves with
        """Run until it leaves, or is done."""
        self.parent = getcurrent()
        return self.switch()


class Ahead(Generic[T]):
    """The items of an iterable, as far as they can be had."""

    def __init__(self, items: Iterable[T]) -> None:
        """Begin; nothing is asked of the iterable yet."""
        self.awaited: Futures = frozenset()
        """One of these must be done before there is an item; none if there may be one now."""

        self._thread = threading.get_ident()
        self._greenlet = _Greenlet(partial(_run, items))

    @property
    def is_over(self) -> bool:
        """Whether all items were taken."""
        return self._greenlet.dead

    @property
    def is_blocked(self) -> bool:
        """Whether what it waits for has not come."""
        return bool(self.awaited) and not any(each.done() for each in self.awaited)

    def take(self) -> list[T]:
        """The next item; nothing if there is none, or none yet.

        Raises:
            Exception: What the iterable raises.
        """
        items: list[T]
        self.awaited = frozenset()  # nor is anything waited for once it has raised
        self.awaited, items = self._greenlet.go_on()
        return items

    def close(self) -> None:
        """Leave off, and have the iterable do so."""
        # What a failed run leaves may be swept up in another thread, where no greenlet can go on.
        if self._thread == threading.get_ident():
            self._greenlet.parent = getcurrent()
            self._greenlet.throw()


def _run(items: Iterable[Any]) -> tuple[Futures, list[Any]]:
    try:
        for item in items:
            _leave(frozenset(), [item])
    finally:
        if isinstance(items, Generator):
            items.close()
    return frozenset(), []


def _leave(awaited: Futures, items: list[Any]) -> bool:
    """Go back to whoever let it go on, until it may again; false if there is nobody."""
    current = getcurrent()
    if not isinstance(current, _Greenlet) or current.parent is None:
        return False
    current.parent.switch((awaited, items))
    return True


def wait_for_one(futures: Collection[Future[Any]]) -> None:
    """Return once a future is done or some time has gone by; meanwhile others may go on."""
    if not _leave(frozenset(futures), []):
        wait(futures, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
