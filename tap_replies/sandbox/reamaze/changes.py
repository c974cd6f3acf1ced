"""Changes of a Re:amaze brand that touch several rows and leave them consistent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox.chance import hex_id
from tap_replies.sandbox.clock import offset
from tap_replies.sandbox.reamaze import threads

if TYPE_CHECKING:
    from tap_replies.sandbox.reamaze.brand import ReamazeBrand
    from tap_replies.sandbox.table import Key, Row

_ARCHIVED = 4


def reamaze_change(brand: ReamazeBrand, op: str, key: Key | None, when: float, row: Row) -> None:
    """Apply `new_message`, `new_conversation`, `archive` or `remove`; `row` overrides fields."""
    at = offset(when, 0)
    if op == "new_message":
        _new_message(brand, str(key), at, row)
    elif op == "new_conversation":
        _new_conversation(brand, key, at, row)
    elif op == "archive":
        changes = {"status": _ARCHIVED, "readOnly": True, "updated_at": at, **row}
        brand.change("update", "conversations", str(key), changes)
    elif op == "remove":
        for entry in list(brand["messages"].members(str(key))):
            brand.change("delete", "messages", entry.key, {})
        brand.change("delete", "conversations", str(key), {})
    else:
        raise ValueError(f"Re:amaze has no change {op}")


def _new_message(brand: ReamazeBrand, slug: str, at: str, row: Row) -> None:
    entry = brand["conversations"].get(slug)
    if entry is None:
        raise KeyError(slug)
    conversation = entry.row
    count = conversation["message_count"]
    author = conversation["author"] or threads.staff(0)
    staff_started = conversation["last_customer_message"] is None and count > 0
    message = {
        "_place": count,
        "body": f"<p>One more thing ({count + 1}).</p>",
        "original_body": "<p>One more thing</p>",
        "visibility": 0,
        "origin": conversation["origin"],
        "origin_id": None,
        "created_at": at,
        "user": {
            **{name: author[name] for name in ("name", "email", "mobile")},
            "staff?": staff_started,
        },
        "recipients": [],
        "direct_recipients": [],
        "attachments": [],
        "conversation": {
            name: conversation[name] for name in ("subject", "slug", "created_at", "followers")
        }
        | {"category": {"id": 40, **conversation["category"]}},
    } | row
    brand.change("insert", "messages", None, message)
    who = "last_staff_message" if message["user"].get("staff?") else "last_customer_message"
    changes = {"message_count": count + 1, "updated_at": at}
    if message["visibility"] == 0:
        changes[who] = {"body": message["body"], "created_at": message["created_at"]}
    brand.change("update", "conversations", slug, changes)


def _new_conversation(brand: ReamazeBrand, key: Key | None, at: str, row: Row) -> None:
    slug = str(key) if key else f"new-thread-{hex_id(8, len(brand['conversations']))}"
    template = next(brand.rows("conversations"), None)
    if template is None:
        raise ValueError("new_conversation needs a conversation to follow")
    conversation = {
        **template,
        "slug": slug,
        "status": 0,
        "created_at": at,
        "updated_at": at,
        "hold_until": None,
        "message": {"body": "<p>One more thing (1).</p>", "created_at": at, "origin_id": None},
        "last_customer_message": None,
        "last_staff_message": None,
        "message_count": 0,
        "readOnly": False,
    } | row
    brand.change("insert", "conversations", None, conversation)
    _new_message(brand, slug, at, {})
