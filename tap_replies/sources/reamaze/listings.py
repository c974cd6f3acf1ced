"""The two ways to list conversations: all of them, or down from the newest change."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from tap_replies.paging import Collection
from tap_replies.source import Request
from tap_replies.sources.reamaze.client import PAGING, conversation_params
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.job import Job
    from tap_replies.paging import Page
    from tap_replies.source import Row

OLD_PAGES = 2
"""Pages that hold nothing new before a walk down the changes ends: it is not documented that the
order is exactly that of `updated_at`."""


def all_conversations(job: Job) -> Collection:
    """The list in the order of making, which no change disturbs."""
    return Collection(
        Request("/conversations", conversation_params(job.filters), "the conversations"),
        "conversations",
        PAGING,
        itemgetter("slug"),
        changed_at,
        is_new=lambda row: (utc(row.get("created_at") or "") or "") >= job.started,
    )


def newest_first(job: Job) -> Collection:
    """The list from the newest change down."""
    filters = {name: value for name, value in job.filters.items() if name != "sort"}
    return Collection(
        Request("/conversations", conversation_params(filters, "changed"), "the conversations"),
        "conversations",
        PAGING,
        itemgetter("slug"),
        changed_at,
    )


def changed(job: Job, *, counted: bool = True) -> Iterator[Page]:
    """The conversations from the newest change down to where the reading begins.

    A page whose rows are not in the order of their changes makes it go on to the very end. With
    `counted` the rows are the stream's own, otherwise they only lead to them.
    """
    old_pages, is_ordered, newest = 0, True, None
    for page in job.changed(newest_first(job), counted=counted):
        moments = [changed_at(row) for row in page.rows]
        yield page
        for moment in moments:
            if moment is not None and moment >= job.started:
                continue  # it has just jumped to the front, and a page may have been read again
            is_ordered &= moment is not None and (newest is None or moment <= newest)
            newest = moment
        if moments:  # a page that brings nothing new tells nothing of those after it
            is_old = all(moment is not None and moment < (job.lower or "") for moment in moments)
            old_pages = old_pages + 1 if is_old else 0
        if is_ordered and old_pages >= OLD_PAGES:
            return


def changed_at(row: Row) -> str | None:
    """When a conversation last changed; `updated_at` is seen in answers but not documented."""
    moments = [row.get("updated_at")]
    if not moments[0]:
        moments = [row.get("created_at")]
        for name in ("last_customer_message", "last_staff_message"):
            if isinstance(message := row.get(name), dict):
                moments.append(message.get("created_at"))
    known = [utc(each) for each in moments if isinstance(each, str)]
    return max(filter(None, known), default=None)
