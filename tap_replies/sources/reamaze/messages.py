"""The messages of a brand: by windows of time over all threads, or thread by thread."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_replies.fan_out import fan_out
from tap_replies.job import Batch, Job
from tap_replies.paging import Collection
from tap_replies.source import Request, segment
from tap_replies.sources.reamaze.client import PAGING, date_param
from tap_replies.sources.reamaze.keys import content, keyed
from tap_replies.sources.reamaze.listings import (
    all_conversations,
    changed,
    changed_at,
    newest_first,
)
from tap_replies.sources.reamaze.sample import Sample
from tap_replies.sources.reamaze.windows import MOST, Window, count_before, plan
from tap_replies.stream import ApiStream
from tap_replies.times import moved
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from tap_replies.paging import Page
    from tap_replies.source import Row


THREADS_ONLY = ("for", "for_id", "origin", "data", "start_date", "end_date")
"""Filters of the conversations list that the messages list does not have, or means otherwise:
its `origin` is that of the message, and a number."""

SHARED_FILTERS = ("tag", "category")
BACKFILL = "conversations from the beginning"

logger = logging.getLogger("tap-replies")


class Messages(ApiStream):
    """One row per message, internal notes too."""

    name = "reamaze_messages"
    primary_keys = ("account_id", "message_key")
    replication_key = "created_at"
    holds_replies = True

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """Messages by windows, or by threads where the windows do not hold all of them."""
        way = self._way(job)
        if way == "brand":
            yield from self._windows(job, None)
        elif way == "auto":
            sample = Sample(job, self._thread, partial(self._keyed, job))
            yield from self._windows(job, sample)
            if slug := sample.incomplete():
                logger.warning(
                    "%s, account %s: the brand-wide list lacks messages that conversation %s "
                    "holds; from now on threads are read one by one, all of them in this run",
                    self.name,
                    job.account_id,
                    slug,
                )
                job.state["messages_from"] = BACKFILL
                yield from self._threads(job, sample.unseen)
                job.after["messages_from"] = "conversations"
        else:
            yield from self._threads(job)
            if way == BACKFILL:
                job.after["messages_from"] = "conversations"

    @override
    def opening(self, job: Job) -> Collection:
        """The conversations, for a sample or for their threads; else the brand-wide list."""
        way = self._way(job)
        if way == "brand":
            listed = partial(self._all, job)
            return listed(None if job.lower is None else plan(job, listed)[0][0])
        return all_conversations(job) if way == "auto" or job.lower is None else newest_first(job)

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """The whole thread of one conversation."""
        walk = Walk(job.fetcher, self._thread(wanted))
        for page in self._keyed(job, walk, wanted):
            yield Batch(page.rows, page.is_dirty)
        job.count(walk)

    def _way(self, job: Job) -> str:
        way: str = self.config["reamaze_messages_from"]
        needs_threads = (
            job.filters.keys() & THREADS_ONLY or job.filters.get("filter", "all") != "all"
        )
        if way == "auto":
            way = job.state.get("messages_from", "conversations" if needs_threads else "auto")
        elif way == "brand" and needs_threads:
            self.run.tell(f"{self.name}: the filters need the messages to be read by threads")
            way = "conversations"
        if way == BACKFILL and job.reading:
            job.reading.restart(job.reading.start)
        return way

    # By windows

    def _windows(self, job: Job, sample: Sample | None) -> Iterator[Batch]:
        windows, total = plan(job, partial(self._all, job))
        read = yield from self._in_windows(job, deque(windows), sample)
        is_whole = not (sample and sample.lacking)
        if is_whole and total and read < total and not job.tally.missing.total():
            self._count_all(job, windows[-1].end, total, read)

    def _count_all(self, job: Job, end: str, total: int, read: int) -> None:
        """Tell what lies between the windows, should the API cut them otherwise than asked for."""
        now = count_before(job, partial(self._all, job), end)
        job.tally.missing[PAGING.total_key] += max(0, min(total, now) - read)
        if job.tally.missing.total() and self.config["on_count_mismatch"] == "fail":
            job.state.pop("replication_key_value", None)

    def _in_windows(
        self, job: Job, windows: deque[Window], sample: Sample | None
    ) -> Generator[Batch, None, int]:
        """The messages of the windows, and how many there are."""
        count = 0
        while windows:
            # One window fills the connections; more of the next ones would only wait.
            of = partial(self._all, job)
            walks = fan_out(job.fetcher, [*windows], of, _itself, in_order=True)
            with closing(walks):
                for window, walk in walks:
                    windows.popleft()
                    pages = iter(walk)
                    first = next(pages)
                    if parts := window.parts(first.total or 0):
                        windows.extendleft(reversed(parts))
                        break
                    pages = chain([first], pages)
                    count += yield from self._window(job, window, walk, pages, sample)
                    if sample and sample.lacking:
                        return count
        return count

    def _window(
        self, job: Job, window: Window, walk: Walk, pages: Iterable[Page], sample: Sample | None
    ) -> Generator[Batch, None, int]:
        count = 0
        whole: list[Page] = []

        def again() -> Iterable[Page]:
            nonlocal whole
            whole = [*map(window.within, self._again(job, walk, self._all(job, window)))]
            return whole

        for page in keyed(map(window.within, pages), walk.known, again):
            if sample:
                sample.take(page.rows)
            count += len(page.rows)
            yield Batch(page.rows, page.is_dirty)
        job.count(walk)
        # No bookmark goes ahead of the comparison, that of the last window is the last of all.
        is_last = job.reading is not None and window.end >= job.reading.upper
        is_done = not sample or (not is_last and sample.proves(window.end))
        yield Batch([], complete_to=window.end if is_done else None)
        return max(count, sum(len(page.rows) for page in whole))

    def _all(self, job: Job, window: Window | None = None) -> Collection:
        params = {name: each for name, each in job.filters.items() if name in SHARED_FILTERS}
        if window:
            # Whether the bounds are inclusive is not documented, so they are asked for with room.
            if window.start:
                params["start_date"] = date_param(moved(window.start, -timedelta(seconds=1)))
            params["end_date"] = date_param(moved(window.end, timedelta(seconds=1)))
        return replace(self._messages("/messages", "the messages", params), most=MOST)

    # By threads

    def _threads(self, job: Job, unseen: Any = None) -> Iterator[Batch]:  # noqa: ANN401
        if unseen and job.reading:
            job.reading.restart(job.reading.start)
        if job.lower is None:
            conversations = (row for row in job.parents(all_conversations(job)))
        else:
            conversations = (row for page in changed(job, counted=False) for row in page.rows)
        # One that changes meanwhile comes twice, but is read once: the next run reads it again.
        slugs = _once(row["slug"] for row in conversations if self._is_due(job, row))
        each = partial(self._keyed, job)
        for _, page in job.children(slugs, self._thread, "conversations", each=each):
            rows = list(filter(unseen, page.rows)) if unseen else page.rows
            yield Batch(rows, page.is_dirty, about={"is_whole": page.is_end})

    def _keyed(self, job: Job, walk: Walk, slug: str) -> Iterator[Page]:
        return keyed(walk, walk.known, lambda: self._again(job, walk, self._thread(slug)), slug)

    @staticmethod
    def _again(job: Job, first: Walk, collection: Collection) -> Iterator[Page]:
        walk = Walk(job.fetcher, collection)
        yield from walk
        job.count_again(walk, first)

    def _is_due(self, job: Job, row: Row) -> bool:
        moment = changed_at(row) if row.get("updated_at") else None
        return job.lower is None or moment is None or moment >= job.lower

    def _thread(self, slug: str) -> Collection:
        path = f"/conversations/{segment(slug)}/messages"
        return self._messages(path, f"the messages of conversation {slug}", {})

    def _messages(self, path: str, about: str, params: dict[str, Any]) -> Collection:
        if self.mask["properties", "original_body"]:
            params = {**params, "include": "original_body"}
        listing = Request(path, params, about)
        return Collection(listing, "messages", PAGING, content, may_be_alike=True)


def _itself(walk: Walk, _: Window) -> Iterator[Walk]:
    yield walk


def _once(slugs: Iterable[str]) -> Iterator[str]:
    seen: set[int] = set()
    for slug in slugs:
        if hash(slug) not in seen:
            seen.add(hash(slug))
            yield slug
