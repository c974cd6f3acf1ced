"""What is read for the raw streams is not asked for again; alone, `replies` asks for itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support import TRUTH_COLUMNS, Messages, catalog_of, sync
from then import NOW, run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAW = tuple(TRUTH_COLUMNS)
BOTH, ALONE = catalog_of(*RAW, "replies"), catalog_of("replies")
ONLY_RAW = catalog_of(*RAW)
STAFF = Counter({"/3.0/campaigns": 1, "/api/v1/staff": 1})
"""The one request of each account by which its staff is known."""

NEW = (
    {"op": "new_message", "source": "mailchimp", "key": "fa8c387539"},
    {"op": "new_message", "source": "reamaze", "key": "knock-knock"},
)


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """A sandbox to change."""
    with Sandbox(now=NOW, conversations=12, reamaze_conversations=35) as sandbox:
        yield sandbox


def requests(
    sandbox: Sandbox, catalog: dict[str, Any], state: dict[str, Any] | None = None, **more: object
) -> tuple[Messages, Counter[str]]:
    """A run, and what it asked for, by paths."""
    sandbox.reset_stats()
    found = run(sandbox, state, catalog, **more)
    return found, Counter(path for path, *_ in sandbox.stats()["requests"])


def ids(found: Messages) -> set[str]:
    """The rows of `replies`."""
    return {row["reply_id"] for row in found.records["replies"]}


def raw_state(found: Messages) -> dict[str, Any]:
    """The bookmarks of the other streams."""
    return {name: each for name, each in found.state["bookmarks"].items() if name != "replies"}


def test_nothing_is_asked_twice(shop: Sandbox) -> None:
    """With the raw streams, `replies` costs one request per account, run after run."""
    raw, asked = requests(shop, ONLY_RAW)
    both, asked_both = requests(shop, BOTH)
    assert asked_both - asked == STAFF
    assert asked - asked_both == Counter()
    assert ids(both)
    for _ in range(2):
        shop.mutate(*NEW)
        raw, asked = requests(shop, ONLY_RAW, raw.state)
        both, asked_both = requests(shop, BOTH, both.state)
        assert asked_both - asked <= STAFF
        assert asked - asked_both == Counter()
        assert len(ids(both)) == 2
        assert raw_state(both) == raw_state(raw)


def test_alone_it_gives_the_same(shop: Sandbox) -> None:
    """Without the raw streams it asks only for what it is made of, and emits the same rows."""
    both, asked_both = requests(shop, BOTH)
    alone, asked = requests(shop, ALONE)
    assert ids(alone) == ids(both)
    assert asked <= asked_both
    assert asked.total() < asked_both.total()
    shop.mutate(*NEW)
    later, asked_later = requests(shop, ALONE, alone.state)
    assert len(ids(later)) == 2
    assert asked_later.total() < asked.total() // 2
    assert set(later.records) == {"replies"}


def test_a_year_later_it_reads_everything(shop: Sandbox) -> None:
    """Selected late, it goes back to the beginning and leaves the other bookmarks where they are.

    From the next run on nothing is asked twice any more.
    """
    raw = run(shop, None, ONLY_RAW)
    late = run(shop, raw.state, BOTH)
    assert ids(late) == ids(run(shop, None, BOTH))
    assert not any(late.records[stream] for stream in RAW if stream != "mailchimp_lists")
    assert raw_state(late) == raw_state(raw)
    _, asked = requests(shop, ONLY_RAW, raw.state)
    third, asked_both = requests(shop, BOTH, late.state)
    assert asked_both - asked <= STAFF
    assert ids(third) == set()


def test_raw_streams_that_begin_later_are_heard(shop: Sandbox) -> None:
    """A raw stream's first reading serves `replies` too, which emits only what is new to it."""
    alone = run(shop, None, ALONE)
    shop.mutate(*NEW)
    _, asked = requests(shop, ONLY_RAW)
    both, asked_both = requests(shop, BOTH, alone.state)
    assert asked_both - asked == STAFF
    assert len(ids(both)) == 2


