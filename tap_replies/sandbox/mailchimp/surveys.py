"""Surveys, their responses, and what the activity feed of a person shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox import people
from tap_replies.sandbox.chance import hex_id
from tap_replies.sandbox.clock import DAY, HOUR, zoned
from tap_replies.sandbox.mailchimp import audience

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox.mailchimp.seed import Seed
    from tap_replies.sandbox.table import Row

_SURVEYS = 2
_RESPONSES = 14
_TITLE = "How did we do?"


def surveys(seed: Seed) -> Iterator[Row]:
    """Make the surveys, oldest first."""
    for number in range(_SURVEYS if seed.sizes.lists else 0):
        asked = zoned(_asked_at(seed, number))
        yield {
            "id": _survey_id(seed, number),
            "web_id": 600_001 + number,
            "list_id": seed.list_id(0),
            "list_name": f"Newsletter 1 of shop {seed.account + 1}",
            "title": _TITLE,
            "url": f"https://sandbox.example/survey/{number}",
            "status": "published" if number == 0 else "unpublished",
            "published_at": asked if number == 0 else "",
            "created_at": asked,
            "updated_at": asked,
            "total_responses": _RESPONSES,
        }


def responses(seed: Seed) -> Iterator[Row]:
    """Make the responses to all surveys, answers included."""
    for number in range(_SURVEYS if seed.sizes.lists else 0):
        for position in range(_RESPONSES):
            yield _response(seed, number, position)


def feed(seed: Seed, member: Row, conversations: list[Row], answered: list[Row]) -> list[Row]:
    """List what one person wrote, newest first, in the shapes of the activity feed."""
    items: list[Row] = [
        {
            "activity_type": "conversation",
            "created_at_timestamp": row["timestamp"],
            "thread_id": row["conversation_id"],
            "message_text": row["message"],
            "from_email": row["from_email"],
            "created_by": row["from_label"],
            "has_read": row["read"],
            "is_user": row["from_email"].lower() != member["email_address"].lower(),
            "campaign_id": row["campaign_id"],
            "campaign_title": "Mailing",
            "avatar_url": "https://sandbox.example/avatar.png",
        }
        for row in conversations
    ]
    items += [
        {
            "activity_type": "survey_response",
            "created_at_timestamp": row["submitted_at"],
            "survey_id": row["survey_id"],
            "survey_title": _TITLE,
        }
        for row in answered
    ]
    if member["status"] == "unsubscribed":
        items.append(
            {
                "activity_type": "unsub",
                "created_at_timestamp": member["last_changed"],
                "campaign_id": seed.campaign_id(0),
                "campaign_title": "Mailing 1",
                "unsubscribe_reason": member["unsubscribe_reason"],
                "is_admin_unsubscribed": member["unsubscribe_reason"].startswith("N/A"),
            },
        )
    return sorted(items, key=lambda item: str(item["created_at_timestamp"]), reverse=True)


def _survey_id(seed: Seed, number: int) -> str:
    return seed.id(14, number)


def _asked_at(seed: Seed, number: int) -> float:
    return seed.now - (60 - number) * DAY


def _response(seed: Seed, number: int, position: int) -> Row:
    someone = audience.member(seed, 0, position)
    dice = seed.dice(15, number, position)
    questions = (
        ("pickOne", "Would you buy again?", dice.pick(("Yes", "No"))),
        ("range", "How likely are you to recommend us?", str(dice.below(10))),
        ("text", "Anything else?", people.letter(someone, dice)),
    )
    return {
        "survey_id": _survey_id(seed, number),
        "response_id": seed.id(16, number, position),
        "submitted_at": zoned(_asked_at(seed, number) + position * HOUR + dice.below(HOUR)),
        "contact": {
            "email_id": someone.hash,
            "contact_id": hex_id(32, seed.seed, 7, someone.number),
            "status": "Unsubscribed" if position % 2 else "Subscribed",
            "email": someone.email,
            "phone": "",
            "full_name": someone.name,
            "consents_to_one_to_one_messaging": True,
            "avatar_url": "https://sandbox.example/avatar.png",
        },
        "is_new_contact": position % 5 == 0,
        "results": [
            {
                "question_id": seed.id(17, number, place),
                "question_type": kind,
                "query": query,
                "answer": text,
            }
            for place, (kind, query, text) in enumerate(questions)
        ],
    }
