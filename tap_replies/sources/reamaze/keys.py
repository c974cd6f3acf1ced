"""What tells a message from all others: the API gives messages no id."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tap_replies.paging import Page
from tap_replies.scrub import fit_text
from tap_replies.sources.reamaze import codes
from tap_replies.times import EPOCH, utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tap_replies.known import Known
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


def keyed(
    pages: Iterable[Page],
    known: Known,
    again: Callable[[], Iterable[Page]],
    slug: str | None = None,
) -> Iterator[Page]:
    """The pages of one conversation, or of some time, each message with a key.

    A key leaves the body out, so that an edited message stays the same one. Messages that are
    alike in all the key is made of are numbered, all of one moment together: those of the moment
    that ends a page come with the next. Should one come late, all are read `again`, and those come
    again that have other keys then: a key must not depend on how the list moved.

    `known` is what was read of the pages' list, `slug` that of a conversation that was asked for.
    """
    keys, is_dirty = _Keys(slug), False
    given: set[int] = set()
    for page in pages:
        is_dirty |= page.is_dirty
        rows = keys.over(page.rows, known.alike)
        given.update(map(told, rows))
        yield replace(page, rows=rows, is_dirty=is_dirty)
    rows = keys.rest()
    if keys.is_late:
        keys, whole = _Keys(slug), list(again())
        is_dirty = any(page.is_dirty for page in whole)
        found = keys.rest(row for page in whole for row in page.rows)
        # What only the first reading has shown is told as it was then.
        by_key = {row["message_key"]: row for row in (*rows, *found)}
        rows = [row for row in by_key.values() if told(row) not in given]
    yield Page(rows, is_dirty, None, is_end=True)


def told(row: Row) -> int:
    """What a message says, by its key."""
    return hash((row["message_key"], str(row.get("body"))))


class _Keys:
    """Numbers messages that are alike."""

    def __init__(self, slug: str | None) -> None:
        # It is from another page than the rows are, which may be the only one with odd text.
        self._slug = fit_text(slug) if isinstance(slug, str) else slug
        self._alike: dict[str, tuple[int, int]] = {}
        """How many messages had a key, and in which turn they came."""

        self._turn = 0
        self._held: list[Row] = []
        self._last: list[str] = []
        self._orders = {False, True}
        """The orders in which the list may still be: oldest first, newest first."""

        self.is_late = False
        """Whether a message came when those that it is alike had been numbered."""

    def over(self, rows: list[Row], unsure: Iterable[Row]) -> list[Row]:
        """The next rows of the list, but not those of a moment of which more may come.

        Rows that are `unsure` may be given later, or not at all.
        """
        self._held += rows
        moments = [*self._last, *map(moment_of, rows)]
        self._orders = {each for each in self._orders if moments == sorted(moments, reverse=each)}
        self._last = moments[-1:]
        if not self._orders:  # of any moment more may come
            return []
        waiting = {*self._last, *map(moment_of, unsure)}
        over = [row for row in self._held if moment_of(row) not in waiting]
        self._held = [row for row in self._held if moment_of(row) in waiting]
        return self._filled(over)

    def rest(self, rows: Iterable[Row] = ()) -> list[Row]:
        """The rows that were not over before the list was, and the last ones."""
        return self._filled([*self._held, *rows])

    def _filled(self, rows: list[Row]) -> list[Row]:
        """The rows oldest first, each with what the API does not give."""
        self._turn += 1
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
        count, turn = self._alike.get(text, (0, self._turn))
        self.is_late |= turn != self._turn
        self._alike[text] = count + 1, self._turn
        if count:
            text += f"\x1f{count + 1}"
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _precise(created: Any) -> str:  # noqa: ANN401 - any JSON
    """The moment to the microsecond, whatever offset it is written with."""
    try:
        return str(datetime.fromisoformat(created).timestamp())
    except (TypeError, ValueError, OverflowError):
        return str(created)
