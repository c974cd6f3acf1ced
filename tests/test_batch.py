"""Batch files hold what RECORD messages would, in every format and compression."""

from __future__ import annotations

import json
import random
import signal
from typing import TYPE_CHECKING, Any

import pytest
from batch_files import (
    ALL,
    FORMS,
    alike,
    batching,
    files_of,
    good,
    kinds_of,
    rows_in,
    run,
    unpacked,
)
from command_line import Outcome, check_refusal
from hiding import HASH, MEMBERS, URIST, known_people
from live import Running
from odd_answers import odd_answers
from support import Messages, catalog_of, messages_in, run_cli, sync
from whole import astray, loaded, uncovered

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    from loading import Database

LISTS, THREADS, SAID = (
    "mailchimp_lists",
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
)
TICKETS, LETTERS = "reamaze_conversations", "reamaze_messages"
SOME = (LISTS, TICKETS, SAID)
SIZE = 25
both = pytest.mark.parametrize("form", FORMS)


@pytest.mark.parametrize("compression", ["gzip", "none"])
@both
def test_files_hold_the_records(
    form: str, compression: str, still: Sandbox, tmp_path: Path
) -> None:
    """Several files of a stream hold its records, and all have the same columns."""
    config = still.config() | batching(tmp_path / "files", form, SIZE, compression)
    outcome, messages = run(tmp_path, config, SOME)
    expected = sync(still.config(), catalog=catalog_of(*SOME))
    found = good(outcome, messages)
    assert alike(found, expected, SOME)
    assert found.state["bookmarks"].keys() == expected.state["bookmarks"].keys()
    assert found.bookmark(SAID) == expected.bookmark(SAID) is not None
    for stream in SOME:
        mine = [each for each in messages if each.get("stream") == stream]
        sizes = [len(rows_in(file)) for each in mine for file in files_of(each)]
        assert all(size == SIZE for size in sizes[:-1])
        assert form == "jsonl" or len(kinds_of(mine)[stream]) == 1
    assert max(map(len, found.records.values())) > 2 * SIZE


@both
def test_every_stream_of_several_accounts(form: str, tmp_path: Path) -> None:
    """The rows of all accounts and streams, `replies` too, are in files, and the next run's new."""
    sizes: dict[str, Any] = {"conversations": 5, "campaigns": 12, "lists": 2, "members": 4}
    news = {"op": "new_message", "source": "reamaze", "key": "knock-knock"}
    with Sandbox(accounts=3, brands=2, reamaze_conversations=31, **sizes) as sandbox:
        plain = sandbox.config(accounts=True) | {"unsubscribe_refresh_days": 36_500}
        config = plain | batching(tmp_path / "files", form, SIZE)
        expected = sync(plain, catalog=catalog_of(*ALL))
        found = good(*run(tmp_path, config))
        assert astray(sandbox, loaded(found)) == {}
        assert alike(found, expected, [name for name in ALL if name != "accounts"])
        assert len(found.records["accounts"]) == 5
        assert all(found.records[name] for name in ALL if expected.records[name])
        sandbox.mutate(*({**news, "account": each.name} for each in sandbox.world.reamaze))
        later = good(*run(tmp_path, config, state=found.state))
        assert [len(later.records[name]) for name in ("reamaze_messages", "replies")] == [2, 2]
        assert astray(sandbox, loaded(found, later)) == {}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [7, 30, 45])
def test_no_state_covers_what_is_in_no_file(seed: int, size: int, tmp_path: Path) -> None:
    """However a run is ended, no STATE is ahead of the files, and the next run brings the rest."""
    dice = random.Random(seed)  # noqa: S311 - its choices are to be repeatable
    sizes: dict[str, Any] = {
        "conversations": 40,
        "reamaze_conversations": 90,
        "reamaze_messages": 3,
    }
    with Sandbox(seed=seed, latency_ms=2, **sizes) as sandbox:
        plain = sandbox.config() | {"unsubscribe_refresh_days": 36_500}
        config = plain | batching(tmp_path / "files", dice.choice(FORMS), size)
        whole = sync(plain)
        total = sandbox.stats()["total"]
        sandbox.reset_stats()
        signum, request = dice.choice([signal.SIGTERM, signal.SIGKILL]), dice.randrange(1, total)
        with Running(tmp_path, config) as running:
            running.until(lambda _: sandbox.app.stats.total >= request).send(signum).rest()
        cut = list(unpacked(running.messages))
        assert uncovered(cut, [], whole) == []
        first = Messages.of(cut)
        second = good(*run(tmp_path, config, whole.records, state=first.state))
        assert astray(sandbox, loaded(first, second)) == {}
        assert loaded(first, second)["replies"].keys() == loaded(whole)["replies"].keys()


def test_every_state_is_safe(tmp_path: Path) -> None:
    """Whatever the size of files, a STATE covers only rows of files that are named before it."""
    with Sandbox(reamaze_conversations=200, conversations=60) as sandbox:
        whole = sync(sandbox.config())
        for size in (1, 30, 31, 77, 1_000):
            _, messages = run(
                tmp_path, sandbox.config() | batching(tmp_path, "jsonl", size), whole.records
            )
            assert uncovered(unpacked(messages), [], whole) == []
            assert messages[-1]["type"] == "STATE"


