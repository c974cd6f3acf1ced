"""One Mailchimp account: its credentials, its tables, and what a tap should find in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox.account import Account
from tap_replies.sandbox.chance import hex_id
from tap_replies.sandbox.clock import parse_or_none, zoned
from tap_replies.sandbox.mailchimp import audience, automations, campaigns, surveys, threads
from tap_replies.sandbox.mailchimp.seed import SPAN, Seed, links
from tap_replies.sandbox.table import Row, Table

if TYPE_CHECKING:
    from tap_replies.sandbox.sizes import Sizes


class MailchimpAccount(Account):
    """A Mailchimp account with all its rows."""

    source = "mailchimp"

    def __init__(self, seed: int, number: int, now: float, sizes: Sizes) -> None:
        """Declare the account; rows are made when they are first asked for."""
        self.number = number
        self.seed = Seed(seed, number, now, sizes)
        super().__init__(hex_id(25, 1, seed, number), _tables(self.seed))
        self.api_key = f"{number + 1:02d}{hex_id(30, 2, number)}-us6"
        self.access_token = hex_id(32, 3, number)

    def config(self, url: str) -> dict[str, str]:
        """Return the tap's settings for this account, without their prefix."""
        return {"api_key": self.api_key, "api_url": url}

    def root(self) -> Row:
        """Return the account itself, as the root of the API shows it."""
        now = self.seed.now
        return {
            "account_id": self.name,
            "login_id": hex_id(8, 4, self.number),
            "account_name": f"Sandbox shop {self.number + 1}",
            "email": "owner@sandbox.example",
            "first_name": "Sandy",
            "last_name": "Box",
            "username": f"sandbox{self.number + 1}",
            "avatar_url": "https://sandbox.example/avatar.png",
            "role": "owner",
            "member_since": zoned(now - SPAN),
            "pricing_plan_type": "monthly",
            "first_payment": zoned(now - SPAN),
            "account_timezone": "Europe/Zurich",
            "account_industry": "eCommerce and Retail",
            "contact": {
                "company": "Sandbox Ltd",
                "addr1": "1 Sand Street",
                "addr2": "",
                "city": "Bern",
                "state": "BE",
                "zip": "3011",
                "country": "CH",
            },
            "pro_enabled": False,
            "last_login": zoned(now),
            "total_subscribers": 8 * self.seed.sizes.lists,
            "industry_stats": {"open_rate": 0.18, "bounce_rate": 0.01, "click_rate": 0.02},
        }

    def truth(self) -> dict[str, list[list[str]]]:
        """Return the keys a tap should emit, by stream, as this vendor writes them."""
        left = [row for row in self.rows("members") if row["status"] == "unsubscribed"]
        return {
            "mailchimp_lists": [[row["id"]] for row in self.rows("lists")],
            "mailchimp_campaigns": [[row["id"]] for row in self.rows("campaigns")],
            "mailchimp_conversations": [[row["id"]] for row in self.rows("conversations")],
            "mailchimp_conversation_messages": [
                [row["conversation_id"], row["id"]] for row in self.rows("messages")
            ],
            "mailchimp_unsubscribes": [
                [row["campaign_id"], row["email_id"], row["timestamp"]]
                for row in self.rows("unsubscribes")
            ],
            "mailchimp_list_unsubscribes": [[row["list_id"], row["id"]] for row in left],
        }


