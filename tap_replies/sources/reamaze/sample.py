"""Whether the brand-wide list of messages holds all that the threads hold.

Its documentation does not say whether a conversation's initial message is in it.
"""

from __future__ import annotations

import hashlib
from array import array
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_replies.sources.reamaze.keys import Keys
from tap_replies.sources.reamaze.listings import all_conversations
from tap_replies.times import moved, utc
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_replies.job import Job
    from tap_replies.paging import Collection
    from tap_replies.source import Row

MOST_THREADS = 20
"""Conversations whose whole threads are compared in a run."""


class Sample:
    """Some conversations that began within the reading, and what the windows gave of them.

    Half of them come from the list of conversations, as one whose only message is hidden is in
    no window; the other half from the windows, by a hash, so that they lie all over the time.
    """

    def __init__(self, job: Job, thread: Callable[[str], Collection]) -> None:
        """Choose from the list of conversations; one request."""
        self._job = job
        self._thread = thread
        self._emitted = array("q")
        listed, _ = Walk(job.fetcher, all_conversations(job)).ends(last=False)
        begun = [str(row["slug"]) for row in listed.rows if self._began_within(row)]
        self._given: dict[str, set[str]] = {slug: set() for slug in begun[: MOST_THREADS // 2]}
        self._listed = frozenset(self._given)
        self._highest = ""

    def take(self, rows: list[Row]) -> None:
        """Note what a window gave."""
        for row in rows:
            self._emitted.append(_told(row))
            slug = row["conversation_slug"]
            if slug in self._given or (slug and self._enters(slug, row)):
                self._given[slug].add(row["message_key"])

    def unseen(self, row: Row) -> bool:
        """Whether no window gave this message, or another one of those alike by its key."""
        return _told(row) not in self._emitted_rows

    @cached_property
    def _emitted_rows(self) -> frozenset[int]:
        return frozenset(self._emitted)

    def incomplete(self) -> str | None:
        """A conversation whose thread holds more than the windows gave, if there is one."""
        threads: dict[str, list[Row]] = {}
        pages = self._job.children(list(self._given), self._thread, "conversations", counted=False)
        for slug, page in pages:
            threads.setdefault(slug, []).extend(page.rows)
        for slug, rows in threads.items():
            held = {row["message_key"] for row in Keys(slug).keyed(rows) if self._is_within(row)}
            if held - self._given[slug]:
                return slug
        return None

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
        return True

    def _began_within(self, conversation: Any) -> bool:  # noqa: ANN401 - any JSON
        is_one = isinstance(conversation, dict) and "slug" in conversation
        return is_one and self._holds(conversation.get("created_at"))

    def _is_within(self, message: Row) -> bool:
        """Whether the windows should have held a message; one of the overlap may come late."""
        moment = message.get("created_at")
        return self._holds(moment) and (utc(str(moment)) or "") < self._settled

    @property
    def _settled(self) -> str:
        reading = self._job.reading
        return moved(reading.upper, -reading.overlap) if reading else self._job.started

    def _holds(self, moment: object) -> bool:
        known = utc(moment) if isinstance(moment, str) else None
        reading = self._job.reading
        upper = reading.upper if reading else self._job.started
        return known is not None and (self._job.lower or "") <= known < upper


def _told(row: Row) -> int:
    return hash((row["message_key"], row.get("body_sha256")))


def _rank(slug: str) -> bytes:
    return hashlib.blake2b(slug.encode("utf-8", "surrogatepass"), digest_size=8).digest()
