"""Whether the brand-wide list of messages holds all that the threads hold.

Its documentation does not say whether a conversation's initial message is in it.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import defaultdict, deque
from contextlib import closing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_replies.sources.reamaze.keys import moment_of, told
from tap_replies.sources.reamaze.listings import all_conversations
from tap_replies.times import moved, utc
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from tap_replies.job import Job
    from tap_replies.paging import Collection, Page
    from tap_replies.source import Row

MOST_THREADS = 20
"""Conversations whose whole threads are compared in a run."""


class Sample:
    """Some conversations that began within the reading, and what the windows gave of them.

    Half of them come from the list of conversations, as one whose only message is hidden is in
    no window; the other half from the windows, by a hash, so that they lie all over the time.
    """

    def __init__(
        self,
        job: Job,
        thread: Callable[[str], Collection],
        each: Callable[[Walk, str], Iterable[Page]],
    ) -> None:
        """Choose from the list of conversations; one request."""
        self._job = job
        self._thread = thread
        self._each = each
        self._emitted = array("q")
        listed, _ = Walk(job.fetcher, all_conversations(job)).ends(last=False)
        begun = [row for row in listed.rows if self._began_within(row)][: MOST_THREADS // 2]
        self._given: dict[str, set[str]] = {str(row["slug"]): set() for row in begun}
        self._begun = {str(row["slug"]): utc(row["created_at"]) or "" for row in begun}
        self._listed = frozenset(self._given)
        self._is_proven = False
        self.lacking: str | None = None
        """A conversation whose thread holds more than the windows gave, once one is found."""

    def take(self, rows: list[Row]) -> None:
        """Note what a window gave."""
        for row in rows:
            self._emitted.append(told(row))
            slug = row["conversation_slug"]
            if slug in self._given or (slug and self._enters(slug, row)):
                self._given[slug].add(row["message_key"])

    def unseen(self, row: Row) -> bool:
        """Whether no window gave this message, or another one of those alike by its key."""
        return told(row) not in self._emitted_rows

    @cached_property
    def _emitted_rows(self) -> frozenset[int]:
        return frozenset(self._emitted)

    def proves(self, end: str) -> bool:
        """Whether windows give what threads begin with, as far as those before `end` can tell."""
        if not self._is_proven:
            begun = [slug for slug in self._given if self._begun[slug] < end]
            with closing(self._compared(begun, end)) as compared:
                self._is_proven = next(filter(None, compared), False)
        return self._is_proven

    def incomplete(self) -> str | None:
        """A conversation whose thread holds more than the windows gave, if there is one."""
        if not self.lacking:
            deque(self._compared(list(self._given), self._settled), maxlen=0)
        return self.lacking

    def _compared(self, slugs: list[str], end: str) -> Generator[bool, None, None]:
        """Of each thread, whether the windows gave its first message; ends with one that lacks."""
        # A message that has just come may be shown in one place before the other.
        end = min(end, self._settled)
        threads: defaultdict[str, list[Row]] = defaultdict(list)
        children = self._job.children(
            slugs, self._thread, "conversations", counted=False, each=self._each
        )
        for slug, page in children:
            threads[slug] += page.rows
            if page.is_end:
                rows = sorted(threads.pop(slug), key=moment_of)
                within = [row for row in rows if self._holds(row.get("created_at"), end)]
                if {row["message_key"] for row in within} - self._given[slug]:
                    self.lacking = slug
                    return
                yield within[:1] == rows[:1] != []

    def _enters(self, slug: str, row: Row) -> bool:
        """Whether a conversation met for the first time is among those with the lowest hashes."""
        if not self._began_within(row.get("conversation")):
            return False
        chosen = [each for each in self._given if each not in self._listed]
        if len(chosen) >= MOST_THREADS // 2:
            highest = max(chosen, key=_rank)
            if _rank(slug) > _rank(highest):
                return False
            del self._given[highest]
        self._given[slug] = set()
        self._begun[slug] = utc(row["conversation"]["created_at"]) or ""
        return True

    def _began_within(self, conversation: Any) -> bool:  # noqa: ANN401 - any JSON
        is_one = isinstance(conversation, dict) and "slug" in conversation
        return is_one and self._holds(conversation.get("created_at"))

    @property
    def _settled(self) -> str:
        reading = self._job.reading
        return moved(reading.upper, -reading.overlap) if reading else self._job.started

    def _holds(self, moment: object, end: str | None = None) -> bool:
        known = utc(moment) if isinstance(moment, str) else None
        reading = self._job.reading
        end = end or (reading.upper if reading else self._job.started)
        return known is not None and (self._job.lower or "") <= known < end


def _rank(slug: str) -> bytes:
    return hashlib.blake2b(slug.encode("utf-8", "surrogatepass"), digest_size=8).digest()
