"""Functions that clean objects of one form: those that have the same keys in the same order.

Nearly all objects of a list have one of a few forms. A function whose source is made for a form
needs no look-up and no loop for each value, and takes half the time of the loop in `clean.py`.
The source holds names of columns as literals, and nothing else that comes from outside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tap_replies.convert import LARGEST
from tap_replies.times import utc_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tap_replies.fields import Field
    from tap_replies.source import Row

LONGEST_KEY = 600
"""Bytes; PostgreSQL's indexes hold 2,704 in a row, and no key has more than three texts."""

SHORT_KEY = LONGEST_KEY // 4
"""Characters that are no more bytes than that, whichever they are."""

MOST_FORMS = 200
"""Forms of one object that get a function; an API that invents keys must not fill the memory."""

_INT = "type({v}) is int and -LARGEST <= {v} < LARGEST"

# What is done to a value of each kind; {f} fits an object or array, {c} converts all else.
_STEPS = {
    "string": ("type({v}) is str", "{v} = {v} or None"),
    "key": ("type({v}) is str and len({v}) <= SHORT_KEY", "pass"),
    "date-time": ("type({v}) is str and {v}", "{v} = utc_of({v}) or {c}({v})"),
    "integer": (_INT, "pass"),
    "number": (f"type({{v}}) is float or {_INT}", "pass"),
    "boolean": ("type({v}) is bool", "pass"),
    "object": ("type({v}) is dict", "{v} = {f}({v})"),
    "array": ("type({v}) is list", "{v} = {f}({v})"),
    "json": ("{v} is None", "pass"),
}


def function_for(fields: Sequence[Field | None], columns: Iterable[str]) -> Callable[[Row], Row]:
    """What makes the record of an object from its values in their order.

    `fields` says what becomes of each value, None that it is left out. The record begins with the
    `columns`, null where no field is theirs.
    """
    names: dict[str, Any] = {"LARGEST": LARGEST, "SHORT_KEY": SHORT_KEY, "utc_of": utc_of}
    values, steps = [], []
    places: dict[str, str | None] = {}
    for number, field in enumerate(fields):
        value = f"v{number}"
        values.append(value)
        if field is None:
            continue
        places[field.column] = value
        names[f"c{number}"], names[f"f{number}"] = field.convert, field.fit
        used = {"v": value, "c": f"c{number}", "f": f"f{number}"}
        test, step = (text.format(**used) for text in _STEPS[field.kind])
        steps += [
            f" if {test}: {step}",
            f" elif {value} is not None: {value} = c{number}({value})",
        ]
    places = {column: places.get(column) for column in columns} | places
    record = ", ".join(f"{column!r}: {value}" for column, value in places.items())
    lines = ["def clean(row):", f" [{', '.join(values)}] = row.values()", *steps]
    exec("\n".join([*lines, f" return {{{record}}}"]), names)  # noqa: S102 - see above
    made: Callable[[Row], Row] = names["clean"]
    return made
