"""Who left, because of something that was sent or for whatever reason."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from tap_replies.job import Batch, Job
from tap_replies.source import segment
from tap_replies.sources.mailchimp.client import (
    MailchimpStream,
    before,
    since,
    subscriber_hash,
)
from tap_replies.sources.mailchimp.counts import Counts, Sending
from tap_replies.sources.mailchimp.sendings import AUDIENCES, identified, sendings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_replies.paging import Collection, Page
    from tap_replies.source import Row


class Unsubscribes(MailchimpStream):
    """One row per person who left because of something that was sent."""

    name = "mailchimp_unsubscribes"
    rows_key = "unsubscribes"
    primary_keys = ("account_id", "campaign_id", "email_id", "timestamp")
    replication_key = "timestamp"
    own_columns = ("unsubscribe_source", "parent_campaign_id")
    single_keys: ClassVar = {"campaign_id": True, "email": False}
    asked = ("email_id", "timestamp", "campaign_id")
    least_overlap = timedelta(days=1)  # statistics are cached: a count may move hours later

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """The opt-outs of each campaign, sub-campaign and automation e-mail that gained some."""
        counts = Counts(job)
        due = sendings(job, counts)

        def compared(walk: Iterable[Page], sending: Sending) -> Iterator[Page]:
            counts.note_due(sending)
            read = 0
            for page in walk:
                read += len(page.rows)
                yield page
            gap = max(0, (sending.unsubscribed or 0) - read)
            counts.note_read(sending, gap)
            if gap:
                job.tally.notes["opt-outs counted, not listed (deleted contacts?)"] += gap

        for sending, page in job.children(due, self._of, "campaigns", each=compared):
            yield self._batch(sending, page.rows, is_dirty=page.is_dirty)
        job.after |= counts.texts()

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """The opt-out of one person: `{"campaign_id": ..., "email": ...}`."""
        campaign = wanted["campaign_id"]
        path = f"/reports/{segment(campaign)}/unsubscribed"
        if "email" in wanted:
            about = f"an opt-out of campaign {campaign}"
            batch = self.one(job, f"{path}/{subscriber_hash(wanted['email'])}", about)
            yield self._batch(identified(job, campaign), batch.rows, is_dirty=True)
            return
        sending = identified(job, campaign)
        for page in job.walk(self._of(sending)):
            yield self._batch(sending, page.rows, is_dirty=page.is_dirty)

    @override
    def opening(self, job: Job) -> Collection:
        """The audiences, whose figures tell which reports need to be looked at."""
        return AUDIENCES

    def _of(self, sending: Sending) -> Collection:
        path = f"/reports/{segment(sending.campaign_id)}/unsubscribed"
        about = f"the opt-outs of campaign {sending.campaign_id}"
        told = sending.unsubscribed
        return self.listing(path, about, {}, "email_id", "timestamp", expected=told)

    def _batch(self, sending: Sending, rows: list[Row], *, is_dirty: bool) -> Batch:
        columns = {
            "campaign_id": sending.campaign_id,
            "unsubscribe_source": sending.kind,
            "parent_campaign_id": sending.parent,
        }
        return Batch(rows, is_dirty, columns, is_late=sending.is_late)


class ListUnsubscribes(MailchimpStream):
    """One row per person who is unsubscribed from an audience, whatever made them leave."""

    name = "mailchimp_list_unsubscribes"
    rows_key = "members"
    primary_keys = ("account_id", "list_id", "id")
    replication_key = "last_changed"
    own_columns = ("unsubscribe_source",)
    single_keys: ClassVar = {"list_id": True, "email": True}
    asked = ("id", "list_id", "last_changed")

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """The unsubscribed members of each list that changed since the bookmark."""
        wanted = job.filters.get("list_id")
        lists = (row for row in job.parents(AUDIENCES) if wanted in (None, row["id"]))
        for row, page in job.children(lists, partial(self._of, job), "lists"):
            yield self._batch(row["id"], page.rows, is_dirty=page.is_dirty)

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """One member: `{"list_id": ..., "email": ...}`."""
        list_id = wanted["list_id"]
        path = f"/lists/{segment(list_id)}/members/{subscriber_hash(wanted['email'])}"
        batch = self.one(job, path, f"a member of list {list_id}")
        yield self._batch(list_id, batch.rows, is_dirty=True)

    @override
    def opening(self, job: Job) -> Collection:
        """The audiences."""
        return AUDIENCES

    def _batch(self, list_id: str, rows: list[Row], *, is_dirty: bool) -> Batch:
        return Batch(rows, is_dirty, {"list_id": list_id, "unsubscribe_source": "audience"})

    def _of(self, job: Job, audience: Row) -> Collection:
        list_id = audience["id"]
        params = {"status": "unsubscribed", "sort_field": "last_changed", "sort_dir": "ASC"}
        if job.lower:
            params["since_last_changed"] = since(job.lower)
        if job.reading:
            params["before_last_changed"] = before(job.reading.upper)
        path = f"/lists/{segment(list_id)}/members"
        about = f"the unsubscribed members of list {list_id}"
        version, stats = itemgetter("last_changed"), audience.get("stats")
        told = stats.get("unsubscribe_count") if isinstance(stats, dict) else None
        told = None if job.lower else told  # how many are new is not known
        return self.listing(path, about, params, version=version, expected=told)
