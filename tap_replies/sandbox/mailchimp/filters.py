"""Mailchimp's query parameters: bounds in time, words, pages, and how it refuses them."""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, NoReturn

import msgspec

from tap_replies.sandbox.answer import Answer, Query, Refusal
from tap_replies.sandbox.chance import hex_id
from tap_replies.sandbox.clock import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_replies.sandbox.table import Entry, Row

_GLOSSARY = "https://mailchimp.com/developer/marketing/docs/errors/"
_FRACTION = re.compile(r"\d\.\d")
MAX_COUNT = 1000
_NOT_ALLOWED = 405

by_number = attrgetter("number")


def problem(status: int, title: str, detail: str, instance: str = "") -> Answer:
    """Return an error as Mailchimp words it."""
    body = {
        "type": _GLOSSARY,
        "title": title,
        "status": status,
        "detail": detail,
        "instance": instance or hex_id(32, status, len(title), len(detail)),
    }
    link = b'<https://us6.api.mailchimp.com/schema/3.0/ProblemDetail.json>; rel="describedBy"'
    headers = ((b"link", link),) + (((b"allow", b"GET"),) if status == _NOT_ALLOWED else ())
    content_type = "application/problem+json; charset=utf-8"
    return Answer(status, msgspec.json.encode(body), content_type, headers)


def refuse(status: int, title: str, detail: str) -> NoReturn:
    """Answer with an error."""
    raise Refusal(problem(status, title, detail))


def not_found() -> NoReturn:
    """Answer that there is no such thing."""
    refuse(404, "Resource Not Found", "The requested resource could not be found.")


def moment(query: Query, name: str) -> float | None:
    """Read a moment from the query; fractions of a second break the vendor's server."""
    text = query.get(name)
    if not text:
        return None
    if _FRACTION.search(text):
        refuse(500, "InternalServerError", "An unexpected internal error has occurred.")
    try:
        return parse(text)
    except ValueError:
        refuse(400, "Invalid Resource", f"The value of {name} is not a valid date.")


def within(query: Query, name: str) -> list[Callable[[Entry], bool]]:
    """Return the tests of since_<name> (exclusive) and before_<name> (inclusive)."""
    since, before = moment(query, f"since_{name}"), moment(query, f"before_{name}")
    tests: list[Callable[[Entry], bool]] = []
    if since is not None:
        tests.append(lambda entry: (entry.facts[name] or 0) > since)
    if before is not None:
        tests.append(lambda entry: (entry.facts[name] or before + 1) <= before)
    return tests


def equals(query: Query, *names: str) -> list[Callable[[Entry], bool]]:
    """Return the tests of plain parameters; an unknown value finds nothing, without an error."""
    return [_equal(name, query[name]) for name in names if query.get(name)]


def flag(query: Query, parameter: str, fact: str) -> list[Callable[[Entry], bool]]:
    """Return the test of a true/false parameter."""
    word = query.get(parameter)
    return [] if not word else [lambda entry: entry.facts[fact] == (word == "true")]


def choose(
    entries: Iterable[Entry],
    tests: list[Callable[[Entry], bool]],
    *,
    newest_first: bool = False,
) -> list[Entry]:
    """Return the entries that pass all tests, in the order of creation."""
    chosen = [entry for entry in entries if all(test(entry) for test in tests)]
    return sorted(chosen, key=by_number, reverse=newest_first)


def arranged(entries: list[Entry], query: Query, *sorts: str) -> list[Entry]:
    """Sort by sort_field and sort_dir if the field is one of those documented."""
    chosen = query.get("sort_field")
    if not chosen:
        return entries
    if chosen not in sorts:
        refuse(400, "Invalid Resource", f"Sorting by {chosen} is not possible here.")
    descending = query.get("sort_dir", "ASC").upper() == "DESC"
    return sorted(entries, key=lambda entry: entry.facts[chosen] or 0, reverse=descending)


def window(query: Query) -> tuple[int, int]:
    """Return offset and count; a count over 1000 is taken for 1000."""
    try:
        start, count = int(query.get("offset") or 0), int(query.get("count") or 10)
    except ValueError:
        refuse(400, "Invalid Resource", "count and offset must be whole numbers.")
    if start < 0 or count < 0:
        refuse(400, "Invalid Resource", "count and offset must not be negative.")
    return start, min(count, MAX_COUNT)


def wanted(query: Query, document: Row) -> tuple[str, str]:
    """Return fields and exclude_fields after checking them against the envelope."""
    fields, excluded = query.get("fields", ""), query.get("exclude_fields", "")
    if fields and excluded:
        refuse(400, "Bad Request", "Use either fields or exclude_fields, not both.")
    for path in filter(None, fields.split(",")):
        if path.strip().split(".")[0] not in document:
            refuse(422, "Requested Fields Invalid", f"There is no field {path} to return.")
    return fields, excluded


def _equal(name: str, value: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.facts[name] == value
