"""The threads of Mailchimp's Conversations: how they are listed, and what they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_replies.scrub import fit_text
from tap_replies.sources.mailchimp.client import ids
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_replies.job import Job
    from tap_replies.paging import Collection
    from tap_replies.source import Row

KNOWN_OF_THREADS = ("campaign_id", "list_id", "from_email")
"""What `replies` takes from a thread; asking for it costs no request."""

LISTED = ("message_count", *KNOWN_OF_THREADS)
"""What is asked of a thread, beside its id and newest message, before it is opened."""

_SHARED = "threads"

MOST_SHARED = 20_000
"""Threads whose list is kept in memory for the stream that reads their messages."""


class Listed:
    """The list of threads, kept for the stream that opens them; None if it grew too long."""

    def __init__(self, job: Job, *, is_wanted: bool) -> None:
        """Begin with none; the list is as of now."""
        self.at = job.started
        self._threads: dict[str, tuple[Any, ...]] | None = {} if is_wanted else None

    def note(self, rows: Iterable[Row]) -> None:
        """Keep of each thread what it takes to open it."""
        if self._threads is None:
            return
        for row in rows:
            kept = (row["id"], *map(row.get, LISTED), newest(row))
            self._threads[str(row["id"])] = kept
        if len(self._threads) > MOST_SHARED:
            self._threads = None

    def share(self, job: Job) -> None:
        """Leave the list to the stream that opens the threads, if it is whole."""
        tally = job.tally
        is_whole = not (tally.missing.total() or tally.without_key or tally.unproven)
        if self._threads is not None and is_whole:
            job.connection.shared[_SHARED] = self

    def threads(self) -> Iterator[Row]:
        """What is known of each thread."""
        for thread, *known, moment in (self._threads or {}).values():
            last = {"last_message": {"timestamp": moment}}
            yield {"id": thread, **dict(zip(LISTED, known, strict=True)), **last}


def threads_of(job: Job) -> Iterable[Row]:
    """All threads; a list that another stream of the run has read is not asked for again."""
    listed: Listed | None = job.connection.shared.pop(_SHARED, None)
    if listed:
        if job.reading:
            job.reading.upper = min(job.reading.upper, listed.at)
        return listed.threads()
    return job.parents(all_threads(job.filters))


def all_threads(chosen: Mapping[str, Any]) -> Collection:
    """The threads that lead to messages; `chosen` are the filters of the account."""
    about_them = ("/conversations", "conversations", "the conversations")
    return ids(*about_them, "last_message.timestamp", *LISTED, **filters(chosen))


def about(thread: Row) -> Row:
    """What is known of a message's thread, in the form of records."""
    texts = {name: thread.get(name) for name in KNOWN_OF_THREADS}
    known: Row = {name: fit_text(text) for name, text in texts.items() if isinstance(text, str)}
    count = thread.get("message_count")
    if isinstance(count, int):
        known["message_count"] = count
    return known | {"last_message_at": utc(newest(thread) or "")}


def filters(chosen: Mapping[str, Any]) -> dict[str, str]:
    """The filters of the conversations list, as the API spells them."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in chosen.items()
    }


def newest(thread: Row) -> str | None:
    """When the newest message of a thread was written, as the API says it."""
    try:
        moment = thread["last_message"]["timestamp"]
    except (KeyError, TypeError, IndexError):
        return None
    return moment if isinstance(moment, str) else None
