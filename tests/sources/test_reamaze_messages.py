"""All messages of Re:amaze arrive, whatever its brand-wide list shows and counts."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import Messages, Record, asked, catalog_of, emitted, held, instant, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "reamaze_messages"
BRAND_WIDE = "/api/v1/messages"
THREAD = "/api/v1/conversations/{slug}/messages"
SHOWN = pytest.mark.parametrize("shown", ["listed", "brand_hides", "count_hides"])


@pytest.fixture
def brand() -> Iterator[Sandbox]:
    """A brand whose present is known, to change."""
    with Sandbox(now="2026-03-01T12:00:00Z", reamaze_conversations=40) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: Any) -> Messages:  # noqa: ANN401
    """The messages of the brand, with the requests counted anew."""
    sandbox.reset_stats()
    messages = sync({**sandbox.config(), **settings}, catalog=catalog_of(STREAM), state=state)
    assert messages.failures == []
    return messages


def loaded(*runs: Messages) -> list[Record]:
    """What a table holds after these runs: of each key the row that came last."""
    rows = [row for run in runs for row in run.records[STREAM]]
    return list({row["message_key"]: row for row in rows}.values())


def assert_true_states(run: Messages) -> None:
    """All messages up to a bookmark have come before its state, and no other."""
    moments = [row["created_at"] for row in run.records[STREAM]]
    kinds = [kind for kind, _ in run.kinds]
    at = [place for place, kind in enumerate(kinds) if kind == "STATE"]
    for place, state in zip(at, run.states, strict=True):
        count = kinds[:place].count("RECORD")
        bookmark = Messages(states=[state]).bookmark(STREAM) or ""
        assert max(moments[:count]) == bookmark < min(moments[count:], default="~")


def new_slugs(messages: Messages) -> list[str]:
    """The conversations of the emitted messages."""
    return sorted(record["conversation_slug"] for record in messages.records[STREAM])


@SHOWN
@pytest.mark.parametrize("way", ["auto", "conversations"])
def test_all_messages_arrive(brand: Sandbox, shown: str, way: str) -> None:
    """Listed or not, counted or not: a first run has every message, the next one every new one."""
    brand.control(initial_messages=shown)
    first = read(brand, reamaze_messages_from=way)
    assert emitted(loaded(first), STREAM) == held(brand, STREAM)
    brand.mutate(
        {"op": "new_message", "source": "reamaze", "key": "knock-knock"},
        {"op": "new_conversation", "source": "reamaze", "key": "brand-new"},
    )
    second = read(brand, first.state, reamaze_messages_from=way)
    assert new_slugs(second) == ["brand-new", "knock-knock"]
    assert read(brand, second.state, reamaze_messages_from=way).records == {}


@pytest.mark.parametrize("shown", ["listed", "count_hides"])
def test_windows_need_few_requests(brand: Sandbox, shown: str) -> None:
    """Where the brand-wide list is whole, threads are only looked into as a sample."""
    brand.control(initial_messages=shown)
    messages = read(brand)
    assert emitted(messages.records[STREAM], STREAM) == held(brand, STREAM)
    assert brand.stats()["endpoints"][THREAD] <= 20
    assert "messages_from" not in str(messages.state)


def test_an_account_that_hides_messages_switches_to_threads(brand: Sandbox) -> None:
    """It says so, remembers it in the state, and the next run reads only threads that changed."""
    brand.control(initial_messages="brand_hides")
    first = read(brand)
    (line,) = [line for line in first.log if "from now on threads are read" in line]
    assert "account sandbox" in line
    brand.mutate({"op": "new_message", "source": "reamaze", "key": "knock-knock"})
    second = read(brand, first.state)
    assert new_slugs(second) == ["knock-knock"]
    assert not [line for line in second.log if "from now on" in line]
    endpoints = brand.stats()["endpoints"]
    assert BRAND_WIDE not in endpoints
    assert endpoints[THREAD] == 1


def test_an_account_may_begin_to_hide_messages(brand: Sandbox) -> None:
    """When the list stops to show initial messages, the next run finds them in the threads."""
    first = read(brand)
    brand.control(initial_messages="brand_hides")
    brand.mutate({"op": "new_conversation", "source": "reamaze", "key": "brand-new"})
    second = read(brand, first.state)
    assert [line for line in second.log if "from now on threads are read" in line]
    assert "brand-new" in new_slugs(second)
    assert emitted(loaded(first, second), STREAM) == held(brand, STREAM)
    assert read(brand, second.state).records == {}
    assert BRAND_WIDE not in brand.stats()["endpoints"]


def test_the_user_may_insist_on_the_brand_wide_list(brand: Sandbox) -> None:
    """With `brand` no thread is asked for, and what the list shows arrives."""
    messages = read(brand, reamaze_messages_from="brand")
    assert emitted(messages.records[STREAM], STREAM) == held(brand, STREAM)
    assert THREAD not in brand.stats()["endpoints"]


def test_both_ways_give_a_message_the_same_key(still: Sandbox) -> None:
    """A message has one key, whether a window or its thread gave it; so do messages alike."""
    records = [
        read(still, reamaze_messages_from=way).records[STREAM] for way in ("brand", "conversations")
    ]
    windows, threads = [{row["message_key"]: row for row in each} for each in records]
    assert windows == threads
    assert len(windows) == len(records[0])
    alike = emitted(records[0], STREAM)
    assert max(alike.values()) > 1


def test_a_hidden_message_is_not_taken_for_one_that_was_shown(brand: Sandbox) -> None:
    """Of two alike but for their text, of which the list hides one, both are in the table."""
    brand.control(initial_messages="brand_hides")
    tables = [loaded(read(brand, reamaze_messages_from=way)) for way in ("auto", "conversations")]
    texts = [Counter((row["conversation_slug"], row["body"]) for row in each) for each in tables]
    assert texts[0] == texts[1]
    moments = Counter((row["conversation_slug"], row["created_at"]) for row in tables[0])
    assert max(moments.values()) > 1


def test_an_edited_message_keeps_its_key(brand: Sandbox) -> None:
    """A changed text is the same message with another `body_sha256`."""
    slug = "knock-knock"
    only = {"only": {STREAM: [slug]}}
    before = read(brand, **only).records[STREAM]
    brand.mutate(
        {
            "op": "update",
            "collection": "reamaze.messages",
            "key": [slug, 0],
            "row": {"body": "<p>Edited</p>"},
        }
    )
    after = read(brand, **only).records[STREAM]
    assert [row["message_key"] for row in before] == [row["message_key"] for row in after]
    ((old, new),) = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert new["body"] == "<p>Edited</p>"
    assert old["body_sha256"] != new["body_sha256"]


def test_windows_come_oldest_first(brand: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state in between says truly that all older messages have come, so a cut run goes on."""
    monkeypatch.setattr("tap_replies.sources.reamaze.windows.WANTED", 40)
    monkeypatch.setattr("tap_replies.loop.STATE_EVERY", 1)
    run = read(brand, reamaze_messages_from="brand")
    assert len(run.states) > 2
    assert_true_states(run)