@both
def test_columns_that_are_not_selected(form: str, still: Sandbox, tmp_path: Path) -> None:
    """What the catalog does not select is in no file, neither columns nor fields of objects."""
    config = still.config() | batching(tmp_path / "files", form, SIZE)
    without = {TICKETS: ["subject", "author", "body"], SAID: ["message", "from_email"]}
    outcome, messages = run(tmp_path, config, [TICKETS, SAID], without)
    catalog = catalog_of(TICKETS, SAID, without=without)
    found = good(outcome, messages)
    assert alike(found, sync(still.config(), catalog=catalog), [TICKETS, SAID])
    assert not any({"subject", "author"} & row.keys() for row in found.records[TICKETS])
    assert not any({"message", "from_email"} & row.keys() for row in found.records[SAID])
    if form == "parquet":
        kinds = kinds_of(messages)
        assert not any(f"{name}: " in str(kinds[SAID]) for name in without[SAID])


@both
def test_nothing_to_write(form: str, tmp_path: Path) -> None:
    """A stream without rows gives its SCHEMA, but no BATCH and no file."""
    with Sandbox(conversations=0, reamaze_conversations=0) as sandbox:
        config = sandbox.config() | batching(tmp_path / "files", form, SIZE)
        outcome, messages = run(tmp_path, config, [THREADS, SAID, TICKETS])
    assert outcome.status == 0, outcome.stderr
    assert {each["type"] for each in messages} <= {"SCHEMA", "STATE"}
    assert {each["stream"] for each in messages if each["type"] == "SCHEMA"} == {
        THREADS,
        SAID,
        TICKETS,
    }
    assert not (tmp_path / "files").exists()


def test_a_run_without_news(still: Sandbox, tmp_path: Path) -> None:
    """A second run names no file for streams with a bookmark, and ends with the same state."""
    config = still.config() | batching(tmp_path / "files", "parquet", SIZE)
    streams = [SAID, TICKETS, "replies"]
    first = good(*run(tmp_path, config, streams))
    _, messages = run(tmp_path, config, streams, state=first.state)
    assert not [each for each in messages if each["type"] == "BATCH"]
    plain = sync(still.config(), catalog=catalog_of(*streams), state=first.state)
    last = Messages.of(messages).state or first.state
    for stream in streams:
        assert last["bookmarks"][stream] == plain.state["bookmarks"][stream]


@both
def test_hostile_answers(form: str, tmp_path: Path) -> None:
    """Whatever types an API sends, files of one stream have the same columns and hold all rows."""
    with odd_answers() as plain:
        outcome, messages = run(tmp_path, plain | batching(tmp_path / "files", form, 40))
        expected = sync(plain, catalog=catalog_of(*ALL))
    found = Messages.of(list(unpacked(messages)))
    assert "Traceback" not in outcome.stderr
    assert alike(found, expected, [name for name in ALL if name != "accounts"])
    assert sum(map(len, found.records.values())) > 500
    if form == "parquet":
        assert {len(kinds) for kinds in kinds_of(messages).values()} == {1}


@both
def test_spoilt_answers(form: str, tmp_path: Path) -> None:
    """With every row of both vendors spoilt the files hold what RECORD messages would."""
    with Sandbox(hostile=1) as sandbox:
        config = sandbox.config() | batching(tmp_path / "files", form, SIZE)
        expected = sync(sandbox.config(), catalog=catalog_of(*ALL))
        found = good(*run(tmp_path, config))
    assert alike(found, expected, [name for name in ALL if name != "accounts"])


@both
def test_hidden_people_stay_hidden(form: str, tmp_path: Path) -> None:
    """With `personal_data: hash` the files hold hashes."""
    with known_people() as people:
        plain = people.config() | HASH
        expected = sync(plain, catalog=catalog_of(MEMBERS))
        config = plain | batching(tmp_path / "files", form, SIZE)
        found = good(*run(tmp_path, config, [MEMBERS]))
    assert alike(found, expected, [MEMBERS])
    assert found.records[MEMBERS]
    assert URIST not in json.dumps(found.records)


def test_without_pyarrow(still: Sandbox, tmp_path: Path) -> None:
    """Parquet without the extra ends the run before a request, in one line that says what to do."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyarrow'] = None\n")
    config = still.config() | batching(tmp_path / "files", "parquet", SIZE)
    done = run_cli(config=config, folder=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    outcome = Outcome(done.returncode, done.stdout, done.stderr)
    check_refusal(outcome, "batch_config", "extra `parquet`", "tap-replies[parquet]")
    assert (outcome.status, outcome.stdout) == (1, "")


@both
def test_jsonl_needs_no_pyarrow(form: str, still: Sandbox, tmp_path: Path) -> None:
    """Only Parquet asks for the extra."""
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyarrow'] = None\n")
    config = still.config() | batching(tmp_path / "files", form, SIZE)
    done = run_cli(config=config, folder=tmp_path, environment={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == (form == "parquet"), done.stderr


def test_postgres_loads_the_files(postgres: Database, still: Sandbox, tmp_path: Path) -> None:
    """A target that takes BATCH messages holds the same rows as from RECORD messages."""
    config = still.config() | batching(tmp_path / "files", "jsonl", SIZE)
    outcome, _ = run(tmp_path, config, SOME)
    assert outcome.status == 0, outcome.stderr
    postgres.load(tmp_path / "stdout", "batches", tmp_path)
    done = run_cli(f"--catalog={tmp_path / 'catalog.json'}", config=still.config(), folder=tmp_path)
    records = tmp_path / "records.jsonl"
    records.write_text(done.stdout)
    postgres.load(records, "records", tmp_path)
    for stream in SOME:
        rows = [postgres.rows(schema, stream) for schema in ("batches", "records")]
        first, second = (sorted(map(str, each)) for each in rows)
        assert first == second
        assert len(first) == len(messages_in(done.stdout).records[stream])
