"""A run says so if what was asked of it could not be done, or cannot be proven."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from singer_sdk.exceptions import ConfigValidationError
from support import Messages, catalog_of, emitted, held, instant, sync

from tap_replies.sandbox import Sandbox, spoil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOW = "2026-03-01T12:00:00+00:00"
LISTS, THREADS = "mailchimp_lists", "mailchimp_conversations"
MESSAGES, OPT_OUTS = "mailchimp_conversation_messages", "mailchimp_list_unsubscribes"
TICKETS, LETTERS, TICKET = "reamaze_conversations", "reamaze_messages", "knock-knock"


@pytest.fixture
def small() -> Iterator[Sandbox]:
    """A sandbox whose present is known."""
    sizes = {"conversations": 6, "messages": 3, "lists": 2, "members": 4, "campaigns": 2}
    with Sandbox(now=NOW, reamaze_conversations=3, **sizes) as sandbox:  # type: ignore[arg-type]
        yield sandbox


def run(
    sandbox: Sandbox,
    *streams: str,
    state: dict[str, Any] | None = None,
    hours: float = 1,
    **settings: object,
) -> Messages:
    """A run of some streams so many hours after the sandbox's present."""
    tap = tap_with(ScriptedClock(instant(NOW).timestamp() + hours * 3600))
    config = sandbox.config() | settings
    return sync(config, catalog=catalog_of(*streams), state=state, tap_class=tap)


def answering(
    monkeypatch: pytest.MonkeyPatch,
    sandbox: Sandbox,
    path: str,
    change: Callable[[dict[str, Any]], object],
) -> None:
    """Have the sandbox change its answers to a path."""

    def changed(body: bytes) -> bytes:
        document = json.loads(body)
        change(document)
        return json.dumps(document).encode()

    monkeypatch.setattr(spoil, "repeated", changed)
    sandbox.control(faults=[{"kind": "duplicate_rows", "path": path}])


@pytest.mark.parametrize("total", ["absent", "null"])
def test_a_list_without_a_total(
    small: Sandbox, monkeypatch: pytest.MonkeyPatch, total: str
) -> None:
    """Where the API does not say how many rows there are, nothing is proven, and that is told."""
    absent = total == "absent"
    answering(
        monkeypatch,
        small,
        "/3.0/conversations",
        lambda found: found.pop("total_items") if absent else found.update(total_items=None),
    )
    found = run(small, THREADS)
    assert emitted(found.records[THREADS], THREADS) == held(small, THREADS)
    assert any("1 lists that tell no total" in line for line in found.log)
    strict = run(small, THREADS, on_count_mismatch="fail")
    assert len(strict.failures) == 1
    assert "does not say how many rows it holds" in strict.failures[0]
    assert strict.bookmark(THREADS) is None


