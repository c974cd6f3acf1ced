"""Re:amaze's streams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_replies.errors import GoneError
from tap_replies.job import Batch, Job
from tap_replies.source import Request, segment
from tap_replies.sources.reamaze import codes
from tap_replies.sources.reamaze.listings import (
    all_conversations,
    changed,
    changed_at,
    newest_first,
)
from tap_replies.sources.reamaze.messages import Messages
from tap_replies.stream import ApiStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.paging import Collection
    from tap_replies.source import Row


class Conversations(ApiStream):
    """One row per conversation, archived ones too."""

    name = "reamaze_conversations"
    primary_keys = ("account_id", "slug")
    replication_key = "updated_at"

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """All conversations in a first run, later those that changed.

        Where the API does not show `updated_at`, a change need not show in any date of the row, so
        none can be left out.
        """
        pages = job.walk(all_conversations(job)) if job.lower is None else changed(job)
        for page in pages:
            if job.reading and page.index == 0 and not all(map(_tells_change, page.rows)):
                job.reading.restart(job.reading.start)
            yield Batch(page.rows, page.is_dirty)

    @override
    def opening(self, job: Job) -> Collection:
        """The list in the one order or the other."""
        return all_conversations(job) if job.lower is None else newest_first(job)

    @override
    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:
        """One conversation by its slug.

        The API takes a slug that it does not know for a number in its database and may answer
        with another conversation.
        """
        request = Request(f"/conversations/{segment(wanted)}", {}, f"conversation {wanted}")
        row = job.fetcher.ask(request)
        if row.get("slug") != wanted:
            raise GoneError(request.about)
        yield Batch([row], is_dirty=True)

    @override
    def derive(self, row: Row) -> None:
        """The words for the codes, and the time of the newest change where the API omits it."""
        row["updated_at"] = changed_at(row)
        row["status_name"] = codes.word(codes.STATUS, row.get("status"))
        row["origin_name"] = codes.word(codes.ORIGIN, row.get("origin"))
        if isinstance(category := row.get("category"), dict):
            category["channel_name"] = codes.word(codes.CHANNEL, category.get("channel"))


def _tells_change(row: Row) -> bool:
    return bool(row.get("updated_at"))


STREAMS = (Conversations, Messages)
