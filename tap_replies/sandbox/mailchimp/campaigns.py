"""Campaigns, their reports, and the opt-outs each one is credited with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_replies.sandbox import people
from tap_replies.sandbox.chance import every
from tap_replies.sandbox.clock import DAY, HOUR, zoned
from tap_replies.sandbox.mailchimp import audience, automations, campaign_options, figures
from tap_replies.sandbox.mailchimp.seed import Seed, segment_options, summary, tracking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox.table import Row

# The rest of a cycle are regular campaigns.
_TYPES = {2: "plaintext", 4: "rss", 5: "absplit", 7: "variate"}
_CYCLE = 12
_DRAFT, _SCHEDULED, _NOBODY_LEFT = 9, 11, 10
_CHILDREN = 2
_SUBJECTS = ("Spring is here 🌷", "Last days of the sale", "Unser Herbst - neu", "50% <today only>")


@dataclass(frozen=True, slots=True)
class Mailing:
    """Anything that was sent and has a report: a campaign, a child of one, an automation e-mail."""

    id: str
    parent: str
    kind: str
    list_number: int
    sent_at: float
    number: int
    unsubscribes: int


def campaigns(seed: Seed) -> Iterator[Row]:
    """Make all campaigns, oldest first."""
    for number in range(seed.sizes.campaigns):
        yield _campaign(seed, number)


def reports(seed: Seed) -> Iterator[Row]:
    """Make the report of everything that was sent."""
    for mailing in mailings(seed):
        yield _report(seed, mailing)


def unsubscribes(seed: Seed) -> Iterator[Row]:
    """Make all opt-outs that are credited to something that was sent."""
    turns = dict.fromkeys(range(max(seed.sizes.lists, 1)), 0)
    for mailing in mailings(seed):
        for position in range(mailing.unsubscribes):
            turn = turns[mailing.list_number]
            # The second mailing sees off somebody who had left, and come back, before; one
            # e-mail of an automation does so twice by itself.
            again = position == 0 and mailing.number == seed.sizes.lists
            twice = position == 1 and mailing.kind == "automation"
            if not again and not twice:
                turns[mailing.list_number] = turn + 1
            person_number = 0 if again else turn - 1 if twice else turn
            yield _unsubscribe(seed, mailing, position, person_number)


def mailings(seed: Seed) -> Iterator[Mailing]:
    """List everything that was sent, children right after their parent, automations last."""
    each = seed.sizes.unsubscribes
    for number in range(seed.sizes.campaigns):
        if _status(number) != "sent":
            continue
        kind = _kind(number)
        sent_at, where = _sent_at(seed, number), seed.list_of_campaign(number)
        campaign = seed.campaign_id(number)
        left = 0 if kind == "rss" or number % _CYCLE == _NOBODY_LEFT else each
        yield Mailing(campaign, "", kind, where, sent_at, number, left)
        if kind in ("rss", "variate"):
            for child, child_id in enumerate(children(seed, number)):
                yield Mailing(child_id, campaign, kind, where, sent_at + child * HOUR, number, each)
    for number in range(automations.EMAILS):
        yield Mailing(
            automations.email_id(seed, number),
            "",
            "automation",
            0,
            automations.email_sent_at(seed, number),
            seed.sizes.campaigns + number + 1,
            each,
        )


def children(seed: Seed, number: int) -> list[str]:
    """Return the ids of the mailings that an RSS or multivariate campaign is made of."""
    return [seed.id(8, number, child) for child in range(_CHILDREN)]


def _kind(number: int) -> str:
    return _TYPES.get(number % _CYCLE, "regular")


def _status(number: int) -> str:
    return {_DRAFT: "save", _SCHEDULED: "schedule"}.get(number % _CYCLE, "sent")


def _created_at(seed: Seed, number: int) -> float:
    return seed.spread(number, seed.sizes.campaigns) - 20 * DAY


def _sent_at(seed: Seed, number: int) -> float:
    return _created_at(seed, number) + DAY + seed.dice(9, number).below(DAY)


def _unsubscribe(seed: Seed, mailing: Mailing, position: int, person_number: int) -> Row:
    number = person_number
    if person_number:
        number = audience.credited(seed, person_number)
    someone = audience.member(seed, mailing.list_number, number)
    dice = seed.dice(10, mailing.number, position, len(mailing.parent), ord(mailing.id[0]))
    moment = min(mailing.sent_at + 600 + position * HOUR + dice.below(HOUR - 1), seed.now - 60)
    return {
        "email_id": someone.hash,
        "email_address": someone.email,
        "merge_fields": audience.merge_fields(someone),
        "vip": person_number % 10 == 0,
        "timestamp": seed.stamp(moment, mailing.number + position),
        "reason": people.reason(dice),
        "campaign_id": mailing.id,
        "list_id": seed.list_id(mailing.list_number),
        "list_is_active": True,
    }


def _campaign(seed: Seed, number: int) -> Row:
    kind, status = _kind(number), _status(number)
    sent = status == "sent"
    campaign = seed.campaign_id(number)
    send_time = zoned(seed.now + 2 * DAY) if status == "schedule" else ""
    subject = _SUBJECTS[number % len(_SUBJECTS)]
    where = seed.list_of_campaign(number)
    settings = {
        "title": "" if every(6, number, 5) else f"Mailing {number + 1}",
        "to_name": "*|FNAME|*",
        "use_conversation": number % 2 == 0,
        "folder_id": "" if number % 3 else "f1a2b3c4d5",
        "authenticate": True,
        "auto_footer": False,
        "inline_css": False,
        "auto_tweet": False,
        "auto_fb_post": ["1234567890"],
        "fb_comments": False,
        "timewarp": number % 5 == 0,
        "template_id": 100 + number,
        "drag_and_drop": True,
    }
    if status != "save":
        settings |= {
            "subject_line": subject,
            "preview_text": "Have a look inside",
            "from_name": f"Shop {seed.account + 1}",
            "reply_to": "news@sandbox.example",
        }
    row = {
        "id": campaign,
        "web_id": 700_001 + number,
        "type": kind,
        "create_time": zoned(_created_at(seed, number)),
        "archive_url": f"http://eepurl.example/a{number}",
        "long_archive_url": f"https://mailchi.example/{campaign}",
        "status": status,
        "emails_sent": 250 if sent else 0,
        "send_time": zoned(_sent_at(seed, number)) if sent else send_time,
        "content_type": "template",
        "needs_block_refresh": False,
        "resendable": sent,
        "recipients": {
            "list_id": seed.list_id(where),
            "list_is_active": True,
            "list_name": f"Newsletter {where + 1} of shop {seed.account + 1}",
            "segment_text": "",
            "recipient_count": 250,
            "segment_opts": segment_options(number),
        },
        "settings": settings,
        "tracking": tracking(),
        "social_card": {
            "image_url": "https://sandbox.example/c.png",
            "description": "",
            "title": "",
        },
        "delivery_status": {"enabled": False},
    }
    if sent:
        row["report_summary"] = summary(250)
        row["delivery_status"] = figures.delivery_status()
        row |= campaign_options.resend_shortcuts(campaign)
    return row | campaign_options.options(kind, children(seed, number), _sent_at(seed, number))


def _report(seed: Seed, mailing: Mailing) -> Row:
    sent = zoned(mailing.sent_at)
    opened = zoned(min(mailing.sent_at + 2 * DAY, seed.now))
    row = {
        "id": mailing.id,
        "campaign_title": f"Mailing {mailing.number + 1}",
        "type": {"plaintext": "plain-text"}.get(mailing.kind, mailing.kind),
        "list_id": seed.list_id(mailing.list_number),
        "list_is_active": True,
        "list_name": f"Newsletter {mailing.list_number + 1} of shop {seed.account + 1}",
        "subject_line": _SUBJECTS[mailing.number % len(_SUBJECTS)],
        "preview_text": "",
        "emails_sent": 250,
        "abuse_reports": 0,
        "unsubscribed": mailing.unsubscribes,
        "send_time": sent,
        "parent_campaign_id": mailing.parent,
    }
    return row | figures.results(mailing.sent_at, sent, opened, mailing.kind)
