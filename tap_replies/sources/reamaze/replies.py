"""What Re:amaze's rows say to `replies`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_replies.feed import BOT, CUSTOMER, MESSAGE, NOTE, STAFF, UNKNOWN, Feed, Feeds, Reply
from tap_replies.paging import Collection
from tap_replies.source import Request
from tap_replies.sources.reamaze.client import PAGING
from tap_replies.sources.reamaze.messages import Messages
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_replies.fetch import Fetcher
    from tap_replies.source import Row

    Record = Mapping[str, Any]

INTERNAL_NOTE, COLLISION = 1, 2


def message(record: Record, thread: Record) -> Reply:
    """A message of a conversation.

    A collision (visibility 2) is an answer that Re:amaze held back because somebody else had just
    answered. It is a message that somebody wrote, but nobody outside has seen it, so it counts as
    internal and answers nothing.
    """
    conversation = record["conversation"] or {}
    user = record["user"] or {}
    code = record["origin"]
    return Reply(
        key=(record["message_key"],),
        kind=NOTE if record["visibility"] == INTERNAL_NOTE else MESSAGE,
        is_held_back=record["visibility"] == COLLISION,
        role=_told(user, conversation),
        role_else=CUSTOMER if user.get("is_staff") is False or _is_customer(user) else UNKNOWN,
        conversation_id=record["conversation_slug"],
        is_whole=thread.get("is_whole", False),
        begun_at=conversation.get("created_at"),
        subject=conversation.get("subject"),
        channel=record["origin_name"] or (None if code is None else str(code)),
        channel_code=None if code is None else str(code),
        author_name=user.get("name"),
        author_email=user.get("email"),
        body=record["body"],
    )


def _is_customer(user: Record) -> bool:
    return user.get("is_customer") is True


def _told(user: Record, conversation: Record) -> str | None:
    """Bot or staff, where a flag says so.

    Messages flag staff only, but those who follow the conversation are flagged as bots too.
    Source: Re:amaze API documentation, "Retrieving Messages"; flags of followers as seen in
    answers.
    """
    if user.get("is_bot") or _follows_as_bot(user, conversation):
        return BOT
    return STAFF if user.get("is_staff") else None


def _follows_as_bot(user: Record, conversation: Record) -> bool:
    identity = (user.get("name"), user.get("email"))
    return any(identity) and any(
        each.get("is_bot") and (each.get("name"), each.get("email")) == identity
        for each in conversation.get("followers") or ()
    )


def staff(fetcher: Fetcher) -> Iterator[str]:
    """The addresses of the account's staff, private ones for notifications too.

    Source: Re:amaze API documentation, "Retrieving Staff".
    """
    request = Request("/staff", {}, "the list of staff")
    for page in Walk(fetcher, Collection(request, "staff", PAGING, _addresses)):
        for person in page.rows:
            yield from (each for each in _addresses(person) if isinstance(each, str))


def _addresses(person: Row) -> tuple[Any, ...]:
    return person.get("email"), person.get("notification_email")


FEEDS = Feeds(
    (
        Feed(
            Messages,
            (
                "message_key",
                "conversation_slug",
                "body",
                "visibility",
                "origin",
                "origin_name",
                "created_at",
                "user",
                "conversation",
            ),
            message,
        ),
    ),
    staff,
)
