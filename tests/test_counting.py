"""A run says what it read, held against what the API counts, and so proves that nothing is lost."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from counting import counted, summaries
from odd_answers import odd_answers
from support import catalog_of, emitted, held, run_cli, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREAD = "fa8c387539"
LIST = "57afe96172"
CAMPAIGN = "42694e9e57"


class Way(NamedTuple):
    """Of a stream: a list of its rows, what counts them, and what of them can be changed."""

    path: str
    figure: str
    table: str
    key: tuple[str, ...]
    field: str

    def keys(self, sandbox: Sandbox) -> list[Any]:
        """The keys of the rows that the stream emits, as the sandbox wants them."""
        source, name = self.table.split(".")
        rows = sandbox.world.account("", source).rows(name)
        found = [
            [row[part] if part else row["conversation"]["slug"] for part in self.key]
            for row in rows
            if name != "members" or row["status"] == "unsubscribed"
        ]
        return [key if len(key) > 1 else key[0] for key in found]


ITEMS, COUNT = "total_items", "total_count"
WAYS = {
    "mailchimp_lists": Way("/3.0/lists", ITEMS, "mailchimp.lists", ("id",), "name"),
    "mailchimp_campaigns": Way(
        "/3.0/campaigns", ITEMS, "mailchimp.campaigns", ("id",), "archive_url"
    ),
    "mailchimp_conversations": Way(
        "/3.0/conversations", ITEMS, "mailchimp.conversations", ("id",), "subject"
    ),
    "mailchimp_conversation_messages": Way(
        f"/3.0/conversations/{THREAD}/messages",
        ITEMS,
        "mailchimp.messages",
        ("conversation_id", "id"),
        "message",
    ),
    "mailchimp_unsubscribes": Way(
        f"/3.0/reports/{CAMPAIGN}/unsubscribed",
        ITEMS,
        "mailchimp.unsubscribes",
        ("campaign_id", "email_id", "timestamp"),
        "reason",
    ),
    "mailchimp_list_unsubscribes": Way(
        f"/3.0/lists/{LIST}/members", ITEMS, "mailchimp.members", ("list_id", "id"), "full_name"
    ),
    "reamaze_conversations": Way(
        "/api/v1/conversations", COUNT, "reamaze.conversations", ("slug",), "subject"
    ),
    "reamaze_messages": Way("/api/v1/messages", COUNT, "reamaze.messages", ("", "_place"), "body"),
}
ALL: dict[str, Any] = {"unsubscribe_refresh_days": 1000, "campaign_refresh_days": 1000}
EVERY_STREAM = pytest.mark.parametrize("stream", WAYS)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The log, metrics included."""
    caplog.set_level("INFO")
    return caplog


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Sandbox]:
    """A small sandbox."""
    with Sandbox(conversations=6, reamaze_conversations=12) as sandbox:
        yield sandbox


@pytest.fixture
def shop(unchanged: Sandbox) -> Sandbox:
    """The same, to break but not to change."""
    unchanged.reset()
    return unchanged


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """A small sandbox whose present is known, to change."""
    with Sandbox(now="2026-03-01T12:00:00Z", conversations=6, reamaze_conversations=12) as sandbox:
        yield sandbox


def asked(sandbox: Sandbox) -> int:
    """How many requests came beside the one that checks the account."""
    return int(sandbox.stats()["total"]) - 1


@EVERY_STREAM
def test_a_calm_run(shop: Sandbox, log: pytest.LogCaptureFixture, stream: str) -> None:
    """All that was counted was read and emitted, with as many requests as the API saw."""
    run, summary = counted(shop, log, stream)
    assert summary.stream == stream
    assert summary.figure == WAYS[stream].figure
    assert emitted(run.records[stream], stream) == held(shop, stream)
    assert summary.emitted == summary.read == summary.expected == len(run.records[stream])
    assert summary.requests == asked(shop)
    assert summary.retries == 0
    assert summary.is_calm


