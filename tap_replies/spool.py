"""What an account's feeds said, kept on disk until all of it is known."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tap_replies.reply import COLUMNS, reply_id
from tap_replies.times import moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import timedelta

    from tap_replies.feed import Reply

_TABLE = """
CREATE TABLE said (
    id TEXT, once TEXT, feed INTEGER, conversation TEXT, sent_at TEXT,
    is_whole INTEGER, begun_at TEXT, counted INTEGER, counted_to TEXT,
    is_unsure INTEGER, is_late INTEGER, is_second INTEGER, data BLOB,
    PRIMARY KEY (feed, id)
)
"""
_MARK_SECOND = """
UPDATE said SET is_second = 1 WHERE once IS NOT NULL AND EXISTS (
    SELECT 1 FROM said AS better WHERE better.once = said.once AND better.feed < said.feed
)
"""
_NAME_NEWEST = """
UPDATE said SET id = once WHERE (feed, id) IN (
    SELECT feed, id FROM (
        SELECT feed, id, ROW_NUMBER() OVER (
            PARTITION BY feed, once ORDER BY COALESCE(sent_at, '') DESC, id DESC
        ) AS place FROM said WHERE once IS NOT NULL
    ) WHERE place = 1
)
"""
_THREADS = """
CREATE TEMP TABLE thread AS SELECT
    conversation, feed, MIN(sent_at) AS first, MAX(is_whole) AS is_whole,
    MAX(begun_at) AS begun_at, MAX(counted) AS counted,
    SUM(counted_to IS NOT NULL AND sent_at <= counted_to) AS read
FROM said WHERE conversation IS NOT NULL GROUP BY conversation, feed
"""
_ORDERED = """
SELECT said.feed, said.id, said.conversation, said.sent_at, said.is_late, said.is_second, said.data,
    thread.first, thread.is_whole, thread.begun_at, thread.counted, thread.read
FROM said LEFT JOIN thread USING (conversation, feed)
ORDER BY said.conversation, said.feed, said.sent_at, said.id
"""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class Said(NamedTuple):
    """One reply as it lies in the spool, with what is known of its conversation."""

    feed: int
    reply_id: str
    conversation: str | None
    sent_at: str | None
    is_late: int
    """Whether it is wanted however old it is."""

    is_second: int
    """Whether an earlier feed tells the same."""

    encoded: bytes
    first: str | None
    was_whole: int | None
    begun_at: str | None
    counted: int | None
    read: int | None

    @property
    def data(self) -> dict[str, Any]:
        """What was said, and by whom, as its source tells it."""
        found: dict[str, Any] = _decode(self.encoded)
        return found

    def is_whole(self, lower: str | None, slack: timedelta) -> bool:
        """Whether the conversation was read from its beginning, by a reading from `lower` on."""
        if self.conversation is None or self.sent_at is None:
            return False
        if self.was_whole:
            return True
        if self.counted is not None:
            return (self.read or 0) >= self.counted
        if self.begun_at is not None:
            latest = moved(self.begun_at, slack)
            return self.begun_at >= (lower or "") and (self.first or "") <= latest
        return lower is None


class Spool:
    """The replies of one account, in a file that vanishes with the process at the latest."""

    def __init__(self) -> None:
        """Begin with none."""
        # An empty name is SQLite's for a file of its own, deleted when the connection is closed.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA temp_store = FILE")
        self._database.execute(_TABLE)
        self._database.execute("BEGIN")

    def add(
        self,
        source: str,
        feed: int,
        stream: str,
        replies: Iterable[tuple[str, Reply]],
        *,
        is_late: bool,
    ) -> int:
        """Keep what one feed said, each with its time; one that is known is replaced."""
        rows = [
            (*self._row(source, feed, stream, sent_at, reply), is_late, 0, self._data(reply))
            for sent_at, reply in replies
        ]
        statement = "INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        self._database.executemany(statement, rows)
        return len(rows)

    def __len__(self) -> int:
        """How many replies there are."""
        count: int = self._database.execute("SELECT COUNT(*) FROM said").fetchone()[0]
        return count

    def has_unsure(self) -> bool:
        """Whether any author's role depends on more than what the API says of the message."""
        return bool(self._database.execute("SELECT MAX(is_unsure) FROM said").fetchone()[0])

    def forget(self, feed: int) -> None:
        """Drop what one feed said."""
        self._database.execute("DELETE FROM said WHERE feed = ?", (feed,))

    def told(self) -> Iterator[Said]:
        """All replies, conversation by conversation, oldest first."""
        execute = self._database.execute
        execute("CREATE INDEX once ON said (once) WHERE once IS NOT NULL")
        execute(_MARK_SECOND)
        execute(_NAME_NEWEST)
        execute(_THREADS)
        execute("CREATE INDEX temp.by_conversation ON thread (conversation, feed)")
        for row in execute(_ORDERED):
            yield Said(*row)

    def close(self) -> None:
        """Delete all of it."""
        self._database.close()

    @staticmethod
    def _row(source: str, feed: int, stream: str, sent_at: str, reply: Reply) -> tuple[Any, ...]:
        counted, counted_to = reply.counted or (None, None)
        return (
            reply_id(source, stream, *reply.key),
            reply_id(source, *reply.once) if reply.once else None,
            feed,
            reply.conversation_id,
            sent_at,
            reply.is_whole,
            reply.begun_at,
            counted,
            counted_to,
            reply.role is None and reply.author_email is not None,
        )

    @staticmethod
    def _data(reply: Reply) -> bytes:
        names = (*COLUMNS, "role", "role_else", "is_held_back")
        return _encode({name: getattr(reply, name) for name in names})
