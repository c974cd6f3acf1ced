"""A list that moves while its pages are read: what was there all the time comes, and once."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import Messages, asked, catalog_of, emitted, instant, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[object, ...]

THREADS, MEMBERS = "mailchimp_conversations", "mailchimp_list_unsubscribes"
TICKETS, MESSAGES = "reamaze_conversations", "reamaze_messages"
PATHS = {
    THREADS: "/3.0/conversations",
    MEMBERS: "/3.0/lists/57afe96172/members",
    TICKETS: "/api/v1/conversations",
    MESSAGES: "/api/v1/messages",
}
TABLES = {stream: stream.rpartition("_")[2] for stream in (THREADS, TICKETS, MESSAGES)}
TABLES[MEMBERS] = "members"
NUMBERS = count(1_000_000)
NOW, LATE = "2026-03-01T12:00:00Z", "2026-03-01T11:00:00+00:00"
"""The present of the sandboxes, and a moment after all changes of members so far."""


@pytest.fixture(scope="module")
def long_mailchimp() -> Iterator[Sandbox]:
    """A sandbox whose lists have two pages; what the tests leave of them is enough for all."""
    with Sandbox(
        now=NOW, conversations=1300, messages=1, lists=1, members=1300, campaigns=1
    ) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def long_reamaze() -> Iterator[Sandbox]:
    """A sandbox whose lists have five pages."""
    with Sandbox(now=NOW, reamaze_conversations=140, reamaze_messages=1) as sandbox:
        yield sandbox


@pytest.fixture
def mailchimp(long_mailchimp: Sandbox) -> Sandbox:
    """The one, before anything moves."""
    long_mailchimp.reset()
    long_mailchimp.control(mailchimp_order="newest")
    return long_mailchimp


@pytest.fixture
def reamaze(long_reamaze: Sandbox) -> Sandbox:
    """The other, before anything moves."""
    long_reamaze.reset()
    long_reamaze.control(reamaze_order="newest")
    return long_reamaze


def there(sandbox: Sandbox, stream: str) -> list[Key]:
    """The keys of the rows that a list holds, in the order of their making."""
    rows = sandbox.world.account("", _source(stream)).rows(TABLES[stream])
    if stream == MEMBERS:
        return [(row["list_id"], row["id"]) for row in rows if row["status"] == "unsubscribed"]
    if stream == MESSAGES:
        return [(row["conversation"]["slug"], instant(row["created_at"])) for row in rows]
    return [(row["slug" if stream == TICKETS else "id"],) for row in rows]


def _source(stream: str) -> str:
    return stream.partition("_")[0]


def _member(what: str, key: Key) -> dict[str, Any]:
    """Somebody leaves, comes back or is deleted."""
    change: dict[str, Any] = {"op": what, "collection": "mailchimp.members", "key": key}
    status = {"insert": "unsubscribed", "update": "subscribed"}.get(what)
    row = {"list_id": key[0], "last_changed": LATE, "status": status}
    row["id"] = f"{next(NUMBERS):032}" if what == "insert" else key[1]
    return {**change, "row": row}


def _conversation(source: str, what: str, key: Key) -> dict[str, Any]:
    """A conversation begins, goes on or is deleted."""
    if what == "insert":
        return {"op": "new_conversation", "source": source, "key": f"{next(NUMBERS):010}"}
    if what == "update":
        op = "new_message" if source == "mailchimp" else "archive"
        return {"op": op, "source": source, "key": key[0]}
    if source == "reamaze":
        return {"op": "remove", "source": source, "key": key[0]}
    return {"op": what, "collection": "mailchimp.conversations", "key": key[0]}


def move(sandbox: Sandbox, stream: str, what: str, place: int, **fault: Any) -> None:  # noqa: ANN401
    """Change the list at a place just before a request, and hold the run against what was there."""
    before = there(sandbox, stream)
    key = before[place]
    is_member = stream == MEMBERS
    mutation = _member(what, key) if is_member else _conversation(_source(stream), what, key)
    fault = {"path": PATHS[stream], **fault, "kind": "mutate", "mutations": [mutation]}
    sandbox.control(faults=[fault])
    config = {**sandbox.config(), "max_connections": 8 if place % 2 else 1}
    run = sync(config, catalog=catalog_of(stream))
    after = there(sandbox, stream)
    assert (set(before) == set(after)) == (what == "update" and not is_member)
    assert_told(run, stream, set(before) & set(after))


def assert_told(run: Messages, stream: str, stayed: set[Key]) -> None:
    """All that stayed has come, and no record twice."""
    assert run.failures == []
    assert stayed <= emitted(run.records[stream], stream).keys()
    texts = [str(record) for record in run.records[stream]]
    assert len(texts) == len(set(texts))


CHANGES = pytest.mark.parametrize("what", ["insert", "update", "delete"])


@CHANGES
@pytest.mark.parametrize("order", ["newest", "oldest", "last_message"])
@pytest.mark.parametrize("place", [3, 999, 1200])
def test_threads_move(mailchimp: Sandbox, order: str, what: str, place: int) -> None:
    """Threads come, go and are answered before, on and after a page's border."""
    mailchimp.control(mailchimp_order=order)
    place = place if order == "oldest" else -1 - place
    move(mailchimp, THREADS, what, place, at=2)