def test_a_line_for_each_stream_and_account(log: pytest.LogCaptureFixture) -> None:
    """Each account has figures of its own; together they are all requests that were sent."""
    with Sandbox(accounts=2, brands=2, conversations=5, reamaze_conversations=8) as sandbox:
        found = summaries(sync(sandbox.config(accounts=True)), log)
        total = sandbox.stats()["total"]
        truth = sandbox.truth()
    pairs = {(each.stream, each.account) for each in found}
    streams = {(stream, account) for account in truth for stream in truth[account]}
    own = {(stream, account) for stream in ("accounts", "replies") for account in truth}
    assert pairs == streams | own
    assert len(pairs) == len(found)
    for each in found:
        if (each.stream, each.account) in streams:
            assert each.emitted == truth[each.account][each.stream]["count"]
    assert sum(each.requests for each in found) + len(truth) == total


@EVERY_STREAM
def test_retries_are_counted(shop: Sandbox, log: pytest.LogCaptureFixture, stream: str) -> None:
    """Each try that failed is a retry and a request."""
    # Beside the list, the account is looked up.
    query = {"page": "1"} if stream == "reamaze_conversations" else {}
    faults: list[dict[str, Any]] = [
        {"kind": "status", "status": 503},
        {"kind": "cut"},
        {"kind": "html200"},
    ]
    for place, fault in enumerate(faults):
        fault |= {"path": WAYS[stream].path, "query": query, "at": 1 + place}
    shop.control(faults=faults)
    _, summary = counted(shop, log, stream)
    assert summary.retries == len(faults)
    assert summary.requests == asked(shop)
    assert summary.emitted == summary.expected == held(shop, stream).total()
    assert summary.is_calm


@EVERY_STREAM
def test_what_was_cleaned(own: Sandbox, log: pytest.LogCaptureFixture, stream: str) -> None:
    """Changed values are counted by field, unknown fields named once, and no content told."""
    way = WAYS[stream]
    for place, key in enumerate(way.keys(own)[:3]):
        row = {way.field: f"a\x00b {place}, anna@example.com", "brand_new": "anna@example.com"}
        own.mutate({"op": "update", "collection": way.table, "key": key, "row": row})
    _, summary = counted(own, log, stream)
    assert summary.metric["cleaned"] == 3
    assert summary.metric["unknown_fields"] == 1
    assert summary.rest == (f"; cleaned: text {way.field} (3); fields without a column: brand_new")
    assert summary.emitted == summary.expected == held(own, stream).total()


@EVERY_STREAM
def test_a_shortfall(shop: Sandbox, log: pytest.LogCaptureFixture, stream: str) -> None:
    """Rows that are counted but not given are looked for once more, and then are a mismatch."""
    state, before = None, None
    if stream != "reamaze_conversations":  # whose later runs stop before the end
        half, _ = counted(shop, log, stream, end_date="2026-01-01", **ALL)
        state, before = half.state, half.bookmark(stream)
    _, calm = counted(shop, log, stream, state, **ALL)
    shop.control(faults=[{"kind": "total", "path": WAYS[stream].path, "delta": 3}])
    run, summary = counted(shop, log, stream, state, on_count_mismatch="fail", **ALL)
    assert summary.rest == f"; 3 MISSING by {WAYS[stream].figure}"
    assert summary.metric["missing"] == 3
    assert summary.requests > calm.requests
    assert summary.expected == calm.expected + 3
    [failure] = run.failures
    assert failure.startswith(f"{stream}, account {summary.account}: the API counts 3 rows more")
    assert run.bookmark(stream) == before


def test_a_mismatch_is_an_exit_status(shop: Sandbox, tmp_path: Path) -> None:
    """With `fail` the command ends with exit status 1 and names stream, account and number."""
    shop.control(faults=[{"kind": "total", "path": "/3.0/lists", "delta": 3}])
    config = {**shop.config(), "on_count_mismatch": "fail"}
    catalog = tmp_path / "catalog.json"
    catalog.write_text(json.dumps(catalog_of("mailchimp_lists")))
    ended = run_cli("--catalog", str(catalog), config=config, folder=tmp_path)
    assert ended.returncode == 1
    account = shop.world.mailchimp[0].name
    assert f"mailchimp_lists, account {account}: the API counts 3 rows more" in ended.stderr


