"""Moments in the one form in which they leave: `YYYY-MM-DDTHH:MM:SS.mmmZ`, which sorts as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import timedelta

EPOCH = "1970-01-01T00:00:00.000Z"
"""Stands for an unreadable time where the column is a key, which must not be null."""

MOST_KNOWN = 1000
_known: dict[str, str | None] = {}


def utc(text: Any) -> str | None:  # noqa: ANN401 - any JSON
    """A date-time in the form of all times, or None if it is none."""
    return utc_of(text) if isinstance(text, str) else None


def utc_of(text: str) -> str | None:
    """The same of a text; several columns of a row often hold one moment."""
    if text in _known:
        return _known[text]
    if len(_known) >= MOST_KNOWN:
        _known.clear()
    moment = _known[text] = _utc_of(text)
    return moment


def _utc_of(text: str) -> str | None:
    """A date-time in the form of all times.

    Without an offset it is taken as UTC: Mailchimp's old payloads carry none (Marketing API
    reference, the samples of the conversations and unsubscribed calls).
    """
    try:
        moment = datetime.fromisoformat(text)
        if text[4:17:3] == "--T::":  # to format it anew would take ten times as long
            if text[19:] == "+00:00":
                return text.replace("+00:00", ".000Z")
            if text[19:] in {"Z", ""}:
                return f"{text[:19]}.000Z"
            if text[19:20] == "." and text[23:] == "Z":
                return text
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        elif moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment.isoformat(timespec="milliseconds")[:23].rjust(23, "0") + "Z"


def utc_at(seconds: float) -> str:
    """A moment in seconds since 1970."""
    return utc(datetime.fromtimestamp(seconds, tz=UTC).isoformat()) or ""


def moved(moment: str, by: timedelta) -> str:
    """A moment, shifted; it stays within the years 1 to 9999."""
    try:
        return utc((datetime.fromisoformat(moment) + by).isoformat()) or moment
    except OverflowError:
        return moment
