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
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tap_replies.fields import Field
    from tap_replies.source import Row

LONGEST_KEY = 600
"""Bytes; PostgreSQL's indexes hold 2,704 in a row, and no key has more than three texts."""

SHORT_KEY = LONGEST_KEY // 4
"""Characters that are no more bytes than that, whichever they are."""

MOST_FORMS = 200
"""Forms of one object that get a function; an API that invents keys must not fill the memory."""

_INT = "type({v}) is int and -LARGEST <= {v} < LARGEST"

# What is done to a value of each kind; {r} is its place in the row, {f} fits an object or array,
# {c} converts all else.
_STEPS = {
    "string": ("type({v}) is str", "if not {v}: {r} = None"),
    "key": ("type({v}) is str and len({v}) <= SHORT_KEY", "pass"),
    "date-time": ("type({v}) is str and {v}", "{r} = utc_of({v}) or {c}({v})"),
    "integer": (_INT, "pass"),
    "number": (f"type({{v}}) is float or {_INT}", "pass"),
    "boolean": ("type({v}) is bool", "pass"),
    "object": ("type({v}) is dict", "{r} = {f}({v})"),
    "array": ("type({v}) is list", "if {v}: {r} = {f}({v})"),
    "json": ("{v} is None", "pass"),
}


def function_for(
    row: Row, fields: Sequence[Field | None], columns: Iterable[str]
) -> Callable[[Row], Row]:
    """What makes each object of the form of this one the record that it is, in place.

    `fields` says what becomes of the value of each key, None that it is left out; `columns` are
    those that the record is to have in any case.
    """
    blank = {column: None for column in columns if column not in row}
    names: dict[str, Any] = {
        "LARGEST": LARGEST,
        "SHORT_KEY": SHORT_KEY,
        "utc_of": utc_of,
        "blank": blank,
    }
    lines = ["def clean(row):", *(f" {each}" for each in _lines("row", "", row, fields, names))]
    if blank:
        lines.append(" row.update(blank)")
    exec("\n".join([*lines, " return row"]), names)  # noqa: S102 - see above
    made: Callable[[Row], Row] = names["clean"]
    return made


def _lines(
    name: str, number: str, example: Row, fields: Sequence[Field | None], names: dict[str, Any]
) -> Iterator[str]:
    """The source that cleans the object with a name in place; `names` are those that it uses.

    What is in an object that the example holds too is cleaned without a call, if the form of
    that is the example's too.
    """
    values = [f"v{number}_{place}" for place in range(len(fields))]
    yield f"[{', '.join(values)}] = {name}.values()"
    for place, (key, field, value) in enumerate(zip(example, fields, values, strict=True)):
        own = f"{number}_{place}"
        if field is None:
            names[f"k{own}"] = key
            yield f"del {name}[k{own}]"
            continue
        names[f"c{own}"], names[f"f{own}"] = field.convert, field.fit
        spot = f"{name}[{field.column!r}]"
        used = {"v": value, "r": spot, "c": f"c{own}", "f": f"f{own}"}
        test, step = (text.format(**used) for text in _STEPS[field.kind])
        yield f"if {test}:"
        inner = example[key]
        form = tuple(inner) if field.kind == "object" and isinstance(inner, dict) else ()
        if form and field.fields_of and (found := field.fields_of(form)):
            names[f"k{own}"] = form
            yield f" if (*{value},) == k{own}:"
            yield from (f"  {each}" for each in _lines(value, own, inner, found, names))
            yield f" else: {step}"
        else:
            yield f" {step}"
        yield f"elif {value} is not None: {spot} = c{own}({value})"
