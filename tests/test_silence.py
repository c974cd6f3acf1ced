"""What goes wrong without an error of the API is told, and nothing that it hides stays lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import Messages, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox
from tap_replies.sandbox.reamaze import answers

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = "2026-03-01T12:00:00+00:00"
THEN = datetime.fromisoformat(NOW).timestamp()
HOUR, DAY = 3600, 86_400
OPT_OUTS = "mailchimp_unsubscribes"
MESSAGES, TICKETS = "reamaze_messages", "reamaze_conversations"
SMALL: dict[str, Any] = {
    "conversations": 6,
    "messages": 2,
    "lists": 3,
    "members": 4,
    "campaigns": 12,
    "unsubscribes": 3,
    "reamaze_conversations": 6,
    "reamaze_messages": 2,
}


def at(moment: float) -> str:
    """A moment as the sandbox takes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def run(
    sandbox: Sandbox,
    stream: str,
    state: dict[str, Any] | None = None,
    after: float = 600,
    **settings: object,
) -> Messages:
    """A run of one stream so many seconds after the sandbox's present."""
    config = {**sandbox.config(), "on_count_mismatch": "fail", **settings}
    tap = tap_with(ScriptedClock(THEN + after))
    return sync(config, catalog=catalog_of(stream), state=state, tap_class=tap)


def small(**sizes: int) -> Sandbox:
    """A sandbox whose present is known."""
    return Sandbox(now=NOW, **{**SMALL, **sizes})


def together(stream: str, runs: Sequence[Messages]) -> set[tuple[object, ...]]:
    """The keys that some runs told of a stream."""
    return {key for each in runs for key in emitted(each.records[stream], stream)}


