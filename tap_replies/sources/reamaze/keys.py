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


def keyed(rows: list[Row], slug: str | None = None) -> list[Row]:
    """The rows oldest first, each with a key, since the API gives messages none.

    The key leaves the body out, so that an edited message stays the same one. Messages that
    are alike in all the key is made of are numbered; all of one moment must be among the rows.
    """
    rows.sort(key=lambda row: (moment_of(row), str(row.get("body"))))
    alike: Counter[str] = Counter()
    # It is from another page than the rows are, which may be the only one with odd text.
    listed = fit_text(slug) if isinstance(slug, str) else slug
    for row in rows:
        own = _slug(row) or listed
        created, *rest = _identity(row, own)[1:]
        text = "\x1f".join(map(str, (own, _precise(created), *rest)))
        alike[text] += 1
        if alike[text] > 1:
            text += f"\x1f{alike[text]}"
        row["message_key"] = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
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


def _precise(created: Any) -> str:  # noqa: ANN401 - any JSON
    """The moment to the microsecond, whatever offset it is written with."""
    try:
        return str(datetime.fromisoformat(created).timestamp())
    except (TypeError, ValueError, OverflowError):
        return str(created)
