"""What is wanted soon is asked for before its turn, once, and nothing is lost by that."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from live import Running
from support import TRUTH_COLUMNS, asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox, wire
from tap_replies.sandbox.stats import Stats, Visit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_replies.sandbox.answer import Answer

LEFT, OPT_OUTS, THREADS, SAID = (
    "mailchimp_list_unsubscribes",
    "mailchimp_unsubscribes",
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
)
MEMBERS, AUDIENCES, ROOT = "/3.0/lists/*/members", "/3.0/lists", "/3.0"
OPENINGS = {
    LEFT: AUDIENCES,
    OPT_OUTS: AUDIENCES,
    THREADS: "/3.0/conversations",
    SAID: "/3.0/conversations",
}
CAMPAIGNS = "mailchimp_campaigns"
NOW = "2026-03-01T12:00:00Z"
LATE = 3.0


def late(path: str, at: int = 1) -> dict[str, Any]:
    """An answer that is seconds late."""
    return {"kind": "stall", "seconds": LATE, "path": path, "at": at}


def visits(sandbox: Sandbox, ending: str) -> list[int | None]:
    """The answers to what was asked of a path, None where there is none yet."""
    return [
        each.status
        for each in list(sandbox.app.stats.visits)
        if each.path.rstrip("/").endswith(ending)
    ]


def tell(sandbox: Sandbox, told: object) -> None:
    """Have all audiences tell some number of people who left."""
    lists = sync(sandbox.config(), catalog=catalog_of("mailchimp_lists")).records["mailchimp_lists"]
    for row in lists:
        change = {"op": "update", "collection": "mailchimp.lists", "key": row["id"]}
        sandbox.mutate({**change, "row": {"stats": {"unsubscribe_count": told}}})
    sandbox.reset_stats()


def test_pages_are_asked_before_the_first_has_told_their_number(tmp_path: Path) -> None:
    """What an audience tells of those who left is enough to ask for all pages at once."""
    with Sandbox(lists=1, members=5000) as sandbox:
        sandbox.control(faults=[late(MEMBERS)])
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(LEFT)) as running:
            running.until(lambda _: len(visits(sandbox, "/members")) == 6)
            assert visits(sandbox, "/members")[0] is None
            assert running.rest() == 0
        assert emitted(running.found.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) == 6


@pytest.mark.parametrize("told", [0, 1, 2999, 30_000, 10**30, -1, "many", None, {"all": 1}])
def test_what_an_audience_tells_may_be_wrong(told: object) -> None:
    """Too many pages or too few asked for at first: all rows come, and few requests are wasted."""
    with Sandbox(lists=1, members=3500) as sandbox:
        tell(sandbox, told)
        run = sync(sandbox.config(), catalog=catalog_of(LEFT))
        assert run.failures == []
        assert emitted(run.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) <= 4 + 16


@pytest.mark.parametrize("connections", [1, 2, 8])
def test_pages_that_are_not_wanted_after_all_are_not_tried_again(connections: int) -> None:
    """A page beyond the end of a list, which fails, does not keep its connection busy."""
    with Sandbox(lists=2, members=8) as sandbox:
        tell(sandbox, 5000)
        beyond = [{"offset": str(place * 999)} for place in range(1, 7)]
        fault = {"kind": "status", "status": 500, "path": MEMBERS}
        sandbox.control(faults=[{**fault, "query": query} for query in beyond])
        run = sync(sandbox.config() | {"max_connections": connections}, catalog=catalog_of(LEFT))
        assert run.failures == []
        assert emitted(run.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) <= 2 * 6 + 2


@pytest.mark.parametrize("is_told", [True, False])
def test_the_next_list_is_asked_for_while_one_ends(tmp_path: Path, is_told: bool) -> None:  # noqa: FBT001
    """Once all pages of a list are asked for, those of the next follow, not only its first."""
    with Sandbox(lists=2, members=3500) as sandbox:
        if not is_told:
            tell(sandbox, None)
        # The first pages of both come first where it is not told how many there are.
        sandbox.control(faults=[late(MEMBERS, at=4 if is_told else 5)])
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(LEFT)) as running:
            running.until(lambda _: visits(sandbox, "/members").count(200) == 7)
            assert visits(sandbox, "/members").count(None) == 1
            assert running.rest() == 0
        assert emitted(running.found.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) == 8


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
        sandbox.control(latency_ms=30)
        sandbox.reset_stats()
        alone = sync(config | {"max_connections": 1}, catalog=catalog, state=state)
        paths = sorted(each.path for each in sandbox.app.stats.visits)
        sandbox.reset_stats()
        flying.clear()
        found = sync(config, catalog=catalog, state=state)
        assert found.failures == alone.failures == []
        assert found.records == alone.records
        assert flying[:2] == [1, 2]
        assert sorted(each.path for each in sandbox.app.stats.visits) == paths


def test_the_bookmark_of_another_account_is_not_taken_for_its_own() -> None:
    """Where the state is another's, what was foreseen is asked anew, from the beginning."""
    with Sandbox(campaigns=3) as one, Sandbox(seed=7, campaigns=5, accounts=2) as other:
        state = sync(one.config(), catalog=catalog_of(CAMPAIGNS)).state
        account = other.config(accounts=True)["accounts"][1]
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


