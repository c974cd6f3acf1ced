"""Bookmarks: small, never ahead of what was handed over, and nothing falls between two runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import catalog_of, emitted, held, messages_in, run_cli, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = "2026-03-01T12:00:00Z"
THREADS, TICKETS, LETTERS = "mailchimp_conversations", "reamaze_conversations", "reamaze_messages"
MOST_STATES, MOST_BYTES = 20, 3072


def bookmarks(state: dict[str, Any]) -> dict[str, str]:
    """How far each stream was read, of one account."""
    found = {}
    for stream, entry in state.get("bookmarks", {}).items():
        for partition in entry.get("partitions", []):
            if value := partition.get("replication_key_value"):
                found[stream] = value
    return found


def test_many_parents_make_a_small_state() -> None:
    """10,000 conversations cost a few short STATE messages, and one SCHEMA for each stream."""
    sizes = {"conversations": 5000, "messages": 1, "reamaze_conversations": 5000}
    with Sandbox(now=NOW, reamaze_messages=1, **sizes) as sandbox:  # type: ignore[arg-type]
        run = sync(sandbox.config())
        assert run.failures == []
        assert len(run.records[TICKETS]) == len(run.records[THREADS]) == 5000
        assert len(run.states) < MOST_STATES
        replies = [state.get("bookmarks", {}).pop("replies", None) for state in run.states]
        assert max(len(json.dumps(state)) for state in run.states) < MOST_BYTES
        assert max(len(json.dumps(entry)) for entry in replies) < MOST_BYTES
        streams = [schema["stream"] for schema in run.schemas]
        assert len(streams) == len(set(streams)) == 10


def test_a_bulk_update_is_told_once() -> None:
    """10,000 rows of one moment come once; when one of them changes, it comes, and then rests."""
    with Sandbox(now=NOW, conversations=10_000, messages=1) as sandbox:
        moment = {"last_message": {"timestamp": "2026-02-28T10:00:00+00:00"}}
        change = {"op": "update", "collection": "mailchimp.conversations"}
        keys = [str(key[0]) for key in held(sandbox, THREADS)]
        sandbox.mutate(*({**change, "key": key, "row": moment} for key in keys))
        catalog = catalog_of(THREADS)
        first = sync(sandbox.config(), catalog=catalog)
        assert len(first.records[THREADS]) == 10_000
        second = sync(sandbox.config(), catalog=catalog, state=first.state)
        assert second.records[THREADS] == []
        assert len(json.dumps(second.state)) == len(json.dumps(first.state)) < 400
        sandbox.mutate({**change, "key": keys[77], "row": {"subject": "changed since"}})
        third = sync(sandbox.config(), catalog=catalog, state=second.state)
        assert "changed since" in {row["subject"] for row in third.records[THREADS]}
        fourth = sync(sandbox.config(), catalog=catalog, state=third.state)
        assert fourth.records[THREADS] == []


@pytest.fixture
def small() -> Iterator[Sandbox]:
    """A few rows of each stream at a known time, to change."""
    with Sandbox(now=NOW, conversations=12, reamaze_conversations=35) as sandbox:
        yield sandbox


def inserted(stream: str, key: str, moment: str) -> dict[str, Any]:
    """A new row of a stream, dated as wanted."""
    if stream == THREADS:
        row: dict[str, Any] = {"id": key, "last_message": {"timestamp": moment}}
        return {"op": "insert", "collection": "mailchimp.conversations", "row": row}
    row = {"slug": key, "updated_at": moment}
    return {"op": "insert", "collection": "reamaze.conversations", "row": row}


@pytest.mark.parametrize("stream", [THREADS, TICKETS])
def test_dates_in_the_future_do_not_move_the_bookmark_there(small: Sandbox, stream: str) -> None:
    """A row dated ahead comes, but what is written until then is not taken for old."""
    clock = ScriptedClock(small.world.now + 600)
    tap, catalog = tap_with(clock), catalog_of(stream)
    small.mutate(inserted(stream, "ahead", "2031-01-01T00:00:00+00:00"))
    first = sync(small.config(), catalog=catalog, tap_class=tap)
    name = "id" if stream == THREADS else "slug"
    assert "ahead" in {row[name] for row in first.records[stream]}
    assert first.bookmark(stream) == "2026-03-01T12:10:00.000Z"
    clock.advance(86_400)
    small.mutate(inserted(stream, "today", "2026-03-02T12:00:00+00:00"))
    second = sync(small.config(), catalog=catalog, state=first.state, tap_class=tap)
    assert "today" in {row[name] for row in second.records[stream]}
    assert second.bookmark(stream) == "2026-03-02T12:10:00.000Z"


def test_rows_without_a_date_come_when_they_change(small: Sandbox) -> None:
    """A thread whose newest message has no date is told once, and again when it changed."""
    change = {"op": "update", "collection": "mailchimp.conversations", "key": "fa8c387539"}
    small.mutate({**change, "row": {"last_message": {"timestamp": ""}}})
    catalog = catalog_of(THREADS)
    first = sync(small.config(), catalog=catalog)
    (undated,) = [row for row in first.records[THREADS] if row["last_message_at"] is None]
    assert undated["id"] == "fa8c387539"
    second = sync(small.config(), catalog=catalog, state=first.state)
    assert second.records[THREADS] == []
    small.mutate({**change, "row": {"unread_messages": 7}})
    third = sync(small.config(), catalog=catalog, state=second.state)
    assert 7 in {row["unread_messages"] for row in third.records[THREADS]}


def ids(replies: list[dict[str, Any]]) -> set[str]:
    """What tells replies apart."""
    return {row["reply_id"] for row in replies}


def test_history_in_pieces_is_whole(small: Sandbox) -> None:
    """Runs that end at one date after another give together what a single run gives."""
    whole = sync(small.config())
    rows: dict[str, list[dict[str, Any]]] = {}
    state = None
    for end in ("2024-11-01", "2025-06-01T10:11:12+02:00", "2026-02-28", None):
        run = sync({**small.config(), "end_date": end}, state=state)
        assert run.failures == []
        state = run.state
        for stream, records in run.records.items():
            rows.setdefault(stream, []).extend(records)
        for stream, value in bookmarks(state).items():
            assert end is None or value < end, stream
    assert ids(rows["replies"]) == ids(whole.records["replies"])
    for stream in bookmarks(whole.state).keys() - {"replies"}:
        assert emitted(rows[stream], stream).keys() == emitted(whole.records[stream], stream).keys()
    assert bookmarks(state or {}) == bookmarks(whole.state)


@pytest.fixture(scope="module")
def many_letters() -> Iterator[Sandbox]:
    """A brand whose messages are read in several windows."""
    with Sandbox(now=NOW, reamaze_conversations=3600, reamaze_messages=4) as sandbox:
        yield sandbox


def letters(sandbox: Sandbox, **settings: Any) -> dict[str, Any]:  # noqa: ANN401
    """Settings that read messages by windows."""
    return {**sandbox.config(), "reamaze_messages_from": "brand", **settings}


def test_a_cut_reading_goes_on_at_its_window(many_letters: Sandbox) -> None:
    """After a failure, the windows that were whole are not asked for again, the others are."""
    catalog, path = catalog_of(LETTERS), "/api/v1/messages"
    many_letters.reset()
    fault = {"kind": "status", "status": 500, "path": path, "at": 300, "times": 10**6}
    many_letters.control(faults=[fault])
    first = sync(letters(many_letters, retry_seconds=0, max_connections=1), catalog=catalog)
    assert len(first.failures) == 1
    dates = [row["created_at"] for row in first.records[LETTERS]]
    bookmark = first.bookmark(LETTERS)
    assert 5000 < len(dates) < 9000
    assert bookmark is not None
    assert bookmark <= max(dates)
    many_letters.reset()
    second = sync(letters(many_letters), catalog=catalog, state=first.state)
    assert second.failures == []
    assert all(row["created_at"] > bookmark for row in second.records[LETTERS])
    known = [row for row in first.records[LETTERS] if row["created_at"] <= bookmark]
    assert emitted([*known, *second.records[LETTERS]], LETTERS) == held(many_letters, LETTERS)
    pages = -(-len(second.records[LETTERS]) // 30)
    windows = 5
    assert many_letters.stats()["endpoints"][path] <= pages + 2 * windows


def test_a_state_covers_what_came_before_it(many_letters: Sandbox, tmp_path: Path) -> None:
    """Every STATE names the newest record before it, and only newer messages follow."""
    many_letters.reset()
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(catalog_of(LETTERS, TICKETS)))
    done = run_cli("--catalog", str(catalog), config=letters(many_letters), folder=tmp_path)
    assert done.returncode == 0
    run = messages_in(done.stdout)
    assert emitted(run.records[LETTERS], LETTERS) == held(many_letters, LETTERS)
    states = _with_newest(done.stdout)
    still_to_come = _with_newest("\n".join(reversed(done.stdout.splitlines())), min)
    assert len(states) >= 3
    for state, newest in states:
        assert bookmarks(state) == {name: newest[name] for name in bookmarks(state)}
    for state, oldest in still_to_come:
        assert bookmarks(state).get(LETTERS, "") < oldest.get(LETTERS, "~")
    assert len({newest.get(LETTERS) for _, newest in states}) > 2


def _with_newest(
    text: str, newer: Callable[[str, str], str] = max
) -> list[tuple[dict[str, Any], dict[str, str]]]:
    """Each state, with the newest date of each stream's records so far (`min`: the oldest)."""
    keys = {LETTERS: "created_at", TICKETS: "updated_at"}
    newest: dict[str, str] = {}
    found = []
    for line in text.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            stream = message["stream"]
            moment = message["record"][keys[stream]]
            newest[stream] = newer(moment, newest.get(stream, moment))
        elif message["type"] == "STATE":
            found.append((message["value"], dict(newest)))
    return found


def test_an_overlap_that_is_cut_counts_for_nothing(many_letters: Sandbox) -> None:
    """Rows that are kept back while a long overlap is read are not taken for handed over."""
    catalog = catalog_of(LETTERS)
    many_letters.reset()
    first = sync(letters(many_letters, start_date="2026-02-20"), catalog=catalog)
    fault = {"kind": "status", "status": 500, "path": "/api/v1/messages", "at": 300}
    many_letters.control(faults=[{**fault, "times": 10**6}])
    config = letters(many_letters, lookback_minutes=1_000_000, retry_seconds=0, max_connections=1)
    cut = sync(config, catalog=catalog, state=first.state)
    assert len(cut.failures) == 1
    assert cut.records[LETTERS] == []
    before, after = (run.state["bookmarks"][LETTERS]["partitions"] for run in (first, cut))
    assert before == after
