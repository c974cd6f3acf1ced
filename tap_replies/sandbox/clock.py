"""Moments as seconds since 1970, and the ways the two vendors write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

MINUTE = 60
HOUR = 3600
DAY = 86400
YEAR = 365 * DAY

_ZONES = {hours: timezone(timedelta(hours=hours)) for hours in range(-12, 15)}


def parse(text: str) -> float:
    """Read an ISO 8601 moment; one without a zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def parse_or_none(text: str | None) -> float | None:
    """Read a moment as a row holds it, where an unset one is empty or missing."""
    return parse(text) if text else None


def zoned(moment: float) -> str:
    """Write a moment as Mailchimp does today."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat()


def zoneless(moment: float) -> str:
    """Write a moment as Mailchimp did in 2015."""
    return datetime.fromtimestamp(int(moment), UTC).isoformat(" ")[:19]


def offset(moment: float, hours: int) -> str:
    """Write a moment as Re:amaze does: milliseconds, in the zone at that many hours from UTC."""
    text = datetime.fromtimestamp(moment, _ZONES[hours]).isoformat(timespec="milliseconds")
    return text[:-6] + "Z" if hours == 0 else text