def _tables(seed: Seed) -> dict[str, Table]:
    return {
        "lists": Table(
            lambda: audience.lists(seed),
            key=lambda row: row["id"],
            facts=lambda row: {
                "id": row["id"],
                "date_created": parse_or_none(row["date_created"]),
                "campaign_last_sent": parse_or_none(row["stats"]["campaign_last_sent"]),
            },
            links=lambda row: links(f"/lists/{row['id']}", "Lists"),
        ),
        "members": Table(
            lambda: audience.members(seed),
            key=lambda row: (row["list_id"], row["id"]),
            group=lambda row: row["list_id"],
            facts=lambda row: {
                "status": row["status"],
                "email_type": row["email_type"],
                "unique_email_id": row["unique_email_id"],
                "vip": row["vip"],
                "email": row["email_address"].lower(),
                "last_changed": parse_or_none(row["last_changed"]),
                "timestamp_opt": parse_or_none(row["timestamp_opt"]),
                "timestamp_signup": parse_or_none(row["timestamp_signup"]),
            },
            links=lambda row: links(f"/lists/{row['list_id']}/members/{row['id']}", "Members"),
        ),
        "campaigns": Table(
            lambda: campaigns.campaigns(seed),
            key=lambda row: row["id"],
            facts=lambda row: {
                "type": row["type"],
                "status": row["status"],
                "list_id": row["recipients"]["list_id"],
                "folder_id": row["settings"]["folder_id"],
                "create_time": parse_or_none(row["create_time"]),
                "send_time": parse_or_none(row["send_time"]),
            },
            links=lambda row: links(f"/campaigns/{row['id']}", "Campaigns"),
        ),
        "reports": Table(
            lambda: campaigns.reports(seed),
            key=lambda row: row["id"],
            group=lambda row: row["parent_campaign_id"],
            facts=lambda row: {
                "type": row["type"],
                "send_time": parse_or_none(row["send_time"]),
            },
            links=lambda row: links(f"/reports/{row['id']}", "Reports"),
        ),
        "unsubscribes": Table(
            lambda: campaigns.unsubscribes(seed),
            key=lambda row: (row["campaign_id"], row["email_id"], row["timestamp"]),
            group=lambda row: row["campaign_id"],
            facts=lambda row: {"email_id": row["email_id"]},
            links=lambda row: links(
                f"/reports/{row['campaign_id']}/unsubscribed/{row['email_id']}",
                "Reports/Unsubs",
            ),
        ),
        "conversations": Table(
            lambda: threads.conversations(seed),
            key=lambda row: row["id"],
            facts=lambda row: {
                "list_id": row["list_id"],
                "campaign_id": row["campaign_id"],
                "unread": row["unread_messages"] > 0,
                "last": parse_or_none(row["last_message"]["timestamp"]),
            },
            links=lambda row: links(f"/conversations/{row['id']}", "Conversations"),
        ),
        "messages": Table(
            lambda: threads.messages(seed),
            key=lambda row: (row["conversation_id"], row["id"]),
            group=lambda row: row["conversation_id"],
            facts=lambda row: {
                "read": row["read"],
                "timestamp": parse_or_none(row["timestamp"]),
                "email": row["from_email"].lower(),
            },
            links=lambda row: links(
                f"/conversations/{row['conversation_id']}/messages/{row['id']}",
                "Conversations/Messages",
            ),
        ),
        "automations": Table(
            lambda: automations.automations(seed),
            key=lambda row: row["id"],
            facts=lambda row: {
                "status": row["status"],
                "create_time": parse_or_none(row["create_time"]),
                "start_time": parse_or_none(row["start_time"]),
            },
            links=lambda row: links(f"/automations/{row['id']}", "Automations"),
        ),
        "emails": Table(
            lambda: automations.emails(seed),
            key=lambda row: row["id"],
            group=lambda row: row["workflow_id"],
            links=lambda row: links(
                f"/automations/{row['workflow_id']}/emails/{row['id']}",
                "Automations/Emails",
            ),
        ),
        "surveys": Table(
            lambda: surveys.surveys(seed),
            key=lambda row: row["id"],
            links=lambda row: links(f"/reporting/surveys/{row['id']}", "Reporting/Surveys"),
        ),
        "responses": Table(
            lambda: surveys.responses(seed),
            key=lambda row: row["response_id"],
            group=lambda row: row["survey_id"],
            facts=lambda row: {"email": row["contact"]["email"].lower()},
            links=lambda row: links(
                f"/reporting/surveys/{row['survey_id']}/responses/{row['response_id']}",
                "Reporting/Surveys/Responses",
            ),
        ),
    }
