"""Conversations and their messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_replies.sandbox import people
from tap_replies.sandbox.clock import DAY, HOUR
from tap_replies.sandbox.mailchimp.seed import EXAMPLE_CONVERSATION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox.mailchimp.seed import Seed
    from tap_replies.sandbox.table import Row

_STAFF = "Robin Marsh", "news@sandbox.example"


def conversation_id(seed: Seed, number: int) -> str:
    """Return the id of a conversation; the newest one is the vendor's own example."""
    if number == seed.sizes.conversations - 1:
        return EXAMPLE_CONVERSATION
    return seed.id(3, number)


def conversations(seed: Seed) -> Iterator[Row]:
    """Make all conversations, oldest first."""
    for number in range(seed.sizes.conversations):
        yield _conversation(seed, number)


def messages(seed: Seed) -> Iterator[Row]:
    """Make the messages of all conversations, oldest first within each."""
    for number in range(seed.sizes.conversations):
        for position in range(message_count(seed, number)):
            yield _message(seed, number, position)


def message_count(seed: Seed, number: int) -> int:
    """Return how many messages a conversation has; the example has more than a default page."""
    if number == seed.sizes.conversations - 1:
        return max(12, seed.sizes.messages)
    return max(1, seed.sizes.messages)


def _conversation(seed: Seed, number: int) -> Row:
    count = message_count(seed, number)
    first = _message(seed, number, 0)
    last = _message(seed, number, count - 1) if count > 1 else first
    campaign = _campaign(seed, number)
    return {
        "id": conversation_id(seed, number),
        "message_count": count,
        "campaign_id": seed.campaign_id(campaign),
        "list_id": seed.list_id(seed.list_of_campaign(campaign)),
        "unread_messages": 0 if last["read"] else 1,
        "from_label": first["from_label"],
        "from_email": first["from_email"],
        "subject": first["subject"],
        "last_message": {
            name: last[name]
            for name in ("from_label", "from_email", "subject", "message", "read", "timestamp")
        },
    }


def _message(seed: Seed, number: int, position: int) -> Row:
    dice = seed.dice(4, number, position)
    writer = people.person(seed.seed, number // 2)
    by_staff = position % 3 == 1
    name, address = _STAFF if by_staff else (writer.name, writer.email)
    subject = people.SUBJECTS[number % len(people.SUBJECTS)]
    text = people.answer(name, dice) if by_staff else people.letter(writer, dice, subject)
    started = seed.spread(number, seed.sizes.conversations + 1) - DAY
    pace = min(HOUR, DAY // message_count(seed, number))
    return {
        # Ids repeat from one conversation to the next: only the pair is a key.
        "id": str(10_001 + position),
        "conversation_id": conversation_id(seed, number),
        "list_id": seed.list_web_id(seed.list_of_campaign(_campaign(seed, number))),
        "from_label": name,
        "from_email": address,
        "subject": subject if position == 0 else f"Re: {subject}",
        "message": text,
        "read": by_staff or number % 5 != 0,
        "timestamp": seed.stamp(started + position * pace + dice.below(pace), number),
    }


def _campaign(seed: Seed, number: int) -> int:
    return number % max(seed.sizes.campaigns, 1)