@pytest.mark.parametrize("reaction", ["warn", "fail"])
def test_a_thread_that_lacks_messages(
    own: Sandbox, log: pytest.LogCaptureFixture, reaction: str
) -> None:
    """Each thread is held against its own `message_count`."""
    stream = "mailchimp_conversation_messages"
    row = {"message_count": 14}
    own.mutate({"op": "update", "collection": "mailchimp.conversations", "key": THREAD, "row": row})
    run, summary = counted(own, log, stream, on_count_mismatch=reaction)
    assert summary.rest == "; 2 MISSING by message_count"
    assert summary.emitted == held(own, stream).total()
    assert len(run.failures) == (reaction == "fail")


@pytest.mark.parametrize("liar", ["count_hides", "brand_hides"])
def test_initial_messages_that_are_not_counted(
    own: Sandbox, log: pytest.LogCaptureFixture, liar: str
) -> None:
    """Counts or lists that leave out initial messages cost no message and are no mismatch."""
    own.control(initial_messages=liar)
    stream = "reamaze_messages"
    run, summary = counted(own, log, stream, on_count_mismatch="fail")
    assert run.failures == []
    assert "MISSING" not in summary.rest
    assert emitted(run.records[stream], stream) == held(own, stream)
    later, summary = counted(own, log, stream, run.state, on_count_mismatch="fail")
    assert (later.failures, later.records[stream]) == ([], [])
    assert summary.is_calm


def test_opt_outs_of_people_deleted_since(own: Sandbox, log: pytest.LogCaptureFixture) -> None:
    """A report goes on counting them; the summary tells their number, and it is no mismatch."""
    stream = "mailchimp_unsubscribes"
    keys = WAYS[stream].keys(own)
    for key in [key for key in keys if key[0] == CAMPAIGN]:
        own.mutate({"op": "delete", "collection": "mailchimp.unsubscribes", "key": key})
    run, summary = counted(own, log, stream, on_count_mismatch="fail")
    assert run.failures == []
    assert "; 5 opt-outs counted, not listed" in summary.rest
    assert summary.emitted == summary.expected == held(own, stream).total() == len(keys) - 5


def test_what_vanished_is_counted(own: Sandbox, log: pytest.LogCaptureFixture) -> None:
    """A thread that was listed but is gone when its messages are asked for is skipped."""
    gone = {"op": "delete", "collection": "mailchimp.conversations", "key": THREAD}
    path = WAYS["mailchimp_conversation_messages"].path
    own.control(faults=[{"kind": "mutate", "path": path, "at": 1, "mutations": [gone]}])
    run, summary = counted(own, log, "mailchimp_conversation_messages")
    assert run.failures == []
    assert summary.rest == "; 1 threads skipped"
    assert summary.metric["skipped"] == 1


def test_no_summary_tells_what_rows_hold(own: Sandbox, log: pytest.LogCaptureFixture) -> None:
    """Where every row is odd, fields are named, each once, but no text of a row is."""
    own.control(hostile=1)
    run = sync(own.config())
    found = {each.stream: each.rest for each in summaries(run, log)}
    for stream, rest in found.items():
        texts = [text for record in run.records[stream] for text in map(str, record.values())]
        assert not [text for text in texts if len(text) > 10 and text in rest]
        assert "@" not in rest
        assert rest.count("brand_new") == (stream not in {"accounts", "replies"})


@pytest.mark.parametrize("rule", ["warn", "fail", "ignore"])
def test_rows_that_no_table_can_hold_are_told(rule: str) -> None:
    """Rows without what their key is made of are a mismatch, as they are missing downstream."""
    stream = "reamaze_conversations"
    with odd_answers() as config:
        run = sync({**config, "on_count_mismatch": rule}, catalog=catalog_of(stream))
    told = [line for line in run.log if "rows lack what their key is made of" in line]
    assert len(told) == (rule != "ignore")
    assert bool(run.failures) == (rule == "fail")
    assert ("replication_key_value" in str(run.state)) == (rule != "fail")