def test_an_empty_list_without_a_total(small: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no row, there is nothing to prove."""

    def empty(found: dict[str, Any]) -> None:
        del found["total_items"]
        found["conversations"] = []

    answering(monkeypatch, small, "/3.0/conversations", empty)
    found = run(small, THREADS, on_count_mismatch="fail")
    assert found.failures == []
    assert not any("no total" in line for line in found.log)


def test_changes_without_a_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a total that falls shows that rows moved up unseen, so without one that is told."""
    with Sandbox(now=NOW, reamaze_conversations=200, reamaze_messages=1) as many:
        first = run(many, TICKETS)
        path = "/api/v1/conversations"
        answering(monkeypatch, many, path, lambda found: found.pop("total_count"))
        many.reset_stats()
        second = run(many, TICKETS, state=first.state, on_count_mismatch="fail")
        pages = many.stats()["endpoints"][path]
    assert pages < 200 / 30
    assert len(second.failures) == 1
    assert "does not say how many rows it holds" in second.failures[0]


def test_a_total_as_text(small: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A total counts as well if the API writes it as a text."""

    def as_text(found: dict[str, Any]) -> None:
        found["total_items"] = str(found["total_items"])
        found["conversations"] = found["conversations"][:2]

    answering(monkeypatch, small, "/3.0/conversations", as_text)
    found = run(small, THREADS, on_count_mismatch="fail")
    assert any("4 MISSING by total_items" in line for line in found.log)
    assert len(found.failures) == 1


def test_parents_without_an_id(small: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of a thread that tells no id cannot be read, and are missing."""

    def nameless(found: dict[str, Any]) -> None:
        for row in found["conversations"][:2]:
            row.pop("id", None)

    answering(monkeypatch, small, "/3.0/conversations", nameless)
    found = run(small, MESSAGES, on_count_mismatch="fail")
    assert any("2 MISSING by parents without an id" in line for line in found.log)
    assert len(found.failures) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_parents_whose_id_is_null(
    small: Sandbox, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Null is no id: nothing is asked for under it, and each such thread is missing."""

    def nameless(found: dict[str, Any]) -> None:
        for row in found["conversations"][:count]:
            row["id"] = None

    answering(monkeypatch, small, "/3.0/conversations", nameless)
    found = run(small, MESSAGES, on_count_mismatch="fail")
    assert any(f"; {count} MISSING by parents without an id; " in line for line in found.log)
    assert len(found.failures) == 1
    assert not [path for path in small.stats()["endpoints"] if "None" in path]


def test_changed_parents_without_an_id(small: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new message in a conversation that tells no slug is missing, and the bookmark stays."""
    settings: dict[str, Any] = {
        "reamaze_messages_from": "conversations",
        "on_count_mismatch": "fail",
    }
    first = run(small, LETTERS, **settings)
    news = {"op": "new_message", "source": "reamaze", "key": TICKET}
    small.mutate({**news, "when": (instant(NOW) + timedelta(hours=1)).isoformat()})

    def nameless(found: dict[str, Any]) -> None:
        for row in found["conversations"]:
            if row["slug"] == TICKET:
                del row["slug"]

    answering(monkeypatch, small, "/api/v1/conversations", nameless)
    second = run(small, LETTERS, state=first.state, hours=2, **settings)
    assert any("1 MISSING by parents without an id" in line for line in second.log)
    assert len(second.failures) == 1
    small.control(faults=[])
    third = run(small, LETTERS, state=second.state, hours=3, **settings)
    assert third.failures == []
    assert [record["conversation_slug"] for record in third.records[LETTERS]] == [TICKET]


def test_an_object_that_lacks_rows(small: Sandbox) -> None:
    """Single objects are counted as well."""
    path = "/3.0/conversations/*/messages"
    small.control(faults=[{"kind": "total", "path": path, "delta": 3}])
    only = {MESSAGES: ["fa8c387539"]}
    found = run(small, MESSAGES, only=only, on_count_mismatch="fail")
    assert len(found.failures) == 1
    assert "3 rows more than it gave" in found.failures[0]


def test_only_of_a_stream_that_is_not_selected(small: Sandbox) -> None:
    """What `only` names but the catalog does not select is told."""
    found = run(small, LISTS, only={MESSAGES: ["fa8c387539"]})
    assert found.records == {}
    assert any("only: the catalog does not select" in line for line in found.log)


@pytest.mark.parametrize("mapping", [{"__filter__": "False"}, None])
def test_records_that_a_map_leaves_out(small: Sandbox, mapping: object) -> None:
    """The count of emitted records is of those that were written."""
    found = run(small, LISTS, stream_maps={LISTS: mapping})
    assert found.records.get(LISTS, []) == []
    assert any(f"{LISTS}, account" in line and ": 0 emitted; 2 read" in line for line in found.log)


def test_an_end_before_the_bookmark(small: Sandbox) -> None:
    """A window that lies before the bookmark needs a state of its own, which is told."""
    first = run(small, THREADS)
    dates = {"start_date": "2020-01-01", "end_date": "2021-01-01"}
    second = run(small, THREADS, state=first.state, hours=2, **dates)
    assert not second.records[THREADS]
    assert any("end_date lies before the bookmark" in line for line in second.log)
    assert second.bookmark(THREADS) == first.bookmark(THREADS)


@pytest.mark.parametrize("end", [{}, {"end_date": "2026-04-01"}], ids=["", "end_date"])
def test_a_bookmark_of_a_clock_that_was_ahead(small: Sandbox, end: dict[str, Any]) -> None:
    """Rows between now and a bookmark that lies ahead are read, and a later end is no surprise."""
    first = run(small, OPT_OUTS)
    state = copy.deepcopy(first.state)
    ahead = (instant(NOW) + timedelta(hours=20)).isoformat()
    state["bookmarks"][OPT_OUTS]["partitions"][0]["replication_key_value"] = ahead
    row = {"id": "a" * 32, "list_id": "57afe96172", "status": "unsubscribed"}
    row["last_changed"] = (instant(NOW) + timedelta(hours=1)).isoformat()
    small.mutate({"op": "insert", "collection": "mailchimp.members", "row": row})
    second = run(small, OPT_OUTS, state=state, hours=2, **end)
    assert "a" * 32 in {record["id"] for record in second.records[OPT_OUTS]}
    assert not any("end_date lies before" in line for line in second.log)


@pytest.mark.parametrize(
    ("partitions", "words"),
    [
        ([{"account_id": "x"}, {"account_id": "x"}], "two bookmarks for one account"),
        ([{"account_id": "x", "list": "y"}], "of more than an account"),
    ],
)
def test_a_state_that_is_ambiguous(
    small: Sandbox, partitions: list[dict[str, str]], words: str
) -> None:
    """A bookmark that cannot be told from another, or is of something else, is refused."""
    check_refused(small, THREADS, partitions, words)


def test_a_state_of_replies_without_its_source(small: Sandbox) -> None:
    """Accounts of two sources may have one id, so a bookmark of one of them must say which."""
    check_refused(small, "replies", [{"account_id": "x"}], "names no source")


def check_refused(
    sandbox: Sandbox, stream: str, partitions: list[dict[str, str]], words: str
) -> None:
    """A state with such bookmarks is refused in such words."""
    found = [{"context": each, "replication_key_value": NOW} for each in partitions]
    with pytest.raises(ConfigValidationError) as refused:
        run(sandbox, stream, state={"bookmarks": {stream: {"partitions": found}}})
    assert any(words in message for message in refused.value.errors)


def test_accounts_of_one_name_in_two_sources(small: Sandbox) -> None:
    """An account of Mailchimp may have the name of a brand: each keeps a row of its own."""
    config = small.config()
    own = {
        source: {
            name.removeprefix(f"{source}_"): value
            for name, value in config.items()
            if name.startswith(source)
        }
        for source in ("mailchimp", "reamaze")
    }
    accounts = [{"source": source, **own[source]} for source in own]
    accounts[0]["name"] = own["reamaze"]["brand"]
    found = sync({"accounts": accounts}, catalog=catalog_of("accounts"))
    keys = found.schemas[0]["key_properties"]
    rows = {tuple(record[key] for key in keys) for record in found.records["accounts"]}
    assert len(rows) == 2
