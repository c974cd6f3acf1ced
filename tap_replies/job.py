"""One stream being read for one account: what it asks, and the count of what came."""

from __future__ import annotations

import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import TYPE_CHECKING, Any

from singer_sdk import metrics

from tap_replies.errors import GoneError, RequestFailedError, StreamRefusedError
from tap_replies.fan_out import fan_out
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeVar

    from tap_replies.bookmark import Reading
    from tap_replies.paging import Collection, Page
    from tap_replies.run import Connection
    from tap_replies.source import Row

    P = TypeVar("P")

MOST_REFUSED = 5
"""So many of the first parents at least, twice as many as are asked side by side, are refused, and
none of them is read, before the stream counts as refused."""

logger = logging.getLogger("tap-replies")


class SummaryMetric(StrEnum):
    """What is logged as a metric when a stream was read for an account."""

    RECORDS = "records_emitted"


@dataclass(slots=True)
class Batch:
    """Some rows, with the columns that they do not hold themselves.

    `complete_to` tells that all rows before this moment have come, this batch included;
    `is_late` that the rows could not be read before, and so are wanted whatever their moment;
    `about` is what else is known of the object that the rows belong to, for `replies`.
    """

    rows: list[Row]
    is_dirty: bool = False
    columns: Mapping[str, Any] = field(default_factory=dict)
    complete_to: str | None = None
    is_late: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """The count of one stream and account."""

    emitted: int = 0
    read: int = 0
    expected: int = 0
    missing: Counter[str] = field(default_factory=Counter)
    """Rows that were not read, by the figure that counts them."""

    unproven: int = 0
    """Lists that came without a figure that says how many rows they hold."""

    duplicates: int = 0
    without_key: int = 0
    counted_by: str = "the API"
    skipped: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)