@CHANGES
@pytest.mark.parametrize("place", [3, 999, 1200])
def test_members_move(mailchimp: Sandbox, what: str, place: int) -> None:
    """People leave, come back and are deleted while the list of those who left is read."""
    move(mailchimp, MEMBERS, what, place, at=2)


@CHANGES
@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.parametrize("place", [3, 30, 95])
def test_tickets_move(reamaze: Sandbox, order: str, what: str, place: int) -> None:
    """Conversations of Re:amaze come, go and change while all of them are read."""
    reamaze.control(reamaze_order=order)
    place = place if order == "oldest" else -1 - place
    move(reamaze, TICKETS, what, place, query={"page": "2"}, at=1)


@pytest.mark.parametrize("what", ["insert", "delete"])
@pytest.mark.parametrize("place", [3, 30, 95])
@pytest.mark.parametrize("page", ["1", "2"])
def test_messages_move(reamaze: Sandbox, what: str, place: int, page: str) -> None:
    """Messages come and go while a window of them is read."""
    move(reamaze, MESSAGES, what, -1 - place, query={"page": page}, at=2 if page == "1" else 1)


def recent(sandbox: Sandbox, number: int) -> tuple[Messages, list[str]]:
    """A first run, and the slugs of so many old conversations in which something was said since."""
    run = sync(sandbox.config(), catalog=catalog_of(TICKETS))
    slugs = [str(key[0]) for key in there(sandbox, TICKETS)[:number]]
    for slug in slugs:
        sandbox.mutate({"op": "new_message", "source": "reamaze", "key": slug})
    return run, slugs


@pytest.mark.parametrize("most", [1, 8])
@pytest.mark.parametrize("changed", [1, 29, 31, 65])
@pytest.mark.parametrize("what", ["archive", "remove"])
def test_news_are_found_among_bulk_changes(what: str, changed: int, most: int) -> None:
    """Whatever jumps to the front or leaves, a later run finds all that changed before it."""
    with Sandbox(now=NOW, reamaze_conversations=200, reamaze_messages=1) as sandbox:
        first, slugs = recent(sandbox, 100)
        keys = [str(key[0]) for key in there(sandbox, TICKETS)]
        # What is archived was not read yet; what is removed was.
        chosen = keys[100 : 100 + changed] if what == "archive" else slugs[::-1][:changed]
        bulk = [{"op": what, "source": "reamaze", "key": key} for key in chosen]
        place = {"path": PATHS[TICKETS], "query": {"page": "4"}, "at": 1}
        sandbox.control(faults=[{"kind": "mutate", "mutations": bulk, **place}])
        config = {**sandbox.config(), "max_connections": most}
        run = sync(config, catalog=catalog_of(TICKETS), state=first.state)
        stayed = set(there(sandbox, TICKETS)) & {(slug,) for slug in slugs}
        assert len(stayed) == 100 - changed * (what == "remove")
        assert_told(run, TICKETS, stayed)


