"""A row of `replies`: its id, its author, its direction and its text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tap_replies.feed import BOT, CUSTOMER, INBOUND, INTERNAL, NOTE, OUTBOUND, STAFF, UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

COLUMNS = (
    "kind",
    "conversation_id",
    "subject",
    "channel",
    "channel_code",
    "author_name",
    "author_email",
    "author_key",
    "body",
    "campaign_id",
    "list_id",
    "tags",
    "is_read",
)
"""What goes into the row as the source tells it."""


def reply_id(*key: object) -> str:
    """A text of constant length for whatever tells a reply from all others."""
    text = "\x1f".join(map(str, key))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def bare(address: str | None) -> str | None:
    """An address as it is compared: trimmed and in lower case; None where there is none."""
    return (address or "").strip().lower() or None


def author_key(address: str | None) -> str | None:
    """The MD5 of an address, the same in all sources."""
    known = bare(address)
    return hashlib.md5(known.encode(), usedforsecurity=False).hexdigest() if known else None


def domain(address: str | None) -> str | None:
    """What follows the last @ of an address."""
    return (bare(address) or "").rpartition("@")[2] or None if "@" in (address or "") else None


@dataclass(frozen=True, slots=True)
class Authors:
    """Who is who, beyond what an API says of a message itself."""

    staff: Collection[str | None]
    """Addresses, in lower case."""

    staff_domains: Collection[str | None]
    system_senders: Sequence[str]
    """Addresses, in which `*` stands for anything."""

    def role(self, told: str | None, otherwise: str, address: str | None) -> str:
        """Who wrote: as the API says, else the staff list, the settings, the API's default."""
        known = bare(address)
        if told is not None or known is None:
            return told or otherwise
        if known in self.staff:
            return STAFF
        if self._is_system(known):
            return BOT
        return STAFF if domain(known) in self.staff_domains else otherwise

    def direction(self, said: Mapping[str, Any], role: str) -> str | None:
        """Which way it went; None where that depends on an unknown author.

        What a system sender wrote came in, unless its address is one of the company.
        """
        if said["kind"] == NOTE or (said["is_held_back"] and role != CUSTOMER):
            return INTERNAL
        if role == UNKNOWN:
            return None
        is_outside = said["role"] is None and role == BOT and not self._is_own(said)
        return INBOUND if role == CUSTOMER or is_outside else OUTBOUND

    def _is_own(self, said: Mapping[str, Any]) -> bool:
        address = said["author_email"]
        return bare(address) in self.staff or domain(address) in self.staff_domains

    def _is_system(self, address: str) -> bool:
        return any(fnmatchcase(address, pattern) for pattern in self.system_senders)


def texts(body: str | None) -> dict[str, Any]:
    """The columns that are made of the body."""
    from tap_replies.text import new_part, plain_text  # noqa: PLC0415 - many runs tell no replies

    text = plain_text(body)
    if text is None:
        return {"body_text": None, "body_new": None, "quote_stripped": None}
    part = new_part(text)
    return {"body_text": text, "body_new": part.text, "quote_stripped": part.is_stripped}
