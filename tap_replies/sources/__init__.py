"""The vendors whose APIs the tap reads."""

from __future__ import annotations

from tap_replies.sources import mailchimp, reamaze

SOURCES = (mailchimp.SOURCE, reamaze.SOURCE)
