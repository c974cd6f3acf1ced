"""However a run is cut off, the next one makes good for it."""

from __future__ import annotations

import random
import signal
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from live import Running
from support import Messages, asked, catalog_of, emitted, held, instant, sync
from whole import astray, incremental, loaded, uncovered

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)
STATUSES = {signal.SIGTERM: 143, signal.SIGINT: 130, signal.SIGKILL: -9}
FEW, MANY = 6, 200
"""How often a first run and a later one are cut at random points, by default and in `long`."""

SMALL: dict[str, Any] = {
    "conversations": 15,
    "messages": 2,
    "lists": 2,
    "members": 10,
    "campaigns": 12,
    "unsubscribes": 3,
    "reamaze_conversations": 35,
    "reamaze_messages": 3,
}
EVERY_OPT_OUT = {"unsubscribe_refresh_days": 36_500}
"""Later runs leave out those of campaigns that were sent long ago, unless they are told this."""

THREAD, CAMPAIGN, CONVERSATION, LIST = "fa8c387539", "42694e9e57", "knock-knock", "57afe96172"


def _news(sandbox: Sandbox, number: int) -> list[dict[str, Any]]:
    """Something new for every stream with a bookmark, told apart by a number."""
    moment = datetime.fromtimestamp(sandbox.world.now + number, UTC).isoformat()
    left = {"list_id": LIST, "id": f"{number:032}", "status": "unsubscribed"}
    sent = {"id": f"{number:010}", "create_time": moment}
    return [
        {"op": "new_message", "source": "mailchimp", "key": THREAD},
        {"op": "new_conversation", "source": "mailchimp", "key": f"{number:010}"},
        {"op": "new_unsubscribe", "source": "mailchimp", "key": CAMPAIGN},
        {"op": "insert", "collection": "mailchimp.campaigns", "row": sent},
        {
            "op": "insert",
            "collection": "mailchimp.members",
            "row": {**left, "last_changed": moment},
        },
        {"op": "new_message", "source": "reamaze", "key": CONVERSATION},
        {"op": "new_conversation", "source": "reamaze", "key": f"new-{number}"},
        {"op": "archive", "source": "reamaze", "key": f"new-{number}"},
    ]


def _cut(
    folder: Path, sandbox: Sandbox, dice: random.Random, before: list[Messages]
) -> list[Messages]:
    """Cut off a run that goes on from others at a random point, while rows come in."""
    config, state = sandbox.config() | EVERY_OPT_OUT, _state(before)
    reference = sync(config)
    sandbox.reset_stats()
    uncut = sync(config, state=state)
    lines, requests = len(uncut.kinds), sandbox.stats()["total"]

    news = {"kind": "mutate", "at": dice.randrange(1, requests)}
    sandbox.control(faults=[news | {"mutations": _news(sandbox, 10 * len(before) + 1)}])
    sandbox.reset_stats()
    signum, point = dice.choice(SIGNALS), _point(sandbox, dice, lines, requests)
    with Running(folder, config, state) as running:
        status = running.until(point).send(signum).rest()
    sandbox.reset()
    # A run may come to its end before the signal arrives, and Python then dies of it as it ends.
    assert status in {0, -signum, STATUSES[signum]}
    assert status == STATUSES[signum] or running.found.kinds[-1] == ("STATE", None)
    assert uncovered(running.messages, before, reference) == []
    return [*before, running.found]


def _finished(sandbox: Sandbox, before: list[Messages]) -> list[Messages]:
    """Let a run go on from others to the end, after which all that there is has been read."""
    sandbox.mutate(*_news(sandbox, 10 * len(before) + 2))
    last = sync(sandbox.config() | EVERY_OPT_OUT, state=_state(before))
    assert last.failures == []
    runs = [*before, last]
    assert astray(sandbox, loaded(*runs)) == {}
    return runs


def _state(runs: list[Messages]) -> dict[str, Any] | None:
    """The last state that any of the runs wrote."""
    return next((run.state for run in reversed(runs) if run.states), None)


def _point(
    sandbox: Sandbox, dice: random.Random, lines: int, requests: int
) -> Callable[[Running], bool]:
    """A random point of a run of so many lines and requests."""
    line, request = dice.randrange(1, lines), dice.randrange(1, requests)
    if dice.random() < 0.5:
        return lambda running: running.lines >= line
    return lambda _: sandbox.app.stats.total >= request


