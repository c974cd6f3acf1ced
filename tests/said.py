"""What the sandbox's accounts hold for `replies`, and letters to add to them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from support import Record

    from tap_replies.sandbox import Sandbox

NO_REASON = ("", "None given", "N/A (Unsubscribed by admin)")
AGENTS = "news@sandbox.example"
"""The address to which answers to the sandbox's campaigns go."""

Kind = tuple[str, str, str, str]
"""Source, kind, role of the author, direction."""

ROLES = {"customer": "inbound", "staff": "outbound", "bot": "outbound"}


def truth(sandbox: Sandbox, *, notes: bool = False) -> Counter[Kind]:
    """How many rows of each kind `replies` should have, of all accounts."""
    found: Counter[Kind] = Counter()
    for account in sandbox.world.mailchimp:
        for row in account.rows("messages"):
            role = "staff" if row["from_email"] == AGENTS else "customer"
            found["mailchimp", "message", role, ROLES[role]] += 1
        told = {
            (row["campaign_id"], row["email_id"], row["timestamp"]): (
                row["list_id"],
                row["email_id"],
            )
            for row in account.rows("unsubscribes")
            if row["reason"] not in NO_REASON
        }
        left = {
            (row["list_id"], row["id"])
            for row in account.rows("members")
            if row["status"] == "unsubscribed" and row["unsubscribe_reason"] not in NO_REASON
        }
        reasons = len(told) + len(left - set(told.values()))
        found["mailchimp", "unsubscribe_reason", "customer", "inbound"] += reasons
    for brand in sandbox.world.reamaze:
        for row in brand.rows("messages"):
            user = row["user"]
            role = "bot" if user.get("bot?") else "staff" if user["staff?"] else "customer"
            if row["visibility"] == 1 and not notes:
                continue
            kind = "note" if row["visibility"] == 1 else "message"
            direction = "internal" if row["visibility"] else ROLES[role]
            found["reamaze", kind, role, direction] += 1
    return found


def kinds(rows: list[Record]) -> Counter[Kind]:
    """The same of records."""
    return Counter(
        (row["source"], row["kind"], row["author_role"], row["direction"]) for row in rows
    )


def at(seconds: float) -> str:
    """A moment in milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def conversation(slug: str, begun: str) -> dict[str, Any]:
    """A conversation of Re:amaze without messages."""
    row = {"slug": slug, "created_at": begun, "updated_at": begun, "message_count": 0}
    return {"op": "insert", "collection": "reamaze.conversations", "row": row}


def letter(  # noqa: PLR0913 - what a message is made of
    slug: str,
    place: int,
    moment: str,
    begun: str,
    user: dict[str, Any],
    *,
    visibility: int = 0,
    **row: object,
) -> dict[str, Any]:
    """A message of Re:amaze, to insert."""
    own = {
        "_place": place,
        "conversation": {"slug": slug, "created_at": begun, "subject": "Lamp", "followers": []},
        "created_at": moment,
        "user": user,
        "visibility": visibility,
        "origin": 1,
        "origin_id": f"{slug}-{place}",
        "body": f"<p>Letter {place}.</p>",
    }
    return {"op": "insert", "collection": "reamaze.messages", "row": own | row}
