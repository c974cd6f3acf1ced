"""Classic automations and their e-mails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox.clock import DAY, HOUR, zoned
from tap_replies.sandbox.mailchimp.seed import Seed, segment_options, summary, tracking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox.table import Row

_AUTOMATIONS = 2
_EMAILS_EACH = 2
EMAILS = _AUTOMATIONS * _EMAILS_EACH


def automations(seed: Seed) -> Iterator[Row]:
    """Make the automations, oldest first."""
    for number in range(_AUTOMATIONS):
        yield {
            "id": _automation_id(seed, number),
            "create_time": zoned(_started_at(seed, number) - DAY),
            "start_time": zoned(_started_at(seed, number)) if number == 0 else "",
            "status": "sending" if number == 0 else "paused",
            "emails_sent": 500,
            "recipients": {
                "list_id": seed.list_id(0),
                "list_is_active": True,
                "list_name": f"Newsletter 1 of shop {seed.account + 1}",
                "segment_opts": {
                    name: value
                    for name, value in segment_options(number).items()
                    if name != "prebuilt_segment_id"
                },
                "store_id": "store_1",
            },
            "settings": {
                "title": f"Welcome {number + 1}",
                "from_name": "Sandbox Shop",
                "reply_to": "news@sandbox.example",
                "use_conversation": False,
                "to_name": "",
                "authenticate": True,
                "auto_footer": False,
                "inline_css": False,
            },
            "tracking": tracking(),
            "trigger_settings": _trigger(),
            "report_summary": {k: v for k, v in summary(500).items() if k != "ecommerce"},
        }


def emails(seed: Seed) -> Iterator[Row]:
    """Make the e-mails of all automations."""
    for number in range(EMAILS):
        sent_at = email_sent_at(seed, number)
        yield {
            "id": email_id(seed, number),
            "web_id": 800_001 + number,
            "workflow_id": _automation_id(seed, number // _EMAILS_EACH),
            "position": 1 + number % _EMAILS_EACH,
            "delay": {
                "amount": 1,
                "type": "day",
                "direction": "after",
                "action": "signup",
                "action_description": "subscribers join your audience",
                "full_description": "1 day after subscribers join your audience",
            },
            "create_time": zoned(sent_at - DAY),
            "start_time": zoned(sent_at - HOUR),
            "archive_url": f"http://eepurl.example/w{number}",
            "status": "sending",
            "emails_sent": 250,
            "send_time": zoned(sent_at),
            "content_type": "template",
            "needs_block_refresh": False,
            "has_logo_merge_tag": False,
            "recipients": {
                "list_id": seed.list_id(0),
                "list_is_active": True,
                "list_name": f"Newsletter 1 of shop {seed.account + 1}",
                "segment_text": "",
                "recipient_count": 250,
                "segment_opts": segment_options(number),
            },
            "settings": {
                "subject_line": f"Welcome, step {number + 1}",
                "preview_text": "",
                "title": f"Step {number + 1}",
                "from_name": "Sandbox Shop",
                "reply_to": "news@sandbox.example",
                "authenticate": True,
                "auto_footer": False,
                "inline_css": False,
                "auto_tweet": False,
                "auto_fb_post": ["1234567890"],
                "fb_comments": False,
                "template_id": 5,
                "drag_and_drop": True,
            },
            "tracking": tracking(),
            "social_card": {
                "image_url": "https://sandbox.example/c.png",
                "description": "",
                "title": "",
            },
            "trigger_settings": _trigger(),
            "report_summary": {k: v for k, v in summary(250).items() if k != "ecommerce"},
        }


def email_id(seed: Seed, number: int) -> str:
    """Return the id of an automation's e-mail, which also serves as a campaign id in reports."""
    return seed.id(13, number)


def email_sent_at(seed: Seed, number: int) -> float:
    """Return when an automation's e-mail was last sent."""
    return seed.now - (40 - number * 9) * DAY


def _automation_id(seed: Seed, number: int) -> str:
    return seed.id(12, number)


def _started_at(seed: Seed, number: int) -> float:
    return seed.now - (90 - number) * DAY


def _trigger() -> Row:
    return {
        "workflow_type": "welcomeSeries",
        "workflow_title": "Welcome new subscribers",
        "runtime": {"days": ["monday", "friday"], "hours": {"type": "send_asap"}},
        "workflow_emails_count": _EMAILS_EACH,
    }
