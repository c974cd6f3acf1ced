"""What Mailchimp's rows say to `replies`."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from tap_replies.feed import CUSTOMER, REASON, STAFF, UNKNOWN, Feed, Feeds, Reply
from tap_replies.paging import Collection
from tap_replies.source import Request
from tap_replies.sources.mailchimp.client import PAGING
from tap_replies.sources.mailchimp.streams import ConversationMessages
from tap_replies.sources.mailchimp.unsubscribes import ListUnsubscribes, Unsubscribes
from tap_replies.sources.mailchimp.written import MemberActivity, SurveyResponses
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tap_replies.fetch import Fetcher

    Record = Mapping[str, Any]

NO_REASONS = ("none given", "n/a")
"""How Mailchimp's own words begin where nobody gave a reason, as for those an admin took off."""


def message(record: Record, thread: Record) -> Reply:
    """A message of a thread; whoever began the thread answered a campaign."""
    sender, began = (_bare(each.get("from_email")) for each in (record, thread))
    count, newest = thread.get("message_count"), thread.get("last_message_at")
    return Reply(
        key=(record["conversation_id"], record["id"]),
        once=_told_once(record["conversation_id"], record["timestamp"]),
        conversation_id=record["conversation_id"],
        counted=None if count is None or newest is None else (count, newest),
        role_else=CUSTOMER if sender and sender == began else UNKNOWN,
        subject=record["subject"],
        channel="email",
        author_name=record["from_label"],
        author_email=record["from_email"],
        body=record["message"],
        campaign_id=thread.get("campaign_id"),
        list_id=thread.get("list_id"),
        is_read=record["read"],
    )


def activity(record: Record, _: Record) -> Reply | None:
    """A message that a contact's feed shows; surveys have a stream of their own."""
    if record["activity_type"] != "conversation" or not record["message_text"]:
        return None
    return Reply(
        key=(record["list_id"], record["email_id"], record["activity_key"]),
        sent_at=record["created_at_timestamp"],
        once=_told_once(record["thread_id"], record["created_at_timestamp"]),
        role={True: STAFF, False: CUSTOMER}.get(record["is_user"]),
        channel="email",
        author_name=record["created_by"],
        author_email=record["from_email"],
        body=record["message_text"],
        campaign_id=record["campaign_id"],
        list_id=record["list_id"],
        is_read=record["has_read"],
    )


def survey_response(record: Record, _: Record) -> Reply | None:
    """What somebody wrote in a survey, with the questions; None if they only chose."""
    contact = record["contact"] or {}
    written = [
        f"{each.get('query') or ''}\n{each['answer']}".strip()
        for each in record["results"] or ()
        if each.get("question_type") == "text" and each.get("answer")
    ]
    if not written:
        return None
    return Reply(
        key=(record["survey_id"], record["response_id"]),
        role=CUSTOMER,
        subject=record["survey_title"],
        channel="survey",
        author_name=contact.get("full_name"),
        author_email=contact.get("email"),
        author_key=contact.get("email_id"),
        body="\n\n".join(written),
    )


def _told_once(thread: str | None, moment: str | None) -> tuple[Any, ...] | None:
    """What tells a message in both places that show it: in its thread, and in its author's feed."""
    return ("message", thread, moment) if thread and moment else None


def opt_out(record: Record, _: Record) -> Reply | None:
    """Why somebody left because of something that was sent; None where they did not say."""
    if not _is_reason(record["reason"]):
        return None
    return Reply(
        key=(record["campaign_id"], record["email_id"], record["timestamp"]),
        once=("opt-out", record["list_id"], record["email_id"]),
        kind=REASON,
        role=CUSTOMER,
        author_email=record["email_address"],
        author_key=record["email_id"],
        body=record["reason"],
        campaign_id=record["campaign_id"],
        list_id=record["list_id"],
    )


def list_opt_out(record: Record, _: Record) -> Reply | None:
    """Why somebody left an audience; None where they did not say."""
    if not _is_reason(record["unsubscribe_reason"]):
        return None
    names = (tag.get("name") for tag in record["tags"] or ())
    return Reply(
        key=(record["list_id"], record["id"]),
        once=("opt-out", record["list_id"], record["id"]),
        kind=REASON,
        role=CUSTOMER,
        author_name=record["full_name"],
        author_email=record["email_address"],
        author_key=record["id"],
        body=record["unsubscribe_reason"],
        list_id=record["list_id"],
        tags=[name for name in names if name],
    )


def staff(fetcher: Fetcher) -> Iterator[str]:
    """The addresses to which the answers to the newest 1,000 campaigns went; one request.

    Source: API reference, "Campaigns", `settings.reply_to`.
    """
    fields = "campaigns.id,campaigns.settings.reply_to,total_items"
    params = {"fields": fields, "sort_field": "create_time", "sort_dir": "DESC"}
    request = Request("/campaigns", params, "the campaigns' reply-to addresses")
    collection = Collection(request, "campaigns", PAGING, itemgetter("id"))
    first, _ = Walk(fetcher, collection).ends(last=False)
    for campaign in first.rows:
        settings = campaign.get("settings") if isinstance(campaign, dict) else None
        address = settings.get("reply_to") if isinstance(settings, dict) else None
        if isinstance(address, str):
            yield address


def _is_reason(text: str | None) -> bool:
    known = (text or "").strip().lower()
    return bool(known) and not known.startswith(NO_REASONS)


def _bare(address: str | None) -> str:
    return (address or "").strip().lower()


FEEDS = Feeds(
    (
        Feed(
            ConversationMessages,
            (
                "conversation_id",
                "id",
                "from_label",
                "from_email",
                "subject",
                "message",
                "read",
                "timestamp",
            ),
            message,
        ),
        Feed(
            Unsubscribes,
            ("campaign_id", "email_id", "timestamp", "email_address", "reason", "list_id"),
            opt_out,
        ),
        Feed(
            ListUnsubscribes,
            (
                "list_id",
                "id",
                "full_name",
                "email_address",
                "unsubscribe_reason",
                "tags",
                "last_changed",
            ),
            list_opt_out,
        ),
        Feed(
            MemberActivity,
            (
                "list_id",
                "email_id",
                "activity_key",
                "activity_type",
                "created_at_timestamp",
                "member_last_changed",
                "thread_id",
                "message_text",
                "from_email",
                "created_by",
                "has_read",
                "is_user",
                "campaign_id",
            ),
            activity,
            is_late=True,
            is_optional=True,
        ),
        Feed(
            SurveyResponses,
            ("survey_id", "response_id", "survey_title", "submitted_at", "contact", "results"),
            survey_response,
            is_optional=True,
        ),
    ),
    staff,
)
"""A campaign's opt-outs stand before those of audiences: they say what made somebody leave."""
