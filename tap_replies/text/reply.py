"""The part of a text that is new: without the mail it answers and the signature.

Its rule is that nothing a human wrote for this message may be lost, so whatever is in doubt stays:
a quote counts as one if it is said that somebody wrote it, headers if all four are there, a
signature below the standard's own sign or in words that only devices use. What stays is one piece,
from the first new line to the last.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_replies.text import marks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    Introductions = Mapping[int, marks.Introduction]

_SIGNATURE = frozenset(("-- ", "--\xa0", "-- \r"))
_LONGEST_SIGNATURE = 15
"""Lines; what is longer below such a sign is no signature."""

_MOST_SIGNATURES = 2
"""The writer's and a mailing list's; more such signs only divide."""

_FIGURE = re.compile(r"[>\s]*[=<~+-]?\s?[$€£¥]?\s?\d|[>\s]*$")


@dataclass(frozen=True, slots=True)
class NewPart:
    """The new part of a text, which is a piece of it, and whether anything was cut."""

    text: str
    is_stripped: bool


def new_part(text: str) -> NewPart:
    """The part of a text that is new in this message; the whole text where there is none."""
    lines = text.split("\n")
    kept = _kept(lines) if len(lines) > 1 else None
    if kept is None:
        return NewPart(text, is_stripped=False)
    first, last = kept
    start = sum(map(len, lines[:first])) + first
    end = start + sum(map(len, lines[first : last + 1])) + last - first
    return NewPart(text[start:end].rstrip(), is_stripped=True)


def _kept(lines: Sequence[str]) -> tuple[int, int] | None:
    """The first and the last new line; None where there is none, or nothing to cut."""
    bare = [line.strip() for line in lines]
    introductions = {
        found.first: found for last in range(len(bare)) if (found := marks.introduction(bare, last))
    }
    end = _end(bare, introductions)
    if end is None:
        return None
    is_new = _new_lines(bare[:end], introductions)
    last = _last(lines, bare, is_new)
    first = next((index for index in range(last + 1) if is_new[index]), None)
    if first is None or not (any(bare[:first]) or any(bare[last + 1 :])):
        return None
    return first, last


def _end(bare: Sequence[str], introductions: Introductions) -> int | None:
    """Where the message that is answered begins, if not each of its lines is marked as quoted.

    None where a message is forwarded: that is what was sent.
    """
    inside = -1
    for index, line in enumerate(bare):
        if index <= inside or not line or line[0] == ">":
            continue
        if marks.is_forward(line):
            return None
        introduction = introductions.get(index)
        if introduction and introduction.is_above_quote:
            inside = introduction.last
        elif (
            (introduction and introduction.is_sure)
            or marks.is_reply_above(line)
            or marks.starts_original(bare, index)
        ):
            return index
    return len(bare)


def _new_lines(bare: Sequence[str], introductions: Introductions) -> list[bool]:
    """Whether each line is new: neither blank nor quoted nor the introduction of a quote."""
    is_new = [bool(line) for line in bare]
    for introduction in introductions.values():
        if introduction.is_above_quote and introduction.last < len(bare):
            for index in range(introduction.first, introduction.last + 1):
                is_new[index] = False
    is_known = False
    for first, last in _quotes(bare):
        above = next(
            (index for index in range(first - 1, max(first - 5, -1), -1) if bare[index]), -1
        )
        quote = [line for line in bare[first : last + 1] if line]
        is_said = above >= 0 and (not is_new[above] or marks.tells_of_writing(bare[above]))
        if is_said or marks.is_thread(quote):
            is_known = True
        elif not is_known or all(map(_FIGURE.match, quote)):
            continue
        is_new[first : last + 1] = [False] * (last + 1 - first)
    return is_new


def _quotes(bare: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The first and the last line of each run of lines that begin with ``>``, blank ones apart."""
    first = last = -1
    for index, line in enumerate(bare):
        if not line:
            continue
        if line[0] == ">":
            first = index if first < 0 else first
            last = index
        elif first >= 0:
            yield first, last
            first = -1
    if first >= 0:
        yield first, last


def _last(lines: Sequence[str], bare: Sequence[str], is_new: Sequence[bool]) -> int:
    """The last new line above the signature; -1 where there is none."""
    signs = {index for index in range(len(is_new)) if lines[index] in _SIGNATURE}
    if len(signs) > _MOST_SIGNATURES:
        signs = set()
    first: int | None = len(is_new)
    while first is not None:
        last = next((index for index in range(first - 1, -1, -1) if is_new[index]), -1)
        first = _signature(bare, is_new, signs, last) if last >= 0 else None
    return last


def _signature(
    bare: Sequence[str], is_new: Sequence[bool], signs: AbstractSet[int], last: int
) -> int | None:
    """The first line of the signature that ends at a line."""
    if marks.is_device(bare[last]):
        return last
    if last and marks.is_link(bare[last]) and marks.is_device(bare[last - 1]):
        return last - 1
    length = 0
    for index in range(last, -1, -1):
        if index in signs:
            return index
        if bare[index]:
            length += 1
            if length > _LONGEST_SIGNATURE or not is_new[index]:
                return None
    return None