def test_a_message_of_another_thread_keeps_its_own(brand: Sandbox) -> None:
    """A thread that shows somebody else's message does not make it its own."""
    path = "/api/v1/conversations/knock-knock/messages"
    brand.control(faults=[{"kind": "foreign", "path": path}])
    messages = read(brand, reamaze_messages_from="conversations")
    assert emitted(messages.records[STREAM], STREAM) - held(brand, STREAM) == {
        ("somebody-elses-thread", instant(row["created_at"])): 1
        for row in messages.records[STREAM]
        if row["conversation_slug"] == "somebody-elses-thread"
    }
    assert not held(brand, STREAM) - emitted(messages.records[STREAM], STREAM)


def test_a_thread_that_is_gone_is_skipped_and_counted(brand: Sandbox) -> None:
    """A conversation that vanished after it was listed costs its messages only, and is told."""
    path = "/api/v1/conversations/knock-knock/messages"
    brand.control(faults=[{"kind": "status", "status": 404, "path": path}])
    messages = read(brand, reamaze_messages_from="conversations")
    missing = held(brand, STREAM) - emitted(messages.records[STREAM], STREAM)
    assert {slug for slug, _ in missing} == {"knock-knock"}
    assert any("1 conversations skipped" in line for line in messages.log)


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_the_order_of_conversations_does_not_matter(brand: Sandbox, order: str) -> None:
    """It is not documented whether the list is newest or oldest first."""
    brand.control(reamaze_order=order, initial_messages="brand_hides")
    assert emitted(loaded(read(brand)), STREAM) == held(brand, STREAM)


