"""Make a value of another type a number or a boolean, or null where that cannot be.

`count` is called with the name of the rule that changed a value.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[[str], None]

LARGEST = 2**63
NUMBER = re.compile(r"[+-]?\d{1,300}(\.\d{1,300})?([eE][+-]?\d{1,3})?")
WORDS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def integer(value: Any, count: Count) -> int | None:  # noqa: ANN401 - any JSON
    """A whole number of 64 bits."""
    if type(value) is int and -LARGEST <= value < LARGEST:
        return value
    known = number(value, count)
    if known is None:
        return None
    whole = int(known)
    if isinstance(value, float):
        count("type")
    if whole != known or not -LARGEST <= whole < LARGEST:
        count("number")
        return None
    return whole


def number(value: Any, count: Count) -> float | None:  # noqa: ANN401 - any JSON
    """A finite number; beyond 64 bits it is a float."""
    if type(value) is int and -LARGEST <= value < LARGEST:
        return value
    if value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        count("type")
        return int(value) if isinstance(value, bool) else None
    if isinstance(value, str):
        count("type")
        if not NUMBER.fullmatch(value.strip()):
            return None
        value = float(value) if re.search(r"[.eE]", value) else int(value)
    try:
        is_finite = math.isfinite(value)
    except OverflowError:
        is_finite = False
    if not is_finite:
        count("number")
        return None
    return value if -LARGEST <= value < LARGEST else float(value)


def boolean(value: Any, count: Count) -> bool | None:  # noqa: ANN401 - any JSON
    """True or false, from 1 and 0 and the words too."""
    if value == "" or type(value) is bool:
        return None if value == "" else value
    count("type")
    return None if isinstance(value, (dict, list)) else WORDS.get(str(value).strip().lower())
