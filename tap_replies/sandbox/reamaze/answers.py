"""Re:amaze's endpoints: from a brand and a query to rows or an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import msgspec

from tap_replies.sandbox.answer import Answer, Listing, Query, Refusal, Request, Route, Router
from tap_replies.sandbox.clock import offset, parse
from tap_replies.sandbox.projection import for_document
from tap_replies.sandbox.reamaze import threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_replies.sandbox.reamaze.brand import ReamazeBrand
    from tap_replies.sandbox.switches import Switches
    from tap_replies.sandbox.table import Entry, Row

PAGE_SIZE = 30
_ARCHIVED = 4
_SETTLED = (2, 3, 4, 6, 8, 9)
_FIRST_ID = 900_000_001
_ORIGINS = {"chat": "0", "email": "1", "api": "7", "instagram": "8", "sms": "9"}
_ORIGINS |= {"staff": "16", "form": "17"}
_LISTED_WITHOUT = "data,last_staff_message"


def failure(status: int, text: str) -> Answer:
    """Return an error as Re:amaze words it."""
    return Answer(status, msgspec.json.encode({"error": text}))


def refuse(status: int, text: str) -> NoReturn:
    """Answer with an error."""
    raise Refusal(failure(status, text))


def conversations(brand: ReamazeBrand, query: Query, switches: Switches) -> Listing:
    """Answer GET /conversations; without a filter the archived ones are left out."""
    table = brand["conversations"]
    tests = [_by_filter(query.get("filter", "")), *_words(query)]
    tests += _bounds(query, "updated")
    for name, value in query.items():
        if name.startswith("data["):
            tests.append(_by_data(name[5:].rstrip("]"), value))
    rows = [entry for entry in table if all(test(entry) for test in tests)]
    sort = query.get("sort", "")
    if sort in ("updated", "changed"):
        rows.sort(key=lambda entry: (entry.facts[sort] or 0, entry.number), reverse=True)
    else:
        newest_first = switches.reamaze_order == "newest"
        rows.sort(key=lambda entry: (entry.facts["created"], entry.number), reverse=newest_first)
    hidden = _LISTED_WITHOUT + ("" if switches.reamaze_updated_at else ",updated_at")
    return Listing("conversations", table, rows, hidden=hidden)


def conversation(brand: ReamazeBrand, _query: Query, switches: Switches, slug: str) -> Row:
    """Answer GET /conversations/{slug}; a number that is no slug is taken for a database id."""
    table = brand["conversations"]
    entry = table.get(slug)
    if entry is None and slug.isdecimal():
        number = int(slug) - _FIRST_ID
        entry = next((one for one in table if one.number == number), None)
    if entry is None:
        refuse(404, "Not Found")
    hidden = "" if switches.reamaze_updated_at else "updated_at"
    document: Row = msgspec.json.decode(table.encode(entry, for_document("", "", hidden)))
    return document


def messages(brand: ReamazeBrand, query: Query, switches: Switches, slug: str = "") -> Listing:
    """Answer GET /messages and GET /conversations/{slug}/messages, newest first."""
    table = brand["messages"]
    if slug and brand["conversations"].get(slug) is None:
        refuse(404, "Not Found")
    tests = _bounds(query, "created")
    if role := query.get("filter"):
        tests.append(lambda entry: entry.facts["staff"] == (role == "staff"))
    for parameter, fact in (("sent_by", "email"), ("origin", "origin"), ("visibility",) * 2):
        if query.get(parameter):
            tests.append(_by_fact(fact, query[parameter]))
    if query.get("tag") or query.get("category"):
        fitting = {
            entry.key
            for entry in brand["conversations"]
            if all(test(entry) for test in _words({**query, "origin": ""}))
        }
        tests.append(lambda entry: entry.facts["slug"] in fitting)
    source = table.members(slug) if slug else table
    rows: list[Entry] = [entry for entry in source if all(test(entry) for test in tests)]
    counted = None
    if switches.initial_messages != "listed":
        firsts = _firsts(brand)
        if switches.initial_messages == "count_hides":
            counted = sum(entry not in firsts for entry in rows)
        elif not slug:
            rows = [entry for entry in rows if entry not in firsts]
    rows.sort(key=lambda entry: (entry.facts["created"], entry.number), reverse=True)
    hidden = "_place" if "original_body" in query.get("include", "") else "_place,original_body"
    return Listing("messages", table, rows, hidden=hidden, counted=counted)


def staff(brand: ReamazeBrand, _query: Query, _switches: Switches) -> Row:
    """Answer GET /staff."""
    since = offset(brand.seed.now - 900 * 86400, 0)
    rows: list[Row] = [
        {
            "name": name,
            "email": email,
            "display_name": name,
            "notification_email": private,
            "created_at": since,
            "role": {"id": None, "name": "Admin", "admin?": True, "permissions": {}},
        }
        for name, email, private in (("Sandy Box", brand.login, None), *threads.STAFF)
    ]
    counts = {"page_size": PAGE_SIZE, "page_count": 1, "total_count": len(rows)}
    return {**counts, "staff": rows}


def channels(brand: ReamazeBrand, _query: Query, _switches: Switches) -> Row:
    """Answer GET /channels."""
    label = {"name": brand.name, "url": f"https://{brand.name}.reamaze.io"}
    rows = [{**threads.category(way), "visibility": 1, "brand": label} for way in threads.ways()]
    return {"total_count": len(rows), "channels": rows}


ROUTER = Router(
    {
        "/api/v1/conversations": conversations,
        "/api/v1/conversations/{slug}": conversation,
        "/api/v1/conversations/{slug}/messages": messages,
        "/api/v1/messages": messages,
        "/api/v1/staff": staff,
        "/api/v1/channels": channels,
    },
)


def respond(
    brand: ReamazeBrand,
    request: Request,
    switches: Switches,
    found: tuple[Route, tuple[str, ...]] | None,
) -> Answer:
    """Answer a request whose credential is known."""
    route, ids = found or refuse(404, "Not Found")
    if request.method != "GET":
        refuse(405, "Method Not Allowed")
    query = request.parameters
    try:
        page = max(1, int(query.pop("page", "") or 1))
    except ValueError:
        page = 1
    name = (route.template, ids, tuple(sorted(query.items())))
    shown = brand.cached(name, lambda: route.handler(brand, query, switches, *ids))
    if not isinstance(shown, Listing):
        return Answer(200, msgspec.json.encode(shown))
    rows = shown.rows((page - 1) * PAGE_SIZE, PAGE_SIZE) or b"[]"
    counts = {
        "page_size": PAGE_SIZE,
        "page_count": -(-shown.total // PAGE_SIZE),
        "total_count": shown.total,
    }
    head = msgspec.json.encode(counts)[:-1]
    return Answer(200, head + b',"' + shown.name.encode() + b'":' + rows + b"}")


def _firsts(brand: ReamazeBrand) -> set[Entry]:
    def find() -> set[Entry]:
        first: dict[str, Entry] = {}
        for entry in brand["messages"]:
            first.setdefault(entry.facts["slug"], entry)
        return set(first.values())

    return brand.cached("first messages", find)


def _bounds(query: Query, fact: str) -> list[Callable[[Entry], bool]]:
    """Return the tests of start_date and end_date, both inclusive."""
    tests: list[Callable[[Entry], bool]] = []
    try:
        start, end = (
            parse(query[name]) if query.get(name) else None for name in ("start_date", "end_date")
        )
    except ValueError:
        refuse(422, "invalid date")
    if start is not None:
        tests.append(lambda entry: entry.facts[fact] is not None and entry.facts[fact] >= start)
    if end is not None:
        tests.append(lambda entry: entry.facts[fact] is not None and entry.facts[fact] <= end)
    return tests


def _by_filter(word: str) -> Callable[[Entry], bool]:
    if word == "all":
        return lambda _entry: True
    if word == "archived":
        return lambda entry: entry.facts["status"] == _ARCHIVED
    if word == "open":
        return lambda entry: entry.facts["status"] not in _SETTLED
    if word == "unassigned":
        return lambda entry: not entry.facts["assigned"] and entry.facts["status"] != _ARCHIVED
    return lambda entry: entry.facts["status"] != _ARCHIVED


def _words(query: Query) -> list[Callable[[Entry], bool]]:
    tests: list[Callable[[Entry], bool]] = []
    if tags := set(filter(None, query.get("tag", "").split(","))):
        tests.append(lambda entry: bool(tags.intersection(entry.facts["tags"])))
    if category := query.get("category"):
        tests.append(_by_fact("category", category))
    if origin := query.get("origin"):
        tests.append(_by_fact("origin", _ORIGINS.get(origin, origin)))
    if person := query.get("for"):
        tests.append(lambda entry: person in entry.facts["people"])
    if person_id := query.get("for_id"):
        tests.append(_by_fact("sso_id", person_id))
    return tests


def _by_fact(fact: str, value: str) -> Callable[[Entry], bool]:
    return lambda entry: entry.facts[fact] == value


def _by_data(name: str, value: str) -> Callable[[Entry], bool]:
    return lambda entry: str((entry.facts["data"] or {}).get(name)) == value