@pytest.mark.parametrize(
    "filters",
    [
        {"filter": "archived"},
        {"tag": "vip"},
        {"category": "chat"},
        {"origin": "email"},
        {"data": {"plan": "pro"}},
        {"for_id": "c-3"},
    ],
    ids=lambda filters: next(iter(filters)),
)
@pytest.mark.parametrize("way", ["auto", "brand", "conversations"])
def test_filters_choose_whose_messages_come(
    still: Sandbox, filters: dict[str, Any], way: str
) -> None:
    """A filter of conversations gives exactly the messages of these conversations."""
    config = {**still.config(), "reamaze_filters": filters, "reamaze_messages_from": way}
    messages = sync(config, catalog=catalog_of(STREAM, "reamaze_conversations"))
    slugs = {row["slug"] for row in messages.records["reamaze_conversations"]}
    expected = {key: count for key, count in held(still, STREAM).items() if key[0] in slugs}
    assert expected
    assert emitted(messages.records[STREAM], STREAM) == expected


def test_the_first_form_of_a_text_is_asked_for_when_selected(still: Sandbox) -> None:
    """`original_body` comes by a parameter of its own, and only if it is wanted."""
    assert all(row["original_body"] for row in read(still).records[STREAM])
    assert {query.get("include") for query in asked(still, BRAND_WIDE)} == {"original_body"}
    still.reset_stats()
    catalog = catalog_of(STREAM, without={STREAM: ["original_body"]})
    rows = sync(still.config(), catalog=catalog).records[STREAM]
    assert not any("original_body" in row for row in rows)
    assert {query.get("include") for query in asked(still, BRAND_WIDE)} == {None}


@pytest.mark.parametrize("start", [None, "2001-01-01"])
def test_a_window_of_too_many_messages_is_divided(
    start: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parts take its place, read side by side, oldest first; few requests are in vain."""
    monkeypatch.setattr("tap_replies.loop.STATE_EVERY", 1)
    for name, value in {"windows.WANTED": 200, "windows.MOST": 400, "messages.MOST": 400}.items():
        monkeypatch.setattr(f"tap_replies.sources.reamaze.{name}", value)
    with Sandbox(now="2026-03-01T12:00:00Z", reamaze_conversations=200, latency_ms=250) as sandbox:
        begun = instant("2026-02-20T00:00:00+00:00")
        for minutes in range(700):
            when = (begun + timedelta(minutes=minutes)).isoformat()
            change = {"op": "new_message", "source": "reamaze", "key": "knock-knock"}
            sandbox.mutate({**change, "when": when})
        messages = read(sandbox, reamaze_messages_from="brand", start_date=start)
        assert emitted(messages.records[STREAM], STREAM) == held(sandbox, STREAM)
        assert len(messages.states) > 4
        assert_true_states(messages)
        stats = sandbox.stats()
        assert stats["most_in_flight"] == 8
        pages = len(messages.records[STREAM]) // 30
        assert pages >= 50
        assert pages < stats["endpoints"][BRAND_WIDE] < 2.5 * pages


@pytest.mark.parametrize("count", [2, 30, 45, 200])
@pytest.mark.parametrize("way", ["auto", "brand"])
def test_messages_that_come_as_the_run_begins_are_not_missing(
    brand: Sandbox, way: str, count: int
) -> None:
    """What a list shows although this machine's clock is not there yet is for the next run."""
    clock = ScriptedClock(brand.world.now)
    change = {"op": "new_message", "source": "reamaze", "key": "knock-knock"}
    brand.mutate(
        *(change | {"when": f"2026-03-01T12:00:{2 + place // 10:02}Z"} for place in range(count))
    )
    first, second = Messages(), Messages()
    for found in (first, second):
        config = brand.config() | {"reamaze_messages_from": way, "on_count_mismatch": "fail"}
        state, tap_class = first.state or None, tap_with(clock)
        run = sync(config, catalog=catalog_of(STREAM), state=state, tap_class=tap_class)
        assert run.failures == []
        found.records, found.states = run.records, run.states
        clock.advance(60)
    assert len(second.records[STREAM]) == count
    both = first.records[STREAM] + second.records[STREAM]
    assert emitted(both, STREAM) == held(brand, STREAM)
