"""One Re:amaze brand: its credential, its tables, and what a tap should find in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox.account import Account
from tap_replies.sandbox.chance import hex_id
from tap_replies.sandbox.clock import parse, parse_or_none
from tap_replies.sandbox.reamaze import threads
from tap_replies.sandbox.reamaze.threads import Seed
from tap_replies.sandbox.table import Row, Table

if TYPE_CHECKING:
    from tap_replies.sandbox.sizes import Sizes

LOGIN = "staff@sandbox.example"


class ReamazeBrand(Account):
    """A Re:amaze brand with all its rows."""

    source = "reamaze"

    def __init__(self, seed: int, number: int, now: float, sizes: Sizes) -> None:
        """Declare the brand; rows are made when they are first asked for."""
        self.seed = Seed(seed, number, now, sizes)
        super().__init__("sandbox" if number == 0 else f"sandbox{number + 1}", _tables(self.seed))
        self.login = LOGIN
        self.api_token = hex_id(40, 5, number)

    def config(self, url: str) -> dict[str, str]:
        """Return the tap's settings for this brand, without their prefix."""
        return {
            "brand": self.name,
            "login": self.login,
            "api_token": self.api_token,
            "api_url": url,
        }

    def truth(self) -> dict[str, list[list[str]]]:
        """Return the keys a tap should emit, by stream; messages by conversation, time, place."""
        return {
            "reamaze_conversations": [[row["slug"]] for row in self.rows("conversations")],
            "reamaze_messages": [
                [row["conversation"]["slug"], row["created_at"], str(row["_place"])]
                for row in self.rows("messages")
            ],
        }


def _tables(seed: Seed) -> dict[str, Table]:
    return {
        "conversations": Table(
            lambda: threads.conversations(seed),
            key=lambda row: row["slug"],
            facts=_conversation_facts,
        ),
        "messages": Table(
            lambda: threads.messages(seed),
            key=_message_key,
            group=lambda row: row["conversation"]["slug"],
            facts=_message_facts,
        ),
    }


def _message_key(row: Row) -> tuple[str, ...]:
    # Messages have no id, and an author may write twice at one instant: count them instead.
    return row["conversation"]["slug"], str(row["_place"])


def _conversation_facts(row: Row) -> Row:
    author, said = row["author"] or {}, row["last_customer_message"]
    return {
        "status": row["status"],
        "created": parse(row["created_at"]),
        "changed": parse(row["updated_at"]),
        "updated": parse_or_none(said["created_at"]) if said else None,
        "assigned": row["assignee"] is not None,
        "tags": row["tag_list"],
        "category": row["category"]["slug"],
        "origin": str(row["origin"]),
        "data": row["data"],
        "people": {user["email"] for user in [author, *row["followers"]] if user.get("email")},
        "sso_id": (author.get("data") or {}).get("sso_id"),
    }


def _message_facts(row: Row) -> Row:
    user = row["user"] or {}
    return {
        "slug": row["conversation"]["slug"],
        "created": parse(row["created_at"]),
        "staff": bool(user.get("staff?")),
        "email": user.get("email"),
        "origin": str(row["origin"]),
        "visibility": str(row["visibility"]),
    }
