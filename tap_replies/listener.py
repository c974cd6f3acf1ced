"""Takes what a stream reads for an account into the spool from which `replies` is made."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_replies.errors import TapRepliesError
    from tap_replies.feed import Feed
    from tap_replies.job import Job
    from tap_replies.spool import Spool

    Record = dict[str, Any]


class Listener:
    """Hears one reading of a feed; afterwards it tells what came of it."""

    def __init__(self, feed: Feed, place: int, job: Job, spool: Spool) -> None:
        """Prepare; `place` is that of the feed among those of its source."""
        self.feed = feed
        self.place = place
        self.error: TapRepliesError | None = None
        self.state: dict[str, Any] | None = None
        """What the feed's own state was after a whole reading."""

        self.heard = 0
        self._job = job
        self._spool = spool
        self._source = job.connection.account.source.name

    @property
    def lower(self) -> str | None:
        """Where the reading began; None if it was at the very beginning."""
        return self._job.lower

    @property
    def upper(self) -> str | None:
        """Where the reading ended."""
        return self._job.reading.upper if self._job.reading else None

    @property
    def is_partial(self) -> bool:
        """Whether all was read but what the account may not read."""
        return bool(self.heard) and self.error is not None and self.error is self._job.refused

    def hear(
        self, records: Sequence[Record], about: Mapping[str, Any], *, is_late: bool = False
    ) -> None:
        """Keep what the records say; `about` is known of the object that they belong to.

        Those that are late are wanted whatever their moment.
        """
        moment, reply = self.feed.stream.replication_key, self.feed.reply
        found = (
            (said.sent_at or record[moment], said)
            for record in records
            if (said := reply(record, about))
        )
        stream = self.feed.stream.name
        self.heard += self._spool.add(self._source, self.place, stream, found, is_late=is_late)

    def end(self) -> None:
        """The reading was whole."""
        self.state = copy.deepcopy(own_state(self._job.state))


def own_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """What the state of a stream says of how far it was read, and how, but not of its records."""
    left_out = ("context", "replication_key", "overlap")
    return {name: value for name, value in state.items() if name not in left_out}
