"""Which lines are not a message's own: who wrote what follows, headers, separators, devices."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_replies.text.phrases import (
    DEVICE_LINES,
    DEVICES,
    FILLERS,
    FORWARDED,
    OPENERS,
    ORIGINAL,
    REPLY_ABOVE,
    ROLES,
    SENDING,
    VERBS,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 300
"""Characters of the longest line that a mail program writes by itself."""

_FRAME = " \t\xa0-\u2010\u2013\u2014_=*#~<>[]|:\uff1a."
_TIME = re.compile(r"\d{1,2}\s?[:.h時点시时]\s?\d{2}")
_WHEN = re.compile(r"\d{1,2}[:.h]\d{2}|\d{1,4}[./-]\d{1,2}[./-]|\b(?:19|20)\d\d\b|\d年|\d년")
_BRACKETED = re.compile(r"[<(\[](?:mailto:)?[^\s<>@]+@[^\s<>@]+[>)\]]")
_WEEKDAYS = tuple(f"On {day}," for day in ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))
_ADDRESS_LAST = re.compile(r"<[^\s<>@]+@[^\s<>@]+>\s?[:\uff1a]$")
_SENDER = re.compile(r"[^<>@:]{0,60}<[^\s<>@]+@[^\s<>@]+>")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_LINK = re.compile(r"[<(\[]?https?://[^\s<>()\[\]]+[>)\]]?")
_FEW_WORDS = 14
_FEW_LINES = 14
_WRAPPED_FROM = 40
"""Characters of the shortest line that a mail program breaks."""


@dataclass(frozen=True, slots=True)
class Introduction:
    """The lines of an "On ..., X wrote:"."""

    first: int
    last: int
    is_above_quote: bool
    """Whether lines that are marked as quoted follow."""
    is_sure: bool
    """Whether a quote follows in any case: it names a time, and an address as no human would."""


def introduction(lines: Sequence[str], last: int) -> Introduction | None:
    """What ends at a line; programs break it over up to three."""
    if not tells_of_something(lines[last]):
        return None
    for first in range(last, max(last - 3, -1), -1):
        if first < last and not _may_be_broken(lines[first]):
            break
        if _begins(lines, first, last):
            text = " ".join(lines[first : last + 1])
            if _names_sender(text):
                return _introduction(lines, first, last, text)
    if _SENDER.match(lines[last]) and VERBS.search(lines[last]):
        return _introduction(lines, last, last, lines[last])
    return None


def _introduction(lines: Sequence[str], first: int, last: int, text: str) -> Introduction:
    below = following(lines, last)
    is_above_quote = below is not None and (lines[below][0] == ">" or is_reply_above(lines[below]))
    is_sure = is_above_quote or all(part.search(text) for part in (_TIME, _BRACKETED, VERBS))
    return Introduction(first, last, is_above_quote, is_sure)


def _may_be_broken(line: str) -> bool:
    return _WRAPPED_FROM <= len(line) <= LONGEST and line[0] != ">" and line[-1] not in ".!?:;"


def _begins(lines: Sequence[str], first: int, last: int) -> bool:
    """Whether a line begins what ends at another: it tells the time, which the other does not."""
    if not OPENERS.match(lines[first]):
        return False
    return first == last or bool(_TIME.search(lines[first]) and not _TIME.search(lines[last]))


def _names_sender(text: str) -> bool:
    """Whether a text tells when somebody wrote, or who by address; in some languages by both."""
    if VERBS.search(text):
        known = (_WHEN, _BRACKETED)
        return text.startswith(_WEEKDAYS) or any(part.search(text) for part in known)
    return bool(_ADDRESS_LAST.search(text) and _WHEN.search(text))


def tells_of_something(line: str) -> bool:
    """Whether a line ends in a colon, and might be a program's."""
    return 1 < len(line) <= LONGEST and line[-1] in ":\uff1a" and line[0] != ">"


def tells_of_writing(line: str) -> bool:
    """Whether a line says that what follows was written by somebody."""
    return tells_of_something(line) and bool(VERBS.search(line))


def is_thread(quote: Sequence[str]) -> bool:
    """Whether lines that begin with ``>`` show by themselves that they are a mail."""
    lines = [line.lstrip("> ") for line in quote]
    if is_reply_above(lines[0]):
        return True
    for index, line in enumerate(lines):
        if line and (starts_original(lines, index) or introduction(lines, index)):
            return True
    return False


def is_forward(line: str) -> bool:
    """Whether a line says that a forwarded message follows."""
    return len(line) <= LONGEST and _phrase(line) in FORWARDED


def is_reply_above(line: str) -> bool:
    """Whether a line asks to write the answer above it."""
    return len(line) <= LONGEST and bool(REPLY_ABOVE.fullmatch(_phrase(line)))


def starts_original(lines: Sequence[str], first: int) -> bool:
    """Whether the message that is answered begins at a line, with its headers as text."""
    line = lines[first]
    below = following(lines, first) if line[0] in "-_\u2013\u2014*=" else None
    if below is not None and not line.strip("-_\u2013\u2014="):
        return _has_headers(lines, below)
    if below is not None and len(line) <= LONGEST and _phrase(line) in ORIGINAL:
        return lines[below][0] == ">" or _role(lines[below]) is not None
    return _has_headers(lines, first)


def following(lines: Sequence[str], line: int, most: int = 3) -> int | None:
    """The next line that is not blank, if there are few blank ones between."""
    for index in range(line + 1, min(line + 2 + most, len(lines))):
        if lines[index]:
            return index
    return None


def _has_headers(lines: Sequence[str], first: int) -> bool:
    """Whether sender, time, recipient and subject follow one another: no human writes all four."""
    if _role(lines[first]) not in {"from", "sent"}:
        return False
    roles: set[str] = set()
    role = None
    has_time = False
    for line in lines[first : first + _FEW_LINES]:
        if not line:
            continue
        found = _role(line)
        if found is None and role not in {"to", "copy"}:  # long lists of recipients are broken
            break
        if found in roles - {"copy"}:
            break  # the block begins further down
        role = found or role
        roles.add(role or "")
        has_time |= role == "sent" and bool(_TIME.search(line[:LONGEST]))
    return has_time and roles >= {"from", "sent", "to", "subject"}


def _role(line: str) -> str | None:
    label, colon, _ = line[:40].replace("\uff1a", ":").partition(":")
    return ROLES.get(label.strip(" \t\xa0*").casefold()) if colon else None


def is_device(line: str) -> bool:
    """Whether a line is what a phone or an app signs with, such as "Sent from my iPhone"."""
    if len(line) > LONGEST:
        return False
    line = _phrase(_LINK.sub(" ", line))
    if DEVICE_LINES.fullmatch(line):
        return True
    words = _WORD.findall(line)
    return (
        1 < len(words) <= _FEW_WORDS
        and not SENDING.isdisjoint(words)
        and not DEVICES.isdisjoint(words)
        and all(
            word in SENDING
            or word in DEVICES
            or word in FILLERS
            or not DEVICES.isdisjoint(word.split("-"))
            or any(letter.isdigit() for letter in word)
            for word in words
        )
    )


def is_link(line: str) -> bool:
    """Whether a line is a link and nothing else."""
    return len(line) <= LONGEST and bool(_LINK.fullmatch(line))


def _phrase(line: str) -> str:
    return line.strip(_FRAME).casefold().replace("\u2019", "'")
