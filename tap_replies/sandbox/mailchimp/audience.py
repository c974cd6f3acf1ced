"""Audiences (lists) and the people in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox import people
from tap_replies.sandbox.chance import every, hex_id
from tap_replies.sandbox.clock import DAY, zoned
from tap_replies.sandbox.mailchimp.seed import SPAN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox.mailchimp.seed import Seed
    from tap_replies.sandbox.people import Person
    from tap_replies.sandbox.table import Row

# How many people of each other status every audience has.
_OTHERS = {"subscribed": 8, "cleaned": 2, "pending": 2, "transactional": 1, "archived": 3}
_PEOPLE_PER_LIST = 1_000_000
_ADMIN_REASON = "N/A (Unsubscribed by admin)"


def lists(seed: Seed) -> Iterator[Row]:
    """Make all audiences, oldest first."""
    for number in range(seed.sizes.lists):
        yield _list(seed, number)


def members(seed: Seed) -> Iterator[Row]:
    """Make the people of all audiences, those who left first."""
    for audience in range(seed.sizes.lists):
        number = 0
        for status, count in {"unsubscribed": seed.sizes.members, **_OTHERS}.items():
            for _ in range(count):
                yield _member(seed, audience, number, status)
                number += 1


def member(seed: Seed, audience: int, number: int) -> Person:
    """Return a person of an audience; the vendor's example is the first of the first."""
    if audience == number == 0:
        return people.URIST
    return people.person(seed.seed, audience * _PEOPLE_PER_LIST + number)


def credited(seed: Seed, turn: int) -> int:
    """Return who left at the `turn`-th opt-out that a campaign is credited with.

    The last third of those who left did so without a campaign; people beyond all of them were
    deleted since, so the audience no longer knows them.
    """
    credited_members = seed.sizes.members * 2 // 3
    return turn if turn < credited_members else turn + seed.sizes.members + sum(_OTHERS.values())


def merge_fields(someone: Person) -> Row:
    """Return the values of the audience fields for somebody."""
    return {
        "FNAME": someone.first,
        "LNAME": someone.last,
        "ADDRESS": {"addr1": "Kirchgasse 4", "city": "Bern", "zip": "3011", "country": "CH"},
        "BIRTHDAY": "",
        "ORDERS": someone.number % 9,
    }


def _member(seed: Seed, audience: int, number: int, status: str) -> Row:
    someone = member(seed, audience, number)
    dice = seed.dice(5, audience, number)
    total = seed.sizes.members + sum(_OTHERS.values())
    changed = seed.spread(number, total) + dice.below(max(1, SPAN // total // 2))
    joined = changed - 30 * DAY
    tags = [{"id": 7001 + tag, "name": f"tag {tag}"} for tag in range(number % 3)]
    row = {
        "id": someone.hash,
        "email_address": someone.email,
        "unique_email_id": hex_id(10, seed.seed, 6, someone.number),
        "contact_id": hex_id(32, seed.seed, 7, someone.number),
        "full_name": someone.name,
        "web_id": 90_000_001 + audience * _PEOPLE_PER_LIST + number,
        "email_type": "html",
        "status": status,
        "consents_to_one_to_one_messaging": number % 2 == 0,
        "sms_phone_number": "+41791234567" if number % 4 == 1 else "",
        "sms_subscription_status": "nonsubscribed" if number % 4 == 1 else "",
        "sms_subscription_last_updated": zoned(joined) if number % 4 == 1 else "",
        "merge_fields": merge_fields(someone),
        "interests": {"4a8f3c21d0": number % 2 == 0, "b77e01c9aa": False},
        "stats": {
            "avg_open_rate": 0.25,
            "avg_click_rate": 0.05,
            "ecommerce_data": {
                "total_revenue": 119.9,
                "number_of_orders": 3,
                "currency_code": "EUR",
            },
        },
        "ip_signup": "",
        "timestamp_signup": zoned(joined) if number % 3 else "",
        "ip_opt": "198.51.100.7",
        "timestamp_opt": zoned(joined),
        "member_rating": 1 + number % 5,
        "last_changed": zoned(changed),
        "language": someone.language,
        "vip": number % 10 == 0,
        "email_client": "Gmail" if number % 2 else "",
        "location": {
            "latitude": 46.948,
            "longitude": 7.4474,
            "gmtoff": 1,
            "dstoff": 2,
            "country_code": "CH",
            "timezone": "europe/zurich",
            "region": "be",
        },
        "marketing_permissions": [
            {"marketing_permission_id": "c1d2e3f4a5", "text": "Email", "enabled": True},
        ],
        "last_note": {
            "note_id": 300 + number,
            "created_at": zoned(joined),
            "created_by": "Robin Marsh",
            "note": "Called, wants fewer mails.",
        },
        "source": "Hosted Signup Form",
        "tags_count": len(tags),
        "tags": tags,
        "list_id": seed.list_id(audience),
    }
    if status == "unsubscribed":
        row["unsubscribe_reason"] = _ADMIN_REASON if number % 6 == 0 else people.reason(dice)
    return row


def _list(seed: Seed, number: int) -> Row:
    created = seed.spread(number, max(seed.sizes.lists, 1)) - SPAN // 2
    left = seed.sizes.members
    return {
        "id": seed.list_id(number),
        "web_id": seed.list_web_id(number),
        "name": f"Newsletter {number + 1} of shop {seed.account + 1}",
        "contact": {
            "company": "Sandbox Ltd",
            "address1": "1 Sand Street",
            "address2": "",
            "city": "Bern",
            "state": "BE",
            "zip": "3011",
            "country": "CH",
            "phone": "",
        },
        "permission_reminder": "You signed up in our shop.",
        "use_archive_bar": True,
        "campaign_defaults": {
            "from_name": "Sandbox Shop",
            "from_email": "news@sandbox.example",
            "subject": "",
            "language": "en",
        },
        "notify_on_subscribe": "",
        "notify_on_unsubscribe": "",
        "date_created": zoned(created),
        "list_rating": number % 6,
        "email_type_option": False,
        "subscribe_url_short": f"http://eepurl.example/{number}",
        "subscribe_url_long": f"https://sandbox.example/subscribe?id={seed.list_id(number)}",
        "beamer_address": f"us6-{seed.list_id(number)}@inbound.example",
        "visibility": "pub" if number % 2 else "prv",
        "double_optin": number % 2 == 0,
        "has_welcome": False,
        "marketing_permissions": True,
        "modules": ["merge"],
        "stats": {
            "member_count": _OTHERS["subscribed"],
            "total_contacts": left + sum(_OTHERS.values()),
            "unsubscribe_count": left,
            "cleaned_count": _OTHERS["cleaned"],
            "member_count_since_send": 1,
            "unsubscribe_count_since_send": 0,
            "cleaned_count_since_send": 0,
            "campaign_count": seed.sizes.campaigns // max(seed.sizes.lists, 1),
            "campaign_last_sent": "" if every(3, number, 2) else zoned(seed.now - 3 * DAY),
            "merge_field_count": 5,
            "avg_sub_rate": 4,
            "avg_unsub_rate": 1,
            "target_sub_rate": 5,
            "open_rate": 33.3,
            "click_rate": 8.25,
            "last_sub_date": zoned(seed.now - 2 * DAY),
            "last_unsub_date": zoned(seed.now - DAY) if left else "",
        },
    }