@pytest.mark.parametrize("column", ["message", "from_email", "user", "conversation", "reason"])
def test_a_column_that_is_not_selected_is_read_anyway(shop: Sandbox, column: str) -> None:
    """What the raw streams leave out is still in `replies`; then it reads for itself."""
    everywhere = dict.fromkeys(RAW, (column,))
    found = run(shop, None, catalog_of(*RAW, "replies", without=everywhere))
    whole = run(shop, None, BOTH)
    order = [sorted(each.records["replies"], key=str) for each in (found, whole)]
    assert order[0] == order[1]


def test_columns_of_its_own_can_be_left_out(shop: Sandbox) -> None:
    """A catalog chooses columns of `replies` as of any stream."""
    found = run(shop, None, catalog_of("replies", without={"replies": ("body", "author_email")}))
    assert found.records["replies"]
    assert all(
        not {"body", "author_email"} & row.keys() and row["body_text"] is not None
        for row in found.records["replies"]
        if row["kind"] == "unsubscribe_reason"
    )


def test_what_was_read_already_does_not_come_again(shop: Sandbox) -> None:
    """A run that finds nothing new emits nothing and leaves the state as it is."""
    first = run(shop, None, BOTH)
    second = run(shop, first.state, BOTH)
    assert second.records["replies"] == []
    assert second.state == first.state


def failing(path: str, status: int) -> dict[str, Any]:
    """A path that is refused."""
    return {"kind": "status", "status": status, "path": path, "times": 999}


@pytest.mark.parametrize("catalog", [BOTH, ALONE], ids=["both", "alone"])
def test_a_feed_that_fails_keeps_the_bookmark(shop: Sandbox, catalog: dict[str, Any]) -> None:
    """If one feed is not read whole, the account's replies wait for the next run; others come."""
    shop.control(faults=[failing("/3.0/lists/*/members", 500)])
    found = sync(shop.config() | {"retry_seconds": 0}, catalog=catalog)
    assert {row["source"] for row in found.records["replies"]} == {"reamaze"}
    (told,) = [line for line in found.failures if line.startswith("replies, account ")]
    assert "500" in told or "mailchimp_list_unsubscribes" in told
    shop.reset()
    second = sync(shop.config(), catalog=catalog, state=found.state)
    assert second.failures == []
    assert {row["source"] for row in second.records["replies"]} == {"mailchimp"}
    assert ids(found) | ids(second) == ids(sync(shop.config(), catalog=catalog))


def test_accounts_of_one_name_stay_apart() -> None:
    """An account may go by the name of another source's; each has its bookmark."""
    with Sandbox(now=NOW, conversations=3, reamaze_conversations=3, campaigns=2) as sandbox:
        config = sandbox.config(accounts=True)
        config["accounts"][0]["name"] = "sandbox"
        first = sync(config, catalog=ALONE)
        assert first.failures == []
        second = sync(config, catalog=ALONE, state=first.state)
    rows = first.records["replies"]
    assert {(row["account_id"], row["source"]) for row in rows} == {
        ("sandbox", "mailchimp"),
        ("sandbox", "reamaze"),
    }
    assert second.records["replies"] == []
    assert len(second.state["bookmarks"]["replies"]["partitions"]) == 2


def test_the_summary_tells_where_the_rows_are_from(shop: Sandbox) -> None:
    """A line per account says what was emitted, from which streams, and its own requests."""
    found = run(shop, None, BOTH)
    (line,) = [each for each in found.log if each.startswith("replies, account sandbox:")]
    emitted = len([row for row in found.records["replies"] if row["source"] == "reamaze"])
    assert f": {emitted} emitted; " in line
    assert "; 1 requests; " in line
    assert f"; {len(found.records['reamaze_messages'])} from reamaze_messages; " in line


