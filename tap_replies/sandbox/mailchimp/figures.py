"""The figures of a report: counts, rates, hourly series, averages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox.clock import HOUR, zoned

if TYPE_CHECKING:
    from tap_replies.sandbox.table import Row


def delivery_status() -> Row:
    """Return how far a send has come."""
    return {
        "enabled": True,
        "can_cancel": False,
        "status": "delivered",
        "emails_sent": 250,
        "emails_canceled": 0,
    }


def results(sent_at: float, sent: str, opened: str, kind: str) -> Row:
    """Return the figures of a report: counts, rates, hourly series, averages."""
    group = {
        "bounces": 1,
        "abuse_reports": 0,
        "unsubs": 1,
        "recipient_clicks": 4,
        "forwards": 0,
        "forwards_opens": 0,
        "opens": 40,
        "last_open": opened,
        "unique_opens": 30,
    }
    return {
        "rss_last_send": sent if kind == "rss" else "",
        "bounces": {"hard_bounces": 1, "soft_bounces": 2, "syntax_errors": 0},
        "forwards": {"forwards_count": 0, "forwards_opens": 0},
        "opens": {
            "opens_total": 125,
            "proxy_excluded_opens": 90,
            "unique_opens": 83,
            "proxy_excluded_unique_opens": 61,
            "open_rate": 0.332,
            "proxy_excluded_open_rate": 0.244,
            "last_open": opened if kind != "plaintext" else "",
        },
        "clicks": {
            "clicks_total": 25,
            "unique_clicks": 22,
            "unique_subscriber_clicks": 20,
            "click_rate": 0.08,
            "last_click": opened if kind != "plaintext" else "",
        },
        "facebook_likes": {"recipient_likes": 0, "unique_likes": 0, "facebook_likes": 0},
        "industry_stats": {
            "type": "E-Commerce",
            "open_rate": 0.18,
            "click_rate": 0.02,
            "bounce_rate": 0.01,
            "unopen_rate": 0.81,
            "unsub_rate": 0.002,
            "abuse_rate": 0.0001,
        },
        "list_stats": {
            "sub_rate": 4,
            "unsub_rate": 1,
            "open_rate": 33.3,
            "proxy_excluded_open_rate": 24.4,
            "click_rate": 8.25,
        },
        "ab_split": {"a": group, "b": group},
        "timewarp": [
            {
                "gmt_offset": 2,
                "opens": 20,
                "last_open": opened,
                "unique_opens": 15,
                "clicks": 5,
                "last_click": opened,
                "unique_clicks": 4,
                "bounces": 0,
            },
        ],
        "timeseries": [
            {
                "timestamp": zoned(sent_at + hour * HOUR),
                "emails_sent": 250 if hour == 0 else 0,
                "unique_opens": 8,
                "proxy_excluded_unique_opens": 6,
                "recipients_clicks": 2,
            }
            for hour in range(2)
        ],
        "share_report": {"share_url": "https://sandbox.example/share", "share_password": ""},
        "ecommerce": {
            "total_orders": 2,
            "total_spent": 59.8,
            "total_revenue": 50.25,
            "currency_code": "EUR",
        },
        "delivery_status": delivery_status(),
    }