def test_what_was_read_in_halves_is_joined(mailchimp: Sandbox) -> None:
    """Rows that move between the halves of a page that was too slow are not lost either."""
    before = there(mailchimp, THREADS)
    gone = [_conversation("mailchimp", "delete", key) for key in before[-10:]]
    whole = {"path": PATHS[THREADS], "query": {"count": "1000"}}
    half = {"path": PATHS[THREADS], "query": {"offset": "500"}, "at": 1}
    mailchimp.control(
        faults=[
            {"kind": "status", "status": 504, **whole},
            {"kind": "mutate", "mutations": gone, **half},
        ]
    )
    run = sync({**mailchimp.config(), "max_connections": 1}, catalog=catalog_of(THREADS))
    after = there(mailchimp, THREADS)
    assert len(after) == len(before) - 10
    assert_told(run, THREADS, set(after))
    counts = {int(query["count"]) for query in asked(mailchimp, PATHS[THREADS])}
    assert max(counts - {1000}) == 501


@pytest.mark.parametrize("odd", [{"offset": "0", "count": "501"}, {"offset": "500"}])
def test_odd_text_in_one_half_only(mailchimp: Sandbox, odd: dict[str, str]) -> None:
    """A page whose halves must be parsed differently comes whole, and every row as it is."""
    plain = sync(mailchimp.config(), catalog=catalog_of(THREADS))
    path = {"path": PATHS[THREADS]}
    slow = {"kind": "status", "status": 504, **path, "query": {"count": "1000"}}
    mailchimp.control(faults=[slow, {"kind": "hostile", **path, "query": odd}])
    run = sync({**mailchimp.config(), "on_count_mismatch": "fail"}, catalog=catalog_of(THREADS))
    assert_told(run, THREADS, set(there(mailchimp, THREADS)))
    keys = {row["id"] for row in plain.records[THREADS]}
    assert {row["id"] for row in run.records[THREADS]} == keys


def test_answers_that_overtake_one_another() -> None:
    """A page that was answered before a change is not joined to one that was answered after it."""
    with Sandbox(now=NOW, reamaze_conversations=220, reamaze_messages=1) as sandbox:
        first, slugs = recent(sandbox, 110)
        jumps = [
            _conversation("reamaze", "update", key) for key in there(sandbox, TICKETS)[120:125]
        ]
        # Asked for together with the fourth page, the third is answered later.
        third = {"path": PATHS[TICKETS], "query": {"page": "3"}}
        sandbox.control(
            faults=[
                {"kind": "status", "status": 500, **third, "at": 1, "times": 9},
                {"kind": "mutate", "mutations": jumps, **third, "at": 10},
            ]
        )
        tap = tap_with(ScriptedClock(sandbox.world.now + 3600))
        catalog = catalog_of(TICKETS)
        run = sync(sandbox.config(), catalog=catalog, state=first.state, tap_class=tap)
        assert_told(run, TICKETS, {(slug,) for slug in slugs})


def test_the_newest_version_comes_last(mailchimp: Sandbox) -> None:
    """A thread that is answered while it is read does not end as it was before."""
    first = sync(mailchimp.config(), catalog=catalog_of(THREADS))
    newest = max(first.records[THREADS], key=lambda row: str(row["last_message_at"]))
    mailchimp.mutate(
        {
            "op": "new_conversation",
            "source": "mailchimp",
            "key": f"{next(NUMBERS):010}",
            "when": newest["last_message_at"],
        }
    )
    others = [key for key in there(mailchimp, THREADS) if key[0] != newest["id"]]
    changes = [
        _conversation("mailchimp", "update", (newest["id"],)),
        _conversation("mailchimp", "delete", others[-10]),
    ]
    # The removal makes the first page come again, now with the answered thread.
    place = {"path": PATHS[THREADS], "query": {"offset": "999"}, "at": 1}
    mailchimp.control(faults=[{"kind": "mutate", "mutations": changes, **place}])
    run = sync(mailchimp.config(), catalog=catalog_of(THREADS), state=first.state)
    told = [row["message_count"] for row in run.records[THREADS] if row["id"] == newest["id"]]
    assert told[-1] == newest["message_count"] + 1
    assert told == sorted(told)
