"""The stream `accounts`: one row per account, so that there is always something to load."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from tap_replies.job import Batch, Job
from tap_replies.stream import ApiStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.run import Connection


class Accounts(ApiStream):
    """One row per configured account: whether it can be read, and who it is."""

    name = "accounts"
    primary_keys = ("account_id", "source")

    @override
    def connections(self) -> list[Connection]:
        """All accounts, those that cannot be read too."""
        self.run.open()
        return self.run.connections()

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """What the account's first request told."""
        connection = job.connection
        row = {
            "source": connection.account.source.name,
            "is_reachable": connection.problem is None,
            "problem": connection.problem,
            "newest_reply_at": self._newest_reply(job.account_id, connection),
            "checked_at": self.run.now(),
        }
        if connection.problem is None:
            profile = connection.profile
            row |= {"name": profile.name, "plan": profile.plan, "role": profile.role}
        yield Batch([row], is_dirty=True)

    def _newest_reply(self, account_id: str, connection: Connection) -> str | None:
        """The newest reply up to which the account was read by the runs before this one."""
        bookmarks = self.tap_state.get("bookmarks", {})
        found = [
            partition.get("replication_key_value")
            for stream in self._tap.streams.values()
            if isinstance(stream, ApiStream)
            and stream.holds_replies
            and stream.source is connection.account.source
            for partition in bookmarks.get(stream.name, {}).get("partitions", [])
            if partition["context"].get("account_id") == account_id
        ]
        return max(filter(None, found), default=None)
