"""Mailchimp's streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_replies.job import Batch, Job
from tap_replies.source import segment
from tap_replies.sources.mailchimp.client import MailchimpStream, before, since
from tap_replies.sources.mailchimp.threads import (
    LISTED,
    Listed,
    about,
    all_threads,
    filters,
    newest,
    threads_of,
)
from tap_replies.sources.mailchimp.unsubscribes import ListUnsubscribes, Unsubscribes
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tap_replies.paging import Collection, Page
    from tap_replies.source import Row


class Lists(MailchimpStream):
    """One row per audience."""

    name = "mailchimp_lists"
    rows_key = "lists"
    primary_keys = ("account_id", "id")
    extra: ClassVar[Mapping[str, str]] = {"stats": "include_total_contacts"}

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """All lists, oldest first."""
        wanted = job.filters.get("list_id")
        for page in job.walk(self.opening(job)):
            rows = [row for row in page.rows if wanted in (None, row["id"])]
            yield Batch(rows, page.is_dirty)

    @override
    def opening(self, job: Job) -> Collection:
        """All lists."""
        params = {"sort_field": "date_created", "sort_dir": "ASC"}
        return self.listing("/lists", "the lists", params)

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """One list by its id."""
        yield self.one(job, f"/lists/{segment(wanted)}", f"list {wanted}")


class Campaigns(MailchimpStream):
    """One row per campaign, drafts too."""

    name = "mailchimp_campaigns"
    rows_key = "campaigns"
    primary_keys = ("account_id", "id")
    replication_key = "create_time"
    overlap_days = "campaign_refresh_days"
    asked = ("id", "create_time")
    extra: ClassVar[Mapping[str, str]] = {
        "resend_shortcut_eligibility": "include_resend_shortcut_eligibility"
    }

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """Campaigns by their making, from the bookmark less the days in which counters move."""
        wanted = job.filters.get("campaign_id")
        for page in job.walk(self.opening(job)):
            rows = [row for row in page.rows if wanted in (None, row["id"])]
            yield Batch(rows, page.is_dirty)

    @override
    def opening(self, job: Job) -> Collection:
        """The campaigns from where the reading begins."""
        params = {"sort_field": "create_time", "sort_dir": "ASC"}
        if job.lower:
            params["since_create_time"] = since(job.lower)
        if job.reading:
            params["before_create_time"] = before(job.reading.upper)
        if list_id := job.filters.get("list_id"):
            params["list_id"] = list_id
        return self.listing("/campaigns", "the campaigns", params)

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """One campaign by its id."""
        yield self.one(job, f"/campaigns/{segment(wanted)}", f"campaign {wanted}")


class Conversations(MailchimpStream):
    """One row per thread that began with an answer to a campaign."""

    name = "mailchimp_conversations"
    rows_key = "conversations"
    primary_keys = ("account_id", "id")
    replication_key = "last_message_at"
    own_columns = ("last_message_at",)
    asked = ("id", "last_message.timestamp")

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """All threads: the list has no filter for time, and 1,000 of them are one request."""
        others = (self._tap.streams.get(name) for name in (ConversationMessages.name, "replies"))
        is_wanted = any(each.selected for each in others if each)
        listed = Listed(job, is_wanted=is_wanted and self._asks_for(LISTED))
        for page in job.walk(self.opening(job)):
            listed.note(page.rows)
            yield Batch(page.rows, page.is_dirty)
        listed.share(job)

    @override
    def opening(self, job: Job) -> Collection:
        """All threads."""
        params = filters(job.filters)
        return self.listing("/conversations", "the conversations", params, version=newest)

    def _asks_for(self, columns: Iterable[str]) -> bool:
        return all(self.mask["properties", name] for name in columns)

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """One thread by its id."""
        yield self.one(job, f"/conversations/{segment(wanted)}", f"conversation {wanted}")

    @override
    def derive(self, row: Row) -> None:
        """The bookmark is a column of its own: the SDK takes none from within an object."""
        row["last_message_at"] = newest(row)


class ConversationMessages(MailchimpStream):
    """One row per message of a thread."""

    name = "mailchimp_conversation_messages"
    rows_key = "conversation_messages"
    primary_keys = ("account_id", "conversation_id", "id")
    replication_key = "timestamp"
    asked = ("id", "conversation_id", "timestamp")
    holds_replies = True
    past_only = (
        "Mailchimp's API holds past Conversations only; replies now go to its Inbox, which has no "
        "API, or to the campaign's reply-to address"
    )

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """The messages of each thread whose newest one is not older than the bookmark."""
        threads = (row for row in threads_of(job) if self._is_due(job, row))

        def listing_of(thread: Row) -> Collection:
            return self._messages(job, thread["id"], thread.get("message_count"))

        def own(walk: Iterable[Page], thread: Row) -> Iterator[Page]:
            read = 0
            for page in walk:
                page.rows = self._own(job, thread["id"], page.rows)
                read += len(page.rows)
                yield page
            count = thread.get("message_count")
            if job.lower is None and isinstance(count, int):
                job.tally.missing["message_count"] += max(0, count - read)

        for thread, page in job.children(threads, listing_of, "threads", each=own):
            columns = {"conversation_id": thread["id"]}
            yield Batch(page.rows, page.is_dirty, columns, about=about(thread))

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """The whole thread of one conversation."""
        for page in job.walk(self._messages(job, wanted)):
            rows = self._own(job, wanted, page.rows)
            yield Batch(rows, page.is_dirty, {"conversation_id": wanted})

    @override
    def opening(self, job: Job) -> Collection:
        """The list of threads."""
        return all_threads(job.filters)

    def _is_due(self, job: Job, thread: Row) -> bool:
        moment = utc(newest(thread) or "")
        return job.lower is None or moment is None or moment >= job.lower

    def _messages(self, job: Job, thread: str, count: object = None) -> Collection:
        params = {"since_timestamp": since(job.lower)} if job.lower else {}
        path = f"/conversations/{segment(thread)}/messages"
        about = f"the messages of conversation {thread}"
        return self.listing(path, about, params, expected=None if job.lower else count)

    @staticmethod
    def _own(job: Job, thread: str, rows: list[Row]) -> list[Row]:
        """The rows of this thread: the API has returned those of others for days in 2020."""
        own = [row for row in rows if row.get("conversation_id", thread) == thread]
        if foreign := len(rows) - len(own):
            job.tally.skipped["messages of another thread"] += foreign
        return own


STREAMS = (
    Lists,
    Campaigns,
    Conversations,
    ConversationMessages,
    Unsubscribes,
    ListUnsubscribes,
)
