"""Re:amaze conversations and their messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_replies.sandbox import people
from tap_replies.sandbox.chance import Dice, every, hex_id
from tap_replies.sandbox.clock import DAY, HOUR, YEAR, offset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox.sizes import Sizes
    from tap_replies.sandbox.table import Row

EXAMPLE_CONVERSATION = "knock-knock"
# Kinds of origin, channel of the category, its slug.
_EMAIL, _CHAT, _FORM = (1, 1, "support"), (0, 6, "chat"), (17, 1, "contact")
_SMS, _INSTAGRAM, _STAFF_OUTBOUND = (9, 9, "sms"), (8, 8, "instagram"), (16, 1, "support")
_WAYS = (_EMAIL, _CHAT, _EMAIL, _FORM, _STAFF_OUTBOUND, _SMS, _EMAIL, _INSTAGRAM, _EMAIL, _CHAT)
_STATUSES = (0, 1, 2, 4, 0, 2, 4, 5, 6, 3, 7, 8, 9)
_REGULAR, _NOTE, _COLLISION = 0, 1, 2
_BOT_STATUSES = (7, 8)
_ARCHIVED, _ON_HOLD = 4, 5
_TAGS = ("vip", "order", "größe")
STAFF = (
    ("Robin Marsh", "robin@sandbox.example", "robin.marsh.private@example.org"),
    ("Sam Okoro", "sam@sandbox.example", "sam.private@example.net"),
)


@dataclass(frozen=True, slots=True)
class Seed:
    """The numbers that decide all rows of one brand."""

    seed: int
    brand: int
    now: float
    sizes: Sizes

    def dice(self, kind: int, *numbers: int) -> Dice:
        """Return chances that differ from brand to brand."""
        return Dice(self.seed, 1000 + self.brand, kind, *numbers)


@dataclass(frozen=True, slots=True)
class Line:
    """What one message of a thread will be, before it is written out."""

    at: float
    role: str
    visibility: int
    text: str


def conversations(seed: Seed) -> Iterator[Row]:
    """Make all conversations, oldest first."""
    for number in range(seed.sizes.reamaze_conversations):
        yield _conversation(seed, number, _plan(seed, number))


def messages(seed: Seed) -> Iterator[Row]:
    """Make the messages of all conversations, oldest first within each."""
    for number in range(seed.sizes.reamaze_conversations):
        lines = _plan(seed, number)
        conversation = _conversation(seed, number, lines)
        for position, line in enumerate(lines):
            yield _message(seed, number, conversation, line, position)


def slug(seed: Seed, number: int) -> str:
    """Return the slug of a conversation; the newest one is the vendor's own example."""
    if number == seed.sizes.reamaze_conversations - 1:
        return EXAMPLE_CONVERSATION
    words = ("where-is-my-order", "size.chart", "refund_please", "re$2-wrong-item", "invoice")
    return f"{words[number % len(words)]}-{hex_id(8, seed.seed, 21, number)}"


def staff(number: int) -> Row:
    """Return a member of staff as a user object."""
    name, email, _ = STAFF[number % len(STAFF)]
    return _user(5000 + number % len(STAFF), name, email)


def category(way: tuple[int, int, str]) -> Row:
    """Return the channel that a conversation came through."""
    return {
        "name": way[2].title(),
        "slug": way[2],
        "email": f"{way[2]}@sandbox.example",
        "channel": way[1],
        "settings_display_html_email": "default",
    }


def ways() -> list[tuple[int, int, str]]:
    """List the different channels."""
    return list(dict.fromkeys((0, way[1], way[2]) for way in _WAYS))


