"""What tells a message from all others: the API gives messages no id."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tap_replies.scrub import fit_text
from tap_replies.sources.reamaze import codes
from tap_replies.times import EPOCH, utc

if TYPE_CHECKING:
    from tap_replies.source import Row


def moment_of(row: Row) -> str:
    """When a message was made, in the form of a bookmark."""
    return utc(row.get("created_at") or "") or EPOCH


def _slug(row: Row) -> str | None:
    conversation = row.get("conversation")
    slug = conversation.get("slug") if isinstance(conversation, dict) else None
    return slug if isinstance(slug, str) else None


def content(row: Row) -> tuple[Any, ...]:
    """What tells two messages of one moment apart while a list is read."""
    told = (*_identity(row, _slug(row)), row.get("body"))
    try:
        hash(told)
    except TypeError:  # where a text should be there is an object
        return tuple(map(str, told))
    return told


def _identity(row: Row, slug: str | None) -> tuple[Any, ...]:
    user = row.get("user")
    user = user if isinstance(user, dict) else {}
    sender = user.get("email") or user.get("mobile") or user.get("name")
    names = ("origin", "origin_id", "visibility")
    return (slug, row.get("created_at"), sender, *(row.get(name) for name in names))


class Keys:
    """Keys for the messages of one conversation, or of some time, since the API gives them none.

    A key leaves the body out, so that an edited message stays the same one. Messages that are
    alike in all the key is made of are numbered as they come; all of one moment must come here.
    """

    def __init__(self, slug: str | None = None) -> None:
        """Begin with none; `slug` is that of the conversation that was asked for."""
        # It is from another page than the rows are, which may be the only one with odd text.
        self._slug = fit_text(slug) if isinstance(slug, str) else slug
        self._alike: Counter[str] = Counter()

    def keyed(self, rows: list[Row]) -> list[Row]:
        """The next rows, each with its key, oldest first."""
        # The order of those of one moment is not documented.
        rows.sort(key=lambda row: (moment_of(row), str(row.get("body"))))
        for row in rows:
            own = _slug(row) or self._slug
            row["message_key"] = self._key(row, own)
            body = row.get("body")
            if body and isinstance(body, str):
                digest = hashlib.sha256(body.encode("utf-8", "surrogatepass"))
                row["body_sha256"] = digest.hexdigest()
            row["conversation_slug"] = own
            row["origin_name"] = codes.word(codes.ORIGIN, row.get("origin"))
            row["visibility_name"] = codes.word(codes.VISIBILITY, row.get("visibility"))
            conversation = row.get("conversation")
            category = conversation.get("category") if isinstance(conversation, dict) else None
            if isinstance(category, dict):
                category["channel_name"] = codes.word(codes.CHANNEL, category.get("channel"))
        return rows

    def _key(self, row: Row, slug: str | None) -> str:
        created, *rest = _identity(row, slug)[1:]
        text = "\x1f".join(map(str, (slug, _precise(created), *rest)))
        self._alike[text] += 1
        if self._alike[text] > 1:
            text += f"\x1f{self._alike[text]}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _precise(created: Any) -> str:  # noqa: ANN401 - any JSON
    """The moment to the microsecond, whatever offset it is written with."""
    try:
        return str(datetime.fromisoformat(created).timestamp())
    except (TypeError, ValueError, OverflowError):
        return str(created)
