"""Re:amaze: its settings and what the tap needs to know of the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.source import Setting, Source
from tap_replies.sources.reamaze.client import ReamazeApi, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_replies.feed import Feeds
    from tap_replies.stream import ApiStream


def _streams() -> Sequence[type[ApiStream]]:
    from tap_replies.sources.reamaze.streams import STREAMS  # noqa: PLC0415 - not for settings

    return STREAMS


def _feeds() -> Feeds:
    from tap_replies.sources.reamaze.replies import FEEDS  # noqa: PLC0415 - not for settings

    return FEEDS


SOURCE = Source(
    name="reamaze",
    title="Re:amaze",
    account_settings=(
        Setting(
            "brand",
            "string",
            "Brand: the first part of `<brand>.reamaze.io`; that host or its URL is taken too.",
        ),
        Setting("login", "string", "E-mail address with which the staff member logs in."),
        Setting("api_token", "string", "API token of that staff member.", secret=True),
        Setting(
            "api_url",
            "string",
            "Another address than `https://<brand>.reamaze.io`: a proxy or the sandbox.",
        ),
        Setting(
            "filters",
            "object",
            "Which conversations to list: `filter` (default `all`, archived ones too), `for`, "
            "`for_id`, `tag`, `category`, `origin`, `data` (an object), `start_date`, `end_date` "
            "(of the latest customer message), and `sort` for the first run.",
        ),
    ),
    settings=(
        Setting(
            "reamaze_messages_from",
            "string",
            "How messages are read: `brand` (windows of the brand-wide list), `conversations` "
            "(thread by thread), or `auto` (the first as long as it holds all that threads hold).",
            default="auto",
            allowed=("auto", "brand", "conversations"),
        ),
    ),
    needs=(("brand",), ("login",), ("api_token",)),
    most_connections=None,
    check=check,
    connect=ReamazeApi,
    streams=_streams,
    feeds=_feeds,
)