def _members(answer: Answer) -> bytes:
    half = len(answer.body) // 2
    return gzip.compress(answer.body[:half]) + gzip.compress(answer.body[half:])


def _deflated(answer: Answer) -> bytes:
    return zlib.compress(answer.body)


ODD: dict[str, Callable[[Answer], bytes]] = {
    "in two members": _members,
    "followed by something else": lambda answer: gzip.compress(answer.body) + b"\0" * 7,
    "followed by what looks like a size": lambda answer: gzip.compress(answer.body) + b"\xff" * 4,
    "without its sum": lambda answer: gzip.compress(answer.body)[:-8],
    "stored": lambda answer: gzip.compress(answer.body, 0),
}
SPOILT: dict[str, Callable[[Answer], bytes]] = {
    "cut": lambda answer: gzip.compress(answer.body)[:-20],
    "with a wrong sum": lambda answer: gzip.compress(answer.body)[:-8] + b"\1" * 8,
    "not zipped": lambda answer: answer.body,
    "empty": lambda _: b"",
}


def zipping(monkeypatch: pytest.MonkeyPatch, pack: Callable[[Answer], bytes], most: int) -> None:
    """Have the sandbox zip some answers otherwise than it does."""
    right, left = wire.zipped, [None] * most

    def zipped(answer: Answer) -> Answer:
        return (
            replace(right(answer), body=pack(answer)) if left and not left.pop() else right(answer)
        )

    monkeypatch.setattr(wire, "zipped", zipped)


@pytest.mark.parametrize("how", ODD)
def test_zipped_answers(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However an answer is zipped, all of it is read."""
    zipping(monkeypatch, ODD[how], 100)
    with Sandbox(conversations=1500, messages=1) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of(THREADS))
        assert run.failures == []
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
        assert len(asked(sandbox, "/3.0/conversations")) == 2


@pytest.mark.parametrize("how", SPOILT)
def test_answers_that_cannot_be_unzipped(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be unpacked is asked for again."""
    zipping(monkeypatch, SPOILT[how], 1)
    with Sandbox(conversations=1500, messages=1) as sandbox:
        sandbox.control(faults=[{"kind": "stall", "seconds": 0, "path": "*"}])  # none is kept
        run = sync(sandbox.config() | {"max_connections": 1}, catalog=catalog_of(THREADS))
        assert run.failures == []
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)
        assert len(asked(sandbox, "/3.0/conversations")) == 3


def test_an_answer_in_another_packing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that deflates, although it was not asked to, is understood."""
    right = wire.zipped

    def deflated(answer: Answer) -> Answer:
        names = dict(right(answer).headers) | {b"content-encoding": b"deflate"}
        return replace(answer, body=_deflated(answer), headers=tuple(names.items()))

    monkeypatch.setattr(wire, "zipped", deflated)
    with Sandbox(conversations=1500, messages=1) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of(THREADS))
        assert emitted(run.records[THREADS], THREADS) == held(sandbox, THREADS)


@pytest.mark.parametrize(
    ("status", "seconds"), [(403, 0), (403, 0.3), (404, 0), (404, 0.3), (410, 0), (400, 0)]
)
def test_a_list_of_parents_that_breaks_off_is_no_fault_of_a_parent(
    status: int, seconds: float
) -> None:
    """What is listed is read; that the list broke off is told, and the bookmark stays."""
    with Sandbox(conversations=1500, messages=1) as sandbox:
        broken = {"kind": "status", "status": status, "path": "/3.0/conversations", "at": 2}
        waits = {"kind": "stall", "seconds": seconds, "path": "/3.0/conversations", "at": 2}
        sandbox.control(faults=[broken, waits])
        run = sync(sandbox.config(), catalog=catalog_of(SAID))
        assert len(run.records[SAID]) >= 1000
        (summary,) = [line for line in run.log if f"{SAID}, account" in line and "emitted" in line]
        assert "skipped" not in summary
        told = [*run.failures, *(line for line in run.log if f"{SAID}: skipped" in line)]
        assert len(told) == 1
        assert run.bookmark(SAID) is None
        sandbox.control(faults=[])
        second = sync(sandbox.config(), state=run.state, catalog=catalog_of(SAID))
        assert emitted(second.records[SAID], SAID) == held(sandbox, SAID)
