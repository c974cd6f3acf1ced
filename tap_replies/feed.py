"""What a source says of the rows from which `replies` is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tap_replies.fetch import Fetcher

MESSAGE, NOTE, REASON = "message", "note", "unsubscribe_reason"
CUSTOMER, STAFF, BOT, UNKNOWN = "customer", "staff", "bot", "unknown"
INBOUND, OUTBOUND, INTERNAL = "inbound", "outbound", "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One thing that was said, as its source tells it."""

    key: tuple[Any, ...]
    """What tells it from all others of its feed, whatever is edited."""

    once: tuple[Any, ...] | None = None
    """What tells it from all others of its source, where several feeds may tell the same."""

    sent_at: str | None = None
    """When it was written, if the feed is read by another date."""

    kind: str = MESSAGE
    role: str | None = None
    """Who wrote it, where the API says so."""

    role_else: str = UNKNOWN
    """Who wrote it, if no list of staff and no setting knows better."""

    is_held_back: bool = False
    """Whether a customer did not get to see it, although it is no note."""

    conversation_id: str | None = None
    is_whole: bool = False
    """Whether the conversation is read from its beginning in any case."""

    begun_at: str | None = None
    """When the conversation began, where the API says so."""

    counted: tuple[int, str] | None = None
    """How many messages the conversation had, and when the newest of them was written."""

    subject: str | None = None
    channel: str | None = None
    channel_code: str | None = None
    author_name: str | None = None
    author_email: str | None = None
    author_key: str | None = None
    """The MD5 of the address, where the API gives that instead."""

    body: str | None = None
    campaign_id: str | None = None
    list_id: str | None = None
    tags: list[str] | None = None
    is_read: bool | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A raw stream that holds replies; the date by which it is read is when each was written."""

    stream: type[Any]
    columns: tuple[str, ...]
    """The columns that `reply` looks at."""

    reply: Callable[[Mapping[str, Any], Mapping[str, Any]], Reply | None]
    """What a record says, and what is known of the object that it belongs to; None if nothing."""

    is_late: bool = False
    """Whether it may tell what is older than what it told before."""

    is_optional: bool = False
    """Whether it is heard only where its own stream is selected."""


@dataclass(frozen=True, slots=True)
class Feeds:
    """The feeds of a source; where several tell the same, an earlier one counts more."""

    feeds: tuple[Feed, ...] = ()
    staff: Callable[[Fetcher], Iterable[str]] = lambda _: ()
    """The addresses of the account's staff, by few requests."""