def _plan(seed: Seed, number: int) -> list[Line]:
    total = max(1, seed.sizes.reamaze_messages)
    count = seed.sizes.reamaze_conversations
    at = seed.now - 2 * YEAR + int(2 * YEAR * (number + 0.5) / (count + 1)) - DAY
    at += seed.dice(22, number).below(1000) / 1000
    writer = people.person(seed.seed, number // 2)
    started_by_staff = _way(number) is _STAFF_OUTBOUND
    pace = min(5 * HOUR, DAY // total)
    lines = []
    for position in range(total):
        dice = seed.dice(23, number, position)
        role, visibility = "customer", _REGULAR
        if started_by_staff or position % 2 == 1:
            role = "bot" if _status(number) in _BOT_STATUSES and position == 1 else "staff"
            if not started_by_staff and every(4, position, 3):
                visibility = _COLLISION if every(11, number, 5) else _NOTE
        tie = _has_tie(number) and position == 1 and role == "staff"
        if tie:
            # Two parts of one e-mail: the same author, at the very same instant.
            role = "customer"
        elif position:
            at += 1 + dice.below(pace) + dice.below(1000) / 1000
        agent = STAFF[number % len(STAFF)][0]
        text = people.letter(writer, dice) if role == "customer" else people.answer(agent, dice)
        lines.append(Line(round(at, 3), role, visibility, text))
    return lines


def _conversation(seed: Seed, number: int, lines: list[Line]) -> Row:
    customer = _customer(seed, number)
    way, status = _way(number), _status(number)
    hours = (0, -7, 0, 2)[number % 4]
    said = {
        role: [line for line in lines if line.role == role and line.visibility == _REGULAR]
        for role in ("customer", "staff")
    }
    updated = lines[-1].at + (DAY + number % 997 if status in (_ARCHIVED, 2, 6) else 0)
    subject = people.SUBJECTS[number % len(people.SUBJECTS)]
    assignee = staff(number) if number % 3 else None
    ways_to_call = {"staff?": False, "customer?": True, "bot?": False}
    followers = [{**customer, **ways_to_call}]
    if assignee:
        followers.append({**assignee, "staff?": True, "customer?": False, "bot?": False})
    name = slug(seed, number)
    return {
        "slug": name,
        "subject": None if way is _CHAT else subject,
        "display_subject": subject,
        "status": status,
        "origin": way[0],
        "created_at": offset(lines[0].at, hours),
        "updated_at": offset(min(updated, seed.now), hours),
        "hold_until": offset(seed.now + DAY, 0) if status == _ON_HOLD else None,
        "tag_list": [tag for place, tag in enumerate(_TAGS) if every(4, number >> place)],
        "data": {"Order (last)": f"#{10_000 + number}", "plan": ("free", "pro")[number % 2]},
        "message": {
            "body": people.as_html(lines[0].text),
            "created_at": offset(lines[0].at, hours),
            "origin_id": _origin_id(seed, number, 0),
        },
        "last_customer_message": _last(said["customer"], hours),
        "last_staff_message": _last(said["staff"], hours),
        "message_count": len(lines),
        "author": staff(number) if way is _STAFF_OUTBOUND else customer,
        "assignee": assignee,
        "followers": followers,
        "category": category(way),
        "perma_url": f"https://sandbox.example/c/{name}?token={hex_id(12, number)}",
        "readOnly": status == _ARCHIVED,
    }


def _message(seed: Seed, number: int, conversation: Row, line: Line, position: int) -> Row:
    name, email, private = STAFF[number % len(STAFF)]
    author: dict[str, Any] = {}
    if line.role == "customer":
        customer = _customer(seed, number)
        author = {key: customer[key] for key in ("name", "email", "mobile")}
    elif line.role == "staff":
        # Somebody of the staff answered from a private mailbox.
        author = {"name": name, "email": private if every(13, number, 6) else email, "mobile": None}
    else:
        author = {"name": "Answer Bot", "email": None, "mobile": None}
    author["staff?"] = line.role != "customer"
    if line.role == "bot":
        author["bot?"] = True
    hours = (0, -7)[(number + position) % 2]
    attached = position == 0 and every(4, number, 2)
    receiver = {"name": name, "email": email}
    body = people.as_html(line.text)
    channel = {"id": 40 + conversation["category"]["channel"], **conversation["category"]}
    return {
        "_place": position,
        "body": body,
        "original_body": f"<div>{body}</div><blockquote>older mail</blockquote>",
        "visibility": line.visibility,
        "origin": conversation["origin"],
        "origin_id": _origin_id(seed, number, position),
        "created_at": offset(line.at, hours),
        "user": author,
        "recipients": [receiver] if line.role == "customer" else [],
        "direct_recipients": [],
        "attachments": [_attachment(number, image=every(8, number, 2))] if attached else [],
        "conversation": {
            "subject": conversation["subject"],
            "slug": conversation["slug"],
            "created_at": conversation["created_at"],
            "category": channel,
            "followers": conversation["followers"],
        },
        "meta": {
            "Subject": conversation["display_subject"],
            "language": {"name": "ENGLISH", "code": "en", "reliable": True},
        },
    }


def _customer(seed: Seed, number: int) -> Row:
    someone = people.person(seed.seed, number // 2)
    way = _way(number)
    user = _user(100_000_000 + number // 2, someone.name, someone.email)
    if way in (_SMS, _INSTAGRAM):
        user["email"] = None
        user["mobile"] = f"+4179{number:07d}" if way is _SMS else None
        user["instagram"] = f"{someone.email.split('@')[0]}" if way is _INSTAGRAM else None
    user["data"] = {"Total spent (EUR)": f"{number % 90}.50", "sso_id": f"c-{someone.number}"}
    return user


def _user(number: int, name: str, email: str) -> Row:
    return {
        "id": number,
        "name": name,
        "email": email,
        "mobile": None,
        "twitter": None,
        "facebook": None,
        "instagram": None,
        "friendly_name": name.split(" ", maxsplit=1)[0],
        "display_name": name,
        "data": {},
    }


def _attachment(number: int, *, image: bool) -> Row:
    name = f"photo {number} ü.jpg" if image else f"rechnung-{number}.pdf"
    url = f"https://files.sandbox.example/{number}"
    return {
        "file_file_name": name,
        "file_content_type": "image/jpeg" if image else "application/pdf",
        "file_file_size": 20_000 + number,
        "url": url,
        "thumb_url": f"{url}?thumb" if image else None,
        "image?": image,
    }


def _last(lines: list[Line], hours: int) -> Row | None:
    if not lines:
        return None
    return {"body": people.as_html(lines[-1].text), "created_at": offset(lines[-1].at, hours)}


def _origin_id(seed: Seed, number: int, position: int) -> str | None:
    if _way(number) is not _EMAIL or _has_tie(number):
        return None
    return f"<{hex_id(16, seed.seed, 24, number, position)}@mail.example>"


def _has_tie(number: int) -> bool:
    return every(10, number, 8)


def _way(number: int) -> tuple[int, int, str]:
    return _WAYS[number % len(_WAYS)]


def _status(number: int) -> int:
    return _STATUSES[number % len(_STATUSES)]
