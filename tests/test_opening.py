"""The first list of a stream is asked for while its account is looked up, once, and rightly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from live import Running
from support import TRUTH_COLUMNS, catalog_of, emitted, held, in_order, late, sync, visits

from tap_replies.sandbox import Sandbox
from tap_replies.sandbox.stats import Stats, Visit

if TYPE_CHECKING:
    from pathlib import Path

LEFT, OPT_OUTS, THREADS, SAID = (
    "mailchimp_list_unsubscribes",
    "mailchimp_unsubscribes",
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
)
AUDIENCES, ROOT = "/3.0/lists", "/3.0"
OPENINGS = {
    LEFT: AUDIENCES,
    OPT_OUTS: AUDIENCES,
    THREADS: "/3.0/conversations",
    SAID: "/3.0/conversations",
}
CAMPAIGNS = "mailchimp_campaigns"
NOW = "2026-03-01T12:00:00Z"


@pytest.mark.parametrize("stream", OPENINGS)
def test_a_reading_begins_while_its_account_is_looked_up(tmp_path: Path, stream: str) -> None:
    """The first list of a stream is asked for beside the account, and only once."""
    with Sandbox(conversations=3, lists=1, members=3, campaigns=3) as sandbox:
        sandbox.control(faults=[late(f"{ROOT}/")])
        path = OPENINGS[stream]
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(stream)) as running:
            running.until(lambda _: 200 in visits(sandbox, path))
            assert 200 not in visits(sandbox, ROOT)
            assert running.rest() == 0
        assert visits(sandbox, path) == [200]
        assert emitted(running.found.records[stream], stream) == held(sandbox, stream)


WAYS: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in TRUTH_COLUMNS),
    *((name, {}) for name in ("mailchimp_survey_responses", "mailchimp_member_activity")),
    *(("reamaze_messages", {"reamaze_messages_from": way}) for way in ("brand", "conversations")),
]
"""All streams that have a list, and the ways in which it is read."""


@pytest.mark.parametrize("run", ["first", "second"])
@pytest.mark.parametrize(("stream", "way"), WAYS)
def test_nothing_that_is_foreseen_is_in_vain(
    stream: str, way: dict[str, Any], run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two first requests of any stream go together, and there are not more than without."""
    flying: list[int] = []
    begin = Stats.begin

    def noting(stats: Stats, visit: Visit, endpoint: str) -> None:
        begin(stats, visit, endpoint)
        flying.append(stats.flying["all"])

    monkeypatch.setattr(Stats, "begin", noting)
    sizes: dict[str, Any] = {"conversations": 3, "lists": 1, "members": 4, "campaigns": 3}
    with Sandbox(now=NOW, reamaze_conversations=3, **sizes) as sandbox:
        config, catalog = sandbox.config() | way, catalog_of(stream)
        state = sync(config, catalog=catalog).state if run == "second" else None
        sandbox.control(latency_ms=80)
        sandbox.reset_stats()
        alone = sync(config | {"max_connections": 1}, catalog=catalog, state=state)
        paths = sorted(each.path for each in sandbox.app.stats.visits)
        sandbox.reset_stats()
        flying.clear()
        found = sync(config, catalog=catalog, state=state)
        assert found.failures == alone.failures == []
        assert in_order(found.records[stream]) == in_order(alone.records[stream])
        assert flying[:2] == [1, 2]
        assert sorted(each.path for each in sandbox.app.stats.visits) == paths


def test_the_bookmark_of_another_account_is_not_taken_for_its_own() -> None:
    """Where the state is another's, what was foreseen is asked anew, from the beginning."""
    with Sandbox(campaigns=3) as one, Sandbox(seed=7, campaigns=5, accounts=2) as other:
        state = sync(one.config(), catalog=catalog_of(CAMPAIGNS)).state
        account = other.config(accounts=True)["accounts"][1]
        other.control(faults=[late(f"{ROOT}/")])  # so that what is foreseen comes before
        run = sync({"accounts": [account]}, catalog=catalog_of(CAMPAIGNS), state=state)
        assert run.failures == []
        asked_for = [each.query for each in other.app.stats.visits if "campaigns" in each.path]
        assert ["since_create_time" in query for query in asked_for] == [True, False]
        assert len(run.records[CAMPAIGNS]) == 5
        (told,) = (line for line in run.log if line.startswith(f"{CAMPAIGNS}, account"))
        assert "; 2 requests;" in told


@pytest.mark.parametrize("status", [500, 504])
def test_an_opening_that_fails_at_first_is_counted(status: int) -> None:
    """What the first list took is told with its stream, halves of its page too."""
    with Sandbox(lists=1, members=3) as sandbox:
        fault = {"kind": "status", "status": status, "path": AUDIENCES, "times": 1}
        sandbox.control(faults=[fault])
        run = sync(sandbox.config(), catalog=catalog_of(LEFT))
        assert run.failures == []
        (told,) = (line for line in run.log if "requests" in line and f"{LEFT}, account" in line)
        assert f"; {sandbox.stats()['total'] - 1} requests; 1 retries;" in told


@pytest.mark.parametrize("connections", [1, 8])
def test_an_account_comes_first_where_others_wait(connections: int) -> None:
    """With one connection, or after the first account, nothing is asked before it is known."""
    with Sandbox(accounts=2, lists=1, members=3) as sandbox:
        config = sandbox.config(accounts=True) | {"max_connections": connections}
        run = sync(config, catalog=catalog_of(LEFT))
        assert run.failures == []
        visited = list(sandbox.app.stats.visits)
        names = list(dict.fromkeys(each.account for each in visited if "/3.0" in each.path))
        for name in names if connections == 1 else names[1:]:
            paths = [each.path.rstrip("/") for each in visited if each.account == name]
            assert paths.index(ROOT) < paths.index(AUDIENCES)


def test_what_changes_while_an_account_is_looked_up_is_news_to_the_next_run(tmp_path: Path) -> None:
    """A bookmark does not pass the moment in which the first page was asked for."""
    with Sandbox(conversations=1500, messages=1) as sandbox:
        config = sandbox.config() | {"lookback_minutes": 0}
        listed = sync(config, catalog=catalog_of(THREADS)).records[THREADS]
        threads = [row["id"] for row in listed]
        sandbox.reset_stats()
        sandbox.control(faults=[late(f"{ROOT}/")])
        with Running(tmp_path, config, catalog=catalog_of(THREADS)) as running:
            running.until(lambda _: 200 in visits(sandbox, OPENINGS[THREADS]))
            # One in the page that has come, and later one in the page that is still to come.
            for seconds, key in ((1, threads[0]), (2, threads[-1])):
                when = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
                change = {"op": "new_message", "source": "mailchimp", "key": key}
                sandbox.mutate({**change, "when": when})
            assert 200 not in visits(sandbox, ROOT)
            assert running.rest() == 0
        found = running.found
        later = sync(config, state=found.state, catalog=catalog_of(THREADS))
        rows = [*found.records[THREADS], *later.records[THREADS]]
        newest = {row["id"]: row["last_message_at"] for row in rows}
        whole = sync(config, catalog=catalog_of(THREADS)).records[THREADS]
        assert newest == {row["id"]: row["last_message_at"] for row in whole}
