"""Mailchimp: its settings and what the tap needs to know of the vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.source import Setting, Source
from tap_replies.sources.mailchimp.client import MailchimpApi, check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_replies.feed import Feeds
    from tap_replies.stream import ApiStream


def _streams() -> Sequence[type[ApiStream]]:
    from tap_replies.sources.mailchimp.streams import STREAMS  # noqa: PLC0415 - not for settings
    from tap_replies.sources.mailchimp.written import (  # noqa: PLC0415 - the same
        MemberActivity,
        SurveyResponses,
    )

    return (*STREAMS, SurveyResponses, MemberActivity)


def _feeds() -> Feeds:
    from tap_replies.sources.mailchimp.replies import FEEDS  # noqa: PLC0415 - not for settings

    return FEEDS


SOURCE = Source(
    name="mailchimp",
    title="Mailchimp",
    account_settings=(
        Setting("api_key", "string", "API key, such as `0123…cdef-us6`.", secret=True),
        Setting("access_token", "string", "OAuth2 access token, instead of a key.", secret=True),
        Setting(
            "server",
            "string",
            "Data center, such as `us6`; otherwise taken from the end of the key, or looked up for "
            "a token.",
        ),
        Setting(
            "api_url",
            "string",
            "Another address than `https://<server>.api.mailchimp.com`: a proxy or the sandbox.",
        ),
        Setting(
            "filters",
            "object",
            "Which objects to list: `list_id`, `campaign_id`, `has_unread_messages`.",
        ),
    ),
    settings=(
        Setting(
            "campaign_refresh_days",
            "integer",
            "Campaigns made in so many days before the bookmark are read again: their counters "
            "and statuses move.",
            default=30,
            minimum=0,
            maximum=36_500,
        ),
        Setting(
            "unsubscribe_refresh_days",
            "integer",
            "After the first run, opt-outs are read of campaigns sent within so many days.",
            default=90,
            minimum=1,
            maximum=36_500,
        ),
    ),
    needs=(("api_key", "access_token"),),
    most_connections=10,
    check=check,
    connect=MailchimpApi,
    streams=_streams,
    feeds=_feeds,
)