class Job:
    """One stream being read for one account.

    `started` is when the run began; `after` holds what the state is to remember beside the
    bookmark once the reading is whole.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what a job is made of
        self,
        stream: str,
        connection: Connection,
        config: Mapping[str, Any],
        reading: Reading | None,
        state: dict[str, Any],
        started: str,
    ) -> None:
        """Start counting."""
        self.stream = stream
        self.connection = connection
        self.account_id = connection.account_id
        self.config = config
        self.filters: Mapping[str, Any] = connection.account.values.get("filters") or {}
        self.reading = reading
        self.state = state
        self.started = started
        self.after: dict[str, Any] = {}
        self.writes_state = True
        self.refused: StreamRefusedError | None = None
        """Why a part could not be read that the others do not need."""

        self.tally = Tally()
        self.fetcher = connection.fetcher
        self._requests = self.fetcher.usage.requests
        self._retries = self.fetcher.usage.retries

    @property
    def lower(self) -> str | None:
        """Where the reading begins; None reads from the beginning."""
        return self.reading.lower if self.reading else None

    @property
    def is_first(self) -> bool:
        """Whether no bookmark was there to start from."""
        return self.reading is None or self.reading.since is None

    @property
    def _few(self) -> int:
        """How many pages of rows that lead to others are asked for ahead: they must leave room."""
        return self.fetcher.max_connections // 2 or 1

    def walk(self, collection: Collection) -> Iterator[Page]:
        """All pages of a collection whose rows are this stream's."""
        walk = Walk(self.fetcher, collection)
        yield from walk
        self.count(walk)

    def parents(self, collection: Collection) -> Iterator[Row]:
        """All rows of a collection that leads to this stream's."""
        walk = Walk(self.fetcher, collection, ahead=self._few)
        for page in walk:
            yield from page.rows
        self._lead(walk)

    def children(  # noqa: PLR0913 - each says something else of the rows
        self,
        parents: Iterable[P],
        collection_of: Callable[[P], Collection],
        what: str,
        *,
        counted: bool = True,
        leads: bool = False,
        each: Callable[[Walk, P], Iterable[Page]] = lambda walk, _: walk,
    ) -> Iterator[tuple[P, Page]]:
        """All pages of each parent's collection; a parent that is gone is skipped and counted.

        As a server may say so by mistake, it is asked again after all others. One that is refused
        is noted in `refused`. With `counted` the rows are this stream's, otherwise they only lead
        to them, as they may also do if they are counted (`leads`). `each` makes other pages of
        those of a parent; of what cannot be read whole it sees no end.
        """
        places = count()
        unread: dict[int, bool] = {}
        gone: list[P] = []
        first = refused = 0
        most = max(MOST_REFUSED, self.fetcher.max_connections * 2)

        def read(walk: Walk, parent: P) -> Iterator[Page]:
            return pages(next(places), walk, parent)

        def pages(place: int, walk: Walk, parent: P) -> Iterator[Page]:
            nonlocal first, refused
            try:
                yield from each(walk, parent)
            except (GoneError, StreamRefusedError) as error:
                if isinstance(error, StreamRefusedError):
                    self.refuse(what, error)
                elif len(walk.known):
                    self._check_gone(collection_of(parent), walk, error)
                    self.skip(what)
                else:
                    gone.append(parent)
                if not len(walk.known):
                    unread[place] = isinstance(error, StreamRefusedError)
                # Whichever come first, it is the order of the parents that counts.
                while first in unread:
                    refused += unread.pop(first)
                    first += 1
                if refused >= most and self.refused:
                    raise self._wholly(self.refused) from None
                return
            (self.count if counted else self._lead)(walk)

        ahead = self._few if leads or not counted else None
        yield from fan_out(self.fetcher, parents, collection_of, read, ahead=ahead)
        again, gone = gone, []
        yield from fan_out(self.fetcher, again, collection_of, read, ahead=ahead)
        self.tally.skipped += Counter({what: len(gone)})

    def _wholly(self, refusal: StreamRefusedError) -> StreamRefusedError:
        """What was refused, as not a part but all of it."""
        self.refused = None
        if self.tally.read:  # rows of later parents, which may have gone out
            self.state.pop("overlap", None)
        return refusal

    def _check_gone(self, collection: Collection, walk: Walk, error: GoneError) -> None:
        """Raise what it means if only a part of a collection is gone."""
        with suppress(GoneError):
            Walk(self.fetcher, collection).ends(last=False)
            msg = f"{error}, although the list begins as before; the next run reads it again"
            raise RequestFailedError(msg)
        self.tally.read += len(walk.known)
        self.tally.expected += len(walk.known)

    def changed(self, collection: Collection, *, counted: bool = True) -> Iterator[Page]:
        """The pages of a collection that is newest first, of which only the first may be wanted.

        With `counted` the rows are this stream's, otherwise they only lead to them.
        """
        walk = Walk(self.fetcher, collection, ahead=None if counted else self._few, may_stop=True)
        try:
            yield from walk
        finally:
            (self.count if counted else self._lead)(walk)

    def _lead(self, walk: Walk) -> None:
        """Add what a walk over rows that lead to this stream's came to."""
        self.tally.missing[walk.counted_by] += walk.missing
        self.tally.missing["parents without an id"] += walk.known.without_key
        self.tally.unproven += not walk.is_counted

    def refuse(self, what: str, error: StreamRefusedError) -> None:
        """Note that an object may not be read, without which the others can be."""
        self.skip(f"refused {what}")
        self.refused = error

    def skip(self, what: str) -> None:
        """Count an object that could not be read although it was listed."""
        self.tally.skipped[what] += 1

    def count(self, walk: Walk) -> None:
        """Add what a walk over this stream's own rows came to."""
        self.tally.counted_by = walk.counted_by
        self.tally.expected += walk.expected
        self.tally.read += len(walk.known)
        self.tally.missing[walk.counted_by] += walk.missing
        self.tally.duplicates += walk.known.duplicates
        self.tally.without_key += walk.known.without_key
        self.tally.unproven += not walk.is_counted

    def count_again(self, walk: Walk, first: Walk) -> None:
        """Add what a second reading of a collection lacks more than the first, which counts."""
        self.tally.missing[walk.counted_by] += max(0, walk.missing - first.missing)
        self.tally.unproven += first.is_counted and not walk.is_counted

    def summary(self, cleaned: Counter[str], unknown: Iterable[str], seconds: float) -> str:
        """The line that ends a stream for an account; its figures go out as metrics too."""
        tally = self.tally
        requests = self.fetcher.usage.requests - self._requests
        retries = self.fetcher.usage.retries - self._retries
        names = sorted(unknown)
        tags = {
            "stream": self.stream,
            "context": {"account_id": self.account_id},
            "read": tally.read,
            "expected": tally.expected,
            "missing": tally.missing.total(),
            "skipped": tally.skipped.total(),
            "cleaned": cleaned.total(),
            "unknown_fields": len(names),
            "requests": requests,
            "retries": retries,
        }
        point: metrics.Point[int] = metrics.Point(
            "counter",
            SummaryMetric.RECORDS,  # type: ignore[arg-type] # the SDK's own list has no such word
            tally.emitted,
            tags,
        )
        metrics.log(metrics.get_metrics_logger(), point)
        parts = [
            f"{tally.emitted} emitted",
            f"{tally.read} read of {tally.expected} by {tally.counted_by}",
            f"{requests} requests",
            f"{retries} retries",
        ]
        parts += [f"{count} MISSING by {name}" for name, count in tally.missing.items() if count]
        if tally.unproven:
            parts.append(f"{tally.unproven} lists that tell no total")
        if tally.without_key:
            parts.append(f"{tally.without_key} without a key, left out")
        parts += [f"{count} {what} skipped" for what, count in sorted(tally.skipped.items())]
        parts += [f"{count} {what}" for what, count in sorted(tally.notes.items())]
        if cleaned:
            changes = ", ".join(f"{rule} ({count})" for rule, count in sorted(cleaned.items()))
            parts.append(f"cleaned: {changes}")
        if names:
            parts.append(f"fields without a column: {', '.join(names)}")
        parts.append(f"{seconds:.1f} s")
        return f"{self.stream}, account {self.account_id}: " + "; ".join(parts)
