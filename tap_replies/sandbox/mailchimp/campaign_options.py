"""What campaigns of the rarer types have beside what all have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox.chance import every
from tap_replies.sandbox.clock import DAY, zoned

if TYPE_CHECKING:
    from tap_replies.sandbox.table import Row

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def options(kind: str, children: list[str], sent_at: float) -> Row:
    """Return the options of a campaign of that type; most have none."""
    if kind == "rss":
        return {"parent_campaign_id": children[0], "rss_opts": _rss(sent_at)}
    if kind == "variate":
        return {"variate_settings": _variate(children, sent_at)}
    if kind == "absplit":
        return {"ab_split_opts": _ab_split(sent_at)}
    return {}


def resend_shortcuts(campaign: str) -> Row:
    """Return what is shown of resending only on request."""
    no = {"is_eligible": False, "reason": "Sent too long ago"}
    return {
        "resend_shortcut_eligibility": {
            "to_non_openers": no,
            "to_new_subscribers": no,
            "to_non_clickers": no,
            "to_non_purchasers": no,
        },
        "resend_shortcut_usage": {
            "shortcut_campaigns": [
                {
                    "id": campaign,
                    "web_id": 1,
                    "shortcut_type": "non_openers",
                    "send_time": "",
                    "status": "save",
                },
            ],
            "original_campaign": {
                "id": campaign,
                "web_id": 1,
                "title": "",
                "shortcut_type": "non_openers",
            },
        },
    }


def _rss(sent_at: float) -> Row:
    return {
        "feed_url": "https://sandbox.example/feed.xml",
        "frequency": "daily",
        "schedule": {
            "hour": 9,
            "daily_send": dict.fromkeys(_WEEKDAYS, True),
            "weekly_send_day": "monday",
            "monthly_send_date": 1,
        },
        "last_sent": "" if every(2, int(sent_at)) else zoned(sent_at),
        "constrain_rss_img": False,
    }


def _variate(children: list[str], sent_at: float) -> Row:
    return {
        "winning_combination_id": children[0],
        "winning_campaign_id": children[0],
        "winner_criteria": "opens",
        "wait_time": 240,
        "test_size": 50,
        "subject_lines": ["A", "B"],
        "send_times": [zoned(sent_at)],
        "from_names": ["Shop"],
        "reply_to_addresses": ["news@sandbox.example"],
        "contents": ["Variant A"],
        "combinations": [
            {
                "id": child,
                "subject_line": place,
                "send_time": 0,
                "from_name": 0,
                "reply_to": 0,
                "content_description": 0,
                "recipients": 125,
            }
            for place, child in enumerate(children)
        ],
    }


def _ab_split(sent_at: float) -> Row:
    return {
        "split_test": "subject",
        "pick_winner": "opens",
        "wait_units": "hours",
        "wait_time": 4,
        "split_size": 50,
        "from_name_a": "Shop",
        "from_name_b": "Shop",
        "reply_email_a": "news@sandbox.example",
        "reply_email_b": "news@sandbox.example",
        "subject_a": "Spring",
        "subject_b": "Spring is here",
        "send_time_a": zoned(sent_at),
        "send_time_b": "",
        "send_time_winner": zoned(sent_at + DAY),
    }