@pytest.mark.parametrize(
    "seed",
    [pytest.param(each, marks=pytest.mark.long if each >= FEW else ()) for each in range(MANY)],
)
def test_a_cut_run_loses_nothing(tmp_path: Path, seed: int) -> None:
    """Whatever signal ends a first and a later run wherever, the next ones hold everything."""
    dice = random.Random(seed)  # noqa: S311 - its choices are to be repeatable
    with Sandbox(seed=seed, latency_ms=2, **SMALL) as sandbox:
        runs = _finished(sandbox, _cut(tmp_path / "first", sandbox, dice, []))
        sandbox.mutate(*_news(sandbox, 10 * len(runs)))
        runs = _finished(sandbox, _cut(tmp_path / "later", sandbox, dice, runs))
        fresh = sync(sandbox.config())
    assert incremental(loaded(*runs)) == incremental(loaded(fresh))
    assert loaded(*runs)["replies"].keys() == loaded(fresh)["replies"].keys()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(MANY // 4))
def test_runs_that_are_cut_one_after_the_other_lose_nothing(tmp_path: Path, seed: int) -> None:
    """Runs of which none comes to its end make way too, and the one that does holds everything."""
    dice = random.Random(seed)  # noqa: S311 - its choices are to be repeatable
    with Sandbox(seed=seed, latency_ms=2, **SMALL) as sandbox:
        runs: list[Messages] = []
        for number in range(4):
            runs = _cut(tmp_path / str(number), sandbox, dice, runs)
        runs = _finished(sandbox, runs)
        fresh = sync(sandbox.config())
    assert incremental(loaded(*runs)) == incremental(loaded(fresh))
    assert loaded(*runs)["replies"].keys() == loaded(fresh)["replies"].keys()


@pytest.fixture
def small() -> Iterator[Sandbox]:
    """A sandbox with a little of everything."""
    with Sandbox(**SMALL) as sandbox:
        yield sandbox


def test_every_state_is_safe(tmp_path: Path, small: Sandbox) -> None:
    """Wherever a target stops reading, the last STATE before makes the next run fill the gap."""
    with Running(tmp_path, small.config()) as running:
        assert running.rest() == 0
    messages = running.messages
    cuts = [index for index, each in enumerate(messages, 1) if each["type"] == "STATE"]
    assert len(cuts) > len(incremental(loaded(Messages.of(messages))))
    for cut in cuts:
        taken = Messages.of(messages[:cut])
        rest = sync(small.config(), state=taken.state)
        assert astray(small, loaded(taken, rest)) == {}


@pytest.mark.parametrize(
    ("threads", "signum", "lines"),
    [
        (700, signal.SIGTERM, 3_000),
        pytest.param(1_500, signal.SIGKILL, 12_100, marks=pytest.mark.long),
    ],
)
def test_a_cut_run_goes_on_in_the_window_it_was_in(
    tmp_path: Path, threads: int, signum: signal.Signals, lines: int
) -> None:
    """The next run asks for no window of time that was read, and emits nothing of it again."""
    stream, path = "reamaze_messages", "/api/v1/messages"
    catalog = catalog_of(stream)
    with Sandbox(reamaze_conversations=threads, reamaze_messages=10) as sandbox:
        config = sandbox.config()
        with Running(tmp_path, config, catalog=catalog) as running:
            status = running.until(lambda run: run.lines > lines).send(signum).rest()
        assert status == STATUSES[signum]
        cut = running.found
        bookmark = cut.bookmark(stream)
        assert bookmark
        sandbox.reset_stats()
        rest = sync(config, catalog=catalog, state=cut.state)
        queries = asked(sandbox, path)
        starts = [instant(query["start_date"]) for query in queries]
        assert min(starts) >= instant(bookmark) - timedelta(minutes=61)
        later = [row for row in cut.records[stream] if row["created_at"] > bookmark]
        missing = threads * 10 - len(cut.records[stream]) + len(later)
        assert 0 < len(queries) <= missing / 30 + 5
        known = [row for row in cut.records[stream] if row["created_at"] <= bookmark]
        assert emitted([*known, *rest.records[stream]], stream) == held(sandbox, stream)