def newest(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The reports of plain campaigns, the latest first."""
    rows = sandbox.world.account("", "mailchimp").rows("reports")
    plain = [row for row in rows if row["type"] == "regular"]
    return sorted(plain, key=lambda row: str(row["send_time"]), reverse=True)


def leaves(campaign: str, email_id: str, when: float) -> dict[str, Any]:
    """A person on the list of a campaign's opt-outs, whom its report does not count."""
    row = {
        "campaign_id": campaign,
        "email_id": email_id,
        "email_address": "someone@example.com",
        "timestamp": at(when),
    }
    return {"op": "insert", "collection": "mailchimp.unsubscribes", "row": row}


def counts(report: dict[str, Any], more: int) -> dict[str, Any]:
    """The report counts more opt-outs."""
    row = {"unsubscribed": report["unsubscribed"] + more}
    return {"op": "update", "collection": "mailchimp.reports", "key": report["id"], "row": row}


@pytest.mark.parametrize("seen", [2, 5, 23])
def test_a_row_that_shows_after_its_count(seen: int) -> None:
    """An opt-out that the report counted first is found when the list shows it, within a day."""
    with small() as sandbox:
        report = newest(sandbox)[0]
        runs = [run(sandbox, OPT_OUTS, unsubscribe_refresh_days=1000)]
        sandbox.mutate(counts(report, 1))
        for hour in range(1, seen + 1):
            if hour == seen:
                sandbox.mutate(leaves(report["id"], "f" * 32, THEN + 1800))
            state = runs[-1].state
            again = run(sandbox, OPT_OUTS, state, hour * HOUR, unsubscribe_refresh_days=1000)
            runs.append(again)
        assert together(OPT_OUTS, runs) == set(held(sandbox, OPT_OUTS))


def test_a_gap_is_not_looked_at_for_ever() -> None:
    """After a day, a list that lacks what its report counts is left alone until that moves."""
    with small() as sandbox:
        first = run(sandbox, OPT_OUTS, unsubscribe_refresh_days=1000)
        sandbox.reset_stats()
        calm = run(sandbox, OPT_OUTS, first.state, HOUR, unsubscribe_refresh_days=1000)
        usual = sandbox.stats()["total"]
        sandbox.mutate(counts(newest(sandbox)[0], 1))
        state, requests = calm.state, []
        for hour in (2, 3, 25, 27, 28):
            sandbox.reset_stats()
            state = run(sandbox, OPT_OUTS, state, hour * HOUR, unsubscribe_refresh_days=1000).state
            requests.append(sandbox.stats()["total"])
        assert [each > usual for each in requests] == [True, True, True, False, False]


def test_a_count_that_moves_after_its_row() -> None:
    """An opt-out that the report counts two hours late is found although others were read."""
    with small() as sandbox:
        late, early = newest(sandbox)[:2]
        runs = [run(sandbox, OPT_OUTS, unsubscribe_refresh_days=1000)]
        sandbox.mutate(leaves(late["id"], "f" * 32, THEN + 1800))
        change = {"op": "new_unsubscribe", "source": "mailchimp", "key": early["id"]}
        sandbox.mutate({**change, "when": at(THEN + 7000)})
        state = runs[-1].state
        runs.append(run(sandbox, OPT_OUTS, state, 2 * HOUR, unsubscribe_refresh_days=1000))
        sandbox.mutate(counts(late, 1))
        state = runs[-1].state
        runs.append(run(sandbox, OPT_OUTS, state, 2.1 * HOUR, unsubscribe_refresh_days=1000))
        assert together(OPT_OUTS, runs) == set(held(sandbox, OPT_OUTS))


def test_automations_that_were_refused() -> None:
    """Their opt-outs are left out with a warning, and all come once they may be read."""
    with small() as sandbox:
        campaign = newest(sandbox)[0]["id"]
        change = {"op": "new_unsubscribe", "source": "mailchimp", "key": campaign}
        sandbox.mutate({**change, "when": at(THEN - 600)})
        sandbox.control(faults=[{"kind": "status", "status": 403, "path": "/3.0/automations"}])
        first = run(sandbox, OPT_OUTS, strict=True)
        assert len(first.failures) == 1
        assert any("automations are left out" in line for line in first.log)
        again = run(sandbox, OPT_OUTS, first.state, HOUR)
        sandbox.control(faults=[])
        second = run(sandbox, OPT_OUTS, again.state, 2 * HOUR)
        assert together(OPT_OUTS, [first, again, second]) == set(held(sandbox, OPT_OUTS))
        assert not run(sandbox, OPT_OUTS, second.state, 3 * HOUR).records[OPT_OUTS]


def test_a_list_that_is_refused() -> None:
    """The others are read, that is told, and the bookmark waits until all may be read."""
    stream = "mailchimp_list_unsubscribes"
    with small() as sandbox:
        lists = [row["id"] for row in sandbox.world.account("", "mailchimp").rows("lists")]
        path = f"/3.0/lists/{lists[1]}/members"
        sandbox.control(faults=[{"kind": "status", "status": 403, "path": path}])
        first = run(sandbox, stream)
        assert {row["list_id"] for row in first.records[stream]} == {lists[0], lists[2]}
        assert first.failures == []
        assert any(line.startswith(f"{stream}: read in part") for line in first.log)
        assert first.bookmark(stream) is None
        sandbox.control(faults=[])
        second = run(sandbox, stream, first.state, HOUR)
        assert emitted(second.records[stream], stream) == held(sandbox, stream)


def test_a_stream_that_is_refused_in_all_its_parts() -> None:
    """A plan without a stream costs a few requests, not one for each of its parts."""
    stream = "mailchimp_conversation_messages"
    with small(conversations=60) as sandbox:
        path = "/3.0/conversations/*/messages"
        sandbox.control(faults=[{"kind": "status", "status": 403, "path": path}])
        first = run(sandbox, stream)
        assert first.records[stream] == []
        assert first.failures == []
        assert sandbox.stats()["total"] < 40


@pytest.mark.parametrize("stream", ["mailchimp_conversations", OPT_OUTS, "mailchimp_campaigns"])
def test_filters_that_change(stream: str) -> None:
    """With other filters a stream is read from the beginning, as other rows are wanted."""
    with small() as sandbox:
        wanted = next(iter(sandbox.world.account("", "mailchimp").rows("lists")))["id"]
        first = run(sandbox, stream, mailchimp_filters={"list_id": wanted})
        second = run(sandbox, stream, first.state, DAY, campaign_refresh_days=1)
        assert together(stream, [first, second]) == set(held(sandbox, stream))
        assert any("from the beginning, as mailchimp_filters" in line for line in second.log)
        third = run(sandbox, stream, second.state, DAY + HOUR, campaign_refresh_days=1)
        assert not third.records[stream]


def test_a_start_after_the_bookmark() -> None:
    """A `start_date` later than the bookmark skips nothing: what lies between was not read."""
    stream = "mailchimp_list_unsubscribes"
    with small() as sandbox:
        first = run(sandbox, stream)
        for day, letter in ((4, "a"), (14, "b")):
            row = {"id": letter * 32, "list_id": "57afe96172", "status": "unsubscribed"}
            row["last_changed"] = at(THEN + day * DAY)
            sandbox.mutate({"op": "insert", "collection": "mailchimp.members", "row": row})
        second = run(sandbox, stream, first.state, 20 * DAY, start_date=at(THEN + 9 * DAY))
        assert together(stream, [first, second]) == set(held(sandbox, stream))


@pytest.mark.parametrize(("conversations", "figure"), [(120, "total_count"), (300, "page_size")])
def test_a_page_of_changes_that_lacks_rows(conversations: int, figure: str) -> None:
    """A reading that stops at the bookmark holds each page against the size that the API tells."""
    with small(reamaze_conversations=conversations, reamaze_messages=1) as sandbox:
        first = run(sandbox, TICKETS)
        rows = list(sandbox.world.account("", "reamaze").rows("conversations"))
        change = {"op": "archive", "source": "reamaze"}
        for place, row in enumerate(rows[:80]):
            when = at(THEN + 900 + place * 180)
            sandbox.mutate({**change, "key": row["slug"], "when": when})
        fault = {"kind": "missing_rows", "path": "/api/v1/conversations", "query": {"page": "2"}}
        sandbox.control(faults=[fault])
        second = run(sandbox, TICKETS, first.state, 20_000)
        assert len(second.failures) == 1
        assert any(f"15 MISSING by {figure}" in line for line in second.log)
        sandbox.control(faults=[])
        third = run(sandbox, TICKETS, second.state, DAY)
        changed = {row["slug"] for row in rows[:80]}
        records = (*second.records[TICKETS], *third.records[TICKETS])
        assert changed <= {row["slug"] for row in records}


def test_repeated_rows_do_not_stand_for_missing_ones() -> None:
    """Where one page lacks rows and another repeats some, the number of rows proves nothing."""
    with small(reamaze_conversations=20, reamaze_messages=3) as sandbox:
        path = "/api/v1/messages"
        faults = [
            {"kind": "missing_rows", "path": path, "query": {"page": "1"}},
            {"kind": "duplicate_rows", "path": path, "query": {"page": "2"}},
        ]
        sandbox.control(faults=faults)
        found = run(sandbox, MESSAGES, reamaze_messages_from="brand")
        assert len(found.failures) == 1
        assert any("15 MISSING by total_count" in line for line in found.log)


@pytest.mark.parametrize("way", ["auto", "brand", "conversations"])
def test_messages_that_are_the_same_in_all_they_hold(way: str) -> None:
    """Two equal messages of one moment are two rows, in each of the ways to read them."""
    with small() as sandbox:
        slug = next(iter(sandbox.world.account("", "reamaze").rows("conversations")))["slug"]
        change = {"op": "new_message", "source": "reamaze", "key": slug, "when": at(THEN - HOUR)}
        sandbox.mutate(*({**change, "row": {"body": "ok"}} for _ in range(2)))
        found = run(sandbox, MESSAGES, reamaze_messages_from=way)
        assert found.failures == []
        keys = {row["message_key"] for row in found.records[MESSAGES] if row["body"] == "ok"}
        assert len(keys) == 2
        assert len(found.records[MESSAGES]) == held(sandbox, MESSAGES).total()


def test_rows_kept_back_survive_a_change_of_way() -> None:
    """A late message of the overlap arrives although threads are read from now on."""
    with small() as sandbox:
        rows = list(sandbox.world.account("", "reamaze").rows("conversations"))
        said = {"op": "new_message", "source": "reamaze"}
        sandbox.mutate({**said, "key": rows[0]["slug"], "when": at(THEN)})
        first = run(sandbox, MESSAGES)
        late = {**said, "key": rows[1]["slug"], "when": at(THEN - 600), "row": {"body": "late"}}
        begun = {"op": "new_conversation", "source": "reamaze", "key": "begun"}
        sandbox.mutate(late, {**begun, "when": at(THEN + 900)})
        sandbox.mutate({**said, "key": "begun", "when": at(THEN + 1000)})
        sandbox.control(initial_messages="brand_hides")
        second = run(sandbox, MESSAGES, first.state, 6 * HOUR)
        assert any("threads are read one by one" in line for line in second.log)
        assert "late" in {row["body"] for row in second.records[MESSAGES]}
        assert together(MESSAGES, [first, second]) == set(held(sandbox, MESSAGES))


def test_windows_that_the_api_cuts_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """If bounds were taken as whole days, what lies between the windows is told as missing."""
    bounds = answers._bounds  # noqa: SLF001 - the sandbox takes bounds to the second

    def by_days(query: dict[str, str], fact: Any) -> Any:  # noqa: ANN401
        dates = ("start_date", "end_date")
        return bounds({k: v[:10] if k in dates else v for k, v in query.items()}, fact)

    with small(reamaze_conversations=1600, reamaze_messages=4) as sandbox:
        monkeypatch.setattr(answers, "_bounds", by_days)
        first = run(sandbox, MESSAGES, reamaze_messages_from="brand")
        assert any("MISSING by total_count" in line for line in first.log)
        assert len(first.failures) == 1
        monkeypatch.undo()
        second = run(sandbox, MESSAGES, first.state, HOUR, reamaze_messages_from="brand")
        assert second.failures == []
        assert together(MESSAGES, [second]) == set(held(sandbox, MESSAGES))