def test_its_state_does_not_grow() -> None:
    """However many conversations there are, the state has the same size."""
    sizes = []
    for count in (5, 500):
        with Sandbox(now=NOW, conversations=count, messages=1, reamaze_conversations=count) as many:
            found = run(many, None, ALONE)
            sizes.append(len(json.dumps(found.state)))
            assert len(found.records["replies"]) > count
    assert abs(sizes[0] - sizes[1]) < 20


def test_old_threads_are_told_to_be_old() -> None:
    """Where Mailchimp's newest reply is older than 90 days, one line says so, and why."""
    with Sandbox(now="2025-06-01T00:00:00+00:00", reamaze_conversations=3) as sandbox:
        for catalog in (BOTH, ALONE, ONLY_RAW):
            found = run(sandbox, None, catalog)
            (line,) = [each for each in found.log if "past Conversations only" in each]
            assert "which has no API" in line
    with Sandbox(now=NOW, reamaze_conversations=3) as sandbox:
        found = run(sandbox, None, BOTH)
        assert not [each for each in found.log if "past Conversations only" in each]
        window = run(sandbox, None, BOTH, start_date="2024-06-01", end_date="2025-01-01")
        assert not [each for each in window.log if "past Conversations only" in each]


def test_a_slow_list_of_campaigns_names_its_staff_all_the_same() -> None:
    """The address of an old campaign counts although the page that shows it came in halves."""
    with Sandbox(now=NOW, conversations=3, campaigns=600) as sandbox:
        thread = next(iter(sandbox.world.account("", "mailchimp").rows("conversations")))["id"]
        writer = "help@agency.example"
        said = {"op": "new_message", "source": "mailchimp", "key": thread}
        sandbox.mutate({**said, "row": {"from_email": writer}})
        rows = sandbox.world.account("", "mailchimp").rows("campaigns")
        oldest = min(rows, key=lambda row: row["create_time"])
        changed = {"settings": {**oldest["settings"], "reply_to": writer}}
        update = {"op": "update", "collection": "mailchimp.campaigns", "key": oldest["id"]}
        sandbox.mutate({**update, "row": changed})
        slow = {"kind": "status", "status": 504, "path": "/3.0/campaigns"}
        sandbox.control(faults=[slow | {"query": {"count": "1000"}}])
        after = run(sandbox, None, ALONE).records["replies"]
        roles = {row["author_role"] for row in after if row["author_email"] == writer}
        assert roles == {"staff"}


MEASURED = """
import atexit, re, runpy
from pathlib import Path

def note():
    status = Path("/proc/self/status").read_text("utf-8")
    Path("peak").write_text(re.search(r"VmHWM:\\s+(\\d+)", status)[1], "utf-8")

atexit.register(note)
runpy.run_module("tap_replies", run_name="__main__")
"""
"""The command, which at its end notes the most memory that it had, in kilobytes (Linux)."""


@pytest.mark.long
def test_a_hundred_thousand_messages_need_little_memory(tmp_path: Path) -> None:
    """With the raw stream or alone, what waits for its conversation waits on disk."""
    settings = {"reamaze_messages_from": "brand"}
    with Sandbox(conversations=1, reamaze_conversations=25_000, reamaze_messages=4) as sandbox:
        (tmp_path / "config.json").write_text(json.dumps(sandbox.config() | settings))
        for streams in (("reamaze_messages", "replies"), ("replies",)):
            (tmp_path / "catalog.json").write_text(json.dumps(catalog_of(*streams)))
            command = [sys.executable, "-c", MEASURED, "--config=config.json"]
            with (tmp_path / "out").open("wb") as out, (tmp_path / "log").open("wb") as log:
                subprocess.run(
                    [*command, "--catalog=catalog.json"],
                    stdout=out,
                    stderr=log,
                    cwd=tmp_path,
                    check=True,
                    timeout=300,
                )
            assert "100000 from reamaze_messages" in (tmp_path / "log").read_text("utf-8")
            assert int((tmp_path / "peak").read_text("utf-8")) < 200 * 1024
