"""From what the spool holds of an account to the rows of `replies` that are new."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tap_replies.feed import MESSAGE, NOTE
from tap_replies.reply import COLUMNS, Authors, author_key, domain, texts
from tap_replies.timing import UNTIMED, Course

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_replies.bookmark import Reading
    from tap_replies.clean import Cleaner
    from tap_replies.job import Job
    from tap_replies.privacy import Veil
    from tap_replies.spool import Said

PAGE = 500
"""Records that are handed over together."""

SLACK = timedelta(minutes=1)
"""How long after its conversation a first message may be dated; else it is not the first."""


class Part(NamedTuple):
    """Of a feed: where its reading began, which of its rows are new, and what may be older."""

    lower: str | None
    reading: Reading
    is_late: bool
    """Whether it may tell what is older than what it told before."""

    is_whole: bool
    """Whether nothing of it was refused; else its overlap cannot be compared, and waits."""


class Telling:
    """Tells one account's replies.

    `feeds` has what is known of each feed.
    """

    def __init__(
        self,
        job: Job,
        cleaner: Cleaner,
        authors: Authors,
        feeds: Mapping[int, Part],
        veil: Veil | None,
    ) -> None:
        """Prepare; `veil` hides whom a record is about, if the settings ask for it."""
        self._job = job
        self._cleaner = cleaner
        self._veil = veil
        self._authors = authors
        self._feeds = feeds
        self._seconds: set[tuple[int, str]] = set()
        self._same = {
            "account_id": job.account_id,
            "source": job.connection.account.source.name,
        }

    def records(self, told: Iterable[Said]) -> Iterator[list[Record]]:
        """The rows that are new, page by page; they must come conversation by conversation."""
        page: list[Record] = []
        course, current = Course(), None
        for said in told:
            if (said.feed, said.conversation) != current:
                course, current = Course(), (said.feed, said.conversation)
            page += self._fresh(said, course)
            if len(page) >= PAGE:
                yield page
                page = []
        for feed, part in self._feeds.items():
            for records in part.reading.rest() if part.is_whole else ():
                page += self._firsts(feed, records)
                if len(page) >= PAGE:
                    yield page
                    page = []
        if page:
            yield page

    def _fresh(self, said: Said, course: Course) -> list[Record]:
        lower, reading, is_late, _ = self._feeds[said.feed]
        is_late = is_late or bool(said.is_late)
        data, sent_at = said.data, said.sent_at or ""
        role = self._authors.role(data["role"], data["role_else"], data["author_email"])
        direction = self._authors.direction(data, role)
        timing = UNTIMED
        if data["kind"] == MESSAGE and said.is_whole(lower, SLACK):
            timing = course.next(direction, sent_at)
        is_known = bool(said.sent_at) and not is_late and sent_at < (reading.lower or "")
        if is_known or (data["kind"] == NOTE and not self._job.config["include_internal_notes"]):
            return []
        row = {**self._same, **_columns(said, data), "author_role": role, "direction": direction}
        record = self._cleaner(row | timing, {}, is_dirty=False)
        if self._veil:
            record = self._veil(record)
        if said.is_second:
            self._seconds.add((said.feed, record["reply_id"]))
        return self._firsts(said.feed, reading.new([record], is_late=is_late))

    def _firsts(self, feed: int, records: Iterable[Record]) -> list[Record]:
        """The records without those that an earlier feed tells.

        They too count for what the bookmark knows, as the earlier feed may not tell its own again.
        """
        return [each for each in records if (feed, each["reply_id"]) not in self._seconds]


def _columns(said: Said, data: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that no other row decides."""
    row: dict[str, Any] = {"reply_id": said.reply_id, "sent_at": said.sent_at}
    row |= {name: data[name] for name in COLUMNS}
    address = row["author_email"]
    row["author_key"] = author_key(address) or row["author_key"]
    row["author_domain"] = domain(address)
    return row | texts(row["body"])
