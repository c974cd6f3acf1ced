"""Changes of a Mailchimp account that touch several rows and leave them consistent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox import people
from tap_replies.sandbox.chance import hex_id
from tap_replies.sandbox.clock import zoned

if TYPE_CHECKING:
    from tap_replies.sandbox.mailchimp.account import MailchimpAccount
    from tap_replies.sandbox.table import Key, Row

_SHOWN = ("from_label", "from_email", "subject", "message", "read", "timestamp")


def mailchimp_change(
    account: MailchimpAccount, op: str, key: Key | None, when: float, row: Row
) -> None:
    """Apply `new_message`, `new_conversation` or `new_unsubscribe`; `row` overrides fields."""
    if op == "new_message":
        _new_message(account, str(key), when, row)
    elif op == "new_conversation":
        _new_conversation(account, key, when, row)
    elif op == "new_unsubscribe":
        _new_unsubscribe(account, str(key), when, row)
    else:
        raise ValueError(f"Mailchimp has no change {op}")


def _new_message(account: MailchimpAccount, thread: str, when: float, row: Row) -> None:
    entry = account["conversations"].get(thread)
    if entry is None:
        raise KeyError(thread)
    conversation = entry.row
    count = conversation["message_count"]
    webs = {audience["id"]: audience["web_id"] for audience in account.rows("lists")}
    message = {
        "id": str(10_001 + count),
        "conversation_id": thread,
        "list_id": webs.get(conversation["list_id"], 0),
        "from_label": conversation["from_label"],
        "from_email": conversation["from_email"],
        "subject": f"Re: {conversation['subject']}",
        "message": f"One more thing ({count + 1}).",
        "read": False,
        "timestamp": zoned(when),
    } | row
    account.change("insert", "messages", None, message)
    changes = {
        "message_count": count + 1,
        "unread_messages": conversation["unread_messages"] + (not message["read"]),
        "last_message": {name: message[name] for name in _SHOWN},
    }
    account.change("update", "conversations", thread, changes)


def _new_conversation(account: MailchimpAccount, key: Key | None, when: float, row: Row) -> None:
    thread = str(key) if key else hex_id(10, 6, len(account["conversations"]), int(when))
    campaign = next(account.rows("campaigns"), None)
    writer = people.person(account.seed.seed, len(account["conversations"]))
    conversation = {
        "id": thread,
        "message_count": 0,
        "campaign_id": campaign["id"] if campaign else "",
        "list_id": campaign["recipients"]["list_id"] if campaign else "",
        "unread_messages": 0,
        "from_label": writer.name,
        "from_email": writer.email,
        "subject": "A new thread",
        "last_message": {"timestamp": zoned(when)},
    } | row
    account.change("insert", "conversations", None, conversation)
    _new_message(account, thread, when, {"subject": conversation["subject"]})


def _new_unsubscribe(account: MailchimpAccount, campaign: str, when: float, row: Row) -> None:
    report = account["reports"].get(campaign)
    if report is None:
        raise KeyError(campaign)
    number = 500_000 + len(account["unsubscribes"])
    someone = people.person(account.seed.seed, number)
    left = {
        "email_id": someone.hash,
        "email_address": someone.email,
        "merge_fields": {"FNAME": someone.first, "LNAME": someone.last},
        "vip": False,
        "timestamp": zoned(when),
        "reason": "None given",
        "campaign_id": campaign,
        "list_id": report.row["list_id"],
        "list_is_active": True,
    } | row
    account.change("insert", "unsubscribes", None, left)
    count = report.row["unsubscribed"] + 1
    account.change("update", "reports", campaign, {"unsubscribed": count})
    if audience := account["lists"].get(left["list_id"]):
        stats = audience.row["stats"]
        moved = {
            "unsubscribe_count": stats["unsubscribe_count"] + 1,
            "last_unsub_date": max(stats["last_unsub_date"], str(left["timestamp"])),
        }
        account.change("update", "lists", left["list_id"], {"stats": stats | moved})
