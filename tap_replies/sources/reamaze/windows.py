"""The windows of time in which a brand's messages are read, oldest first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from tap_replies.sources.reamaze.keys import moment_of
from tap_replies.times import moved, utc
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_replies.job import Job
    from tap_replies.paging import Collection, Page

    Listed = Callable[["Window | None"], Collection]
    """What lists the messages of a window, or all."""

WANTED = 3_000
"""Messages in a window, so that a cut run repeats little."""

MOST = 10_000
"""Messages in a window that is not divided further."""

SHORTEST = timedelta(minutes=1)

LATER = timedelta(days=1)
"""How long after the end of a reading its messages are counted at the latest."""


@dataclass(frozen=True, slots=True)
class Window:
    """The moments from `start` (None: the very beginning) up to, but not at, `end`."""

    start: str | None
    end: str

    def holds(self, moment: str) -> bool:
        """Whether a moment lies in the window."""
        return (self.start or "") <= moment < self.end

    def within(self, page: Page) -> Page:
        """The page, with messages of the window only."""
        return replace(page, rows=[row for row in page.rows if self.holds(moment_of(row))])

    def parts(self, messages: int) -> list[Window]:
        """Shorter windows in its place, if it holds too many messages; none otherwise."""
        if messages <= MOST or self.start is None:
            return []
        start, end = (datetime.fromisoformat(each) for each in (self.start, self.end))
        count = min(-(-messages // WANTED), int((end - start) / SHORTEST))
        return _split(self.start, self.end, count) if count > 1 else []


def plan(job: Job, listed: Listed) -> tuple[list[Window], int | None]:
    """The windows from where the reading begins to where it ends, and how many messages they hold.

    Where there is no beginning, the oldest message is looked up on the last page. The number is
    None unless the windows hold all that the brand has.
    """
    end = job.reading.upper if job.reading else moved(job.started, SHORTEST)
    # A window ends before its end, and the reading takes in the moment in which it began.
    if not (job.reading and job.reading.ends):
        end = moved(end, timedelta(milliseconds=1))
    if job.lower is not None:
        return [Window(job.lower, end)], None
    first, last = Walk(job.fetcher, listed(None)).ends()
    rows = [row for row in (*first.rows, *last.rows) if isinstance(row, dict)]
    moments = [utc(row.get("created_at")) for row in rows]
    oldest = min(filter(None, moments), default=end)
    # The count leaves out initial messages in some answers, so the first window is open.
    windows = _split(oldest, end, max(1, -(-(first.total or 0) // WANTED))) if oldest < end else []
    is_all = not (job.reading and job.reading.ends) and first.total is not None
    opened = Window(None, windows[0].end if windows else end)
    return [opened, *windows[1:]], _before(job, listed, end, first, last) if is_all else None


def count_before(job: Job, listed: Listed, end: str) -> int:
    """How many messages a brand has, without those that are of `end` or later."""
    return _before(job, listed, end, *Walk(job.fetcher, listed(None)).ends())


def _before(job: Job, listed: Listed, end: str, first: Page, last: Page) -> int:
    """The same, from the first page of all messages and the last."""
    total = first.total or 0
    ends = [[row >= end for row in _moments(page)] for page in _both(first, last)]
    if not any(each and all(each) for each in ends):
        return total - sum(map(sum, ends))
    # There may be more of them on other pages: the streams that were read before took their time.
    later = Window(end, moved(end, LATER))
    first, last = Walk(job.fetcher, listed(later)).ends()
    early = sum(row < end for page in _both(first, last) for row in _moments(page))
    return total - max(0, (first.total or 0) - early)


def _both(first: Page, last: Page) -> Iterable[Page]:
    """The two pages, unless they are one."""
    return {first.index: first, last.index: last}.values()


def _moments(page: Page) -> list[str]:
    return [moment_of(row) for row in page.rows if isinstance(row, dict)]


def _split(start: str, end: str, count: int) -> list[Window]:
    length = (datetime.fromisoformat(end) - datetime.fromisoformat(start)) / count
    bounds = [start, *(moved(start, length * each) for each in range(1, count)), end]
    return [Window(left, right) for left, right in pairwise(bounds)]
