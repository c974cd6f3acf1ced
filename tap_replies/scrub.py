"""Take out of a row what no database stores: U+0000, lone surrogates, numbers that are none."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_replies.source import Row

    Count = Callable[[str, str], None]

HALF_CHARACTER = "holds half of a character (a lone surrogate), which is no text"
"""What is wrong with what is no text."""


def scrubbed(row: Row, column_of: Callable[[str], str | None], count: Count) -> Row:
    """The row fit for any database, in keys and at any depth.

    `column_of` names the column for a key, None if there is none: such a value is left alone, as
    nobody stores it. Changes are counted under the column, as keys within it may be personal.
    """
    clean: Row = {}
    for key, value in row.items():
        name = fit_text(key)
        column = column_of(name)
        if name != key and (name in row or name in clean):
            if column:
                count("name", column)
        elif column is None:
            clean[name] = value
        else:
            try:
                clean[name] = _scrub(value, column, count)
            except RecursionError:
                count("depth", column)
                clean[name] = None
    return clean


def _scrub(value: Any, column: str, count: Count) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str):
        text = fit_text(value)
        if text != value:
            count("text", column)
        return text
    if isinstance(value, dict):
        clean: Row = {}
        for key, each in value.items():
            name = _scrub(key, column, count)
            if name != key and (name in value or name in clean):
                count("name", column)
            else:
                clean[name] = _scrub(each, column, count)
        return clean
    if isinstance(value, list):
        return [_scrub(each, column, count) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        count("number", column)
        return None
    return value


def is_text(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether a JSON value can be written: a lone surrogate is half of a character, and no text."""
    try:
        # The SDK reads fractions as `Decimal`.
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        return False
    return True


def fit_text(value: str) -> str:
    """The text without U+0000, and with U+FFFD in the place of each lone surrogate."""
    clean = value.replace("\0", "").encode("utf-16", "surrogatepass")
    return clean.decode("utf-16", "replace")
