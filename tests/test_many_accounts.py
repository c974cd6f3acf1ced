"""Several accounts in one run: each whole, none mixed up, and one that fails stops no other."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support import TRUTH_COLUMNS, messages_in, run_cli, sync
from whole import UNDATED, astray, bookmarks, loaded

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAME_IDS = (
    "mailchimp_lists",
    "mailchimp_campaigns",
    "mailchimp_conversations",
    "reamaze_conversations",
)
SETTINGS = {
    "mailchimp": "accounts[1].api_key",
    "reamaze": "accounts[4].login and accounts[4].api_token",
}
"""The second account of each vendor, by the setting that its failure names."""


@pytest.fixture
def five() -> Iterator[Sandbox]:
    """Three Mailchimp accounts and two brands, with the same ids in each."""
    sizes: dict[str, Any] = {"conversations": 5, "campaigns": 12, "lists": 2, "members": 4}
    sizes |= {"reamaze_conversations": 31, "reamaze_messages": 2}
    with Sandbox(accounts=3, brands=2, **sizes) as sandbox:
        yield sandbox


def _config(sandbox: Sandbox) -> dict[str, Any]:
    """All accounts; every opt-out is looked for."""
    return sandbox.config(accounts=True) | {"unsubscribe_refresh_days": 36_500}


def _second(sandbox: Sandbox, source: str) -> str:
    """The id of the second account of a vendor."""
    world = sandbox.world
    return (world.mailchimp if source == "mailchimp" else world.reamaze)[1].name


def _revoke(sandbox: Sandbox, account: str, at: int) -> None:
    """Let an account be refused from its n-th request on."""
    sandbox.control(faults=[{"kind": "revoke", "account": account, "at": at}])


def _news(sandbox: Sandbox) -> Iterator[dict[str, Any]]:
    """The same news in every account."""
    for one in sandbox.world.mailchimp:
        common = {"source": "mailchimp", "account": one.name}
        yield {**common, "op": "new_message", "key": "fa8c387539"}
        yield {**common, "op": "new_conversation", "key": "0123456789"}
        yield {**common, "op": "new_unsubscribe", "key": "42694e9e57"}
    for brand in sandbox.world.reamaze:
        common = {"source": "reamaze", "account": brand.name}
        yield {**common, "op": "new_message", "key": "knock-knock"}
        yield {**common, "op": "new_conversation", "key": "brand-new"}


def _of(state: dict[str, Any], account: str) -> dict[str, Any]:
    """All that a state holds of an account, by stream."""
    return {
        stream: partition
        for stream, entry in state["bookmarks"].items()
        for partition in entry.get("partitions", [])
        if partition["context"]["account_id"] == account
    }


def test_each_account_is_whole(five: Sandbox) -> None:
    """Rows with the same id in several accounts all arrive, each with its account and bookmark."""
    found = sync(_config(five))
    tables = loaded(found)
    assert found.failures == []
    assert astray(five, tables) == {}
    for stream, columns in TRUTH_COLUMNS.items():
        ids = Counter(tuple(row[name] for name in columns) for row in tables[stream].values())
        accounts = {row["account_id"] for row in tables[stream].values()}
        assert len(accounts) == (3 if stream.startswith("mailchimp") else 2)
        assert stream not in SAME_IDS or set(ids.values()) == {len(accounts)}
        if stream not in UNDATED:
            assert {who for name, who, _ in bookmarks(found.state) if name == stream} == accounts
    five.mutate(*_news(five))
    second = sync(_config(five), state=found.state)
    assert astray(five, loaded(found, second)) == {}
    assert len(second.records["mailchimp_conversation_messages"]) == 3 * 2
    assert len(second.records["reamaze_messages"]) == 2 * 2


@pytest.mark.parametrize(("source", "at"), [("mailchimp", 14), ("reamaze", 1), ("reamaze", 5)])
def test_one_failing_account_stops_no_other(five: Sandbox, source: str, at: int) -> None:
    """A key revoked at any time costs its own account's rows only, and no bookmark goes too far."""
    config, failing = _config(five), _second(five, source)
    _revoke(five, failing, at)
    first = sync(config)
    assert {account for account, _ in astray(five, loaded(first))} == {failing}
    assert any(SETTINGS[source] in message for message in first.failures)
    five.reset()
    second = sync(config, state=first.state)
    assert second.failures == []
    assert astray(five, loaded(first, second)) == {}


@pytest.mark.parametrize(("source", "at"), [("mailchimp", 1), ("mailchimp", 8), ("reamaze", 4)])
def test_a_later_run_of_a_failing_account_is_made_good(five: Sandbox, source: str, at: int) -> None:
    """Its bookmarks stay where they were until the key is back, and then nothing is missing."""
    config, failing = _config(five), _second(five, source)
    first = sync(config)
    five.mutate(*_news(five))
    _revoke(five, failing, at)
    second = sync(config, state=first.state)
    assert any(SETTINGS[source] in message for message in second.failures)
    lacking = astray(five, loaded(first, second))
    assert {account for account, _ in lacking} == {failing}
    before, after = _of(first.state, failing), _of(second.state, failing)
    assert {stream: after[stream] for _, stream in lacking} == {
        stream: before[stream] for _, stream in lacking
    }
    assert at > 1 or after == before
    five.reset()
    third = sync(config, state=second.state)
    assert astray(five, loaded(first, second, third)) == {}


def test_the_command_tells_which_account_failed(five: Sandbox, tmp_path: Path) -> None:
    """The exit status is 1, the error names setting and account, all others are written out."""
    _revoke(five, _second(five, "mailchimp"), 5)
    outcome = run_cli(config=_config(five), folder=tmp_path)
    assert outcome.returncode == 1
    errors = [line for line in outcome.stderr.splitlines() if "| ERROR" in line]
    assert any("accounts[1]: " in line and SETTINGS["mailchimp"] in line for line in errors)
    assert not any(f"accounts[{other}]" in line for line in errors for other in (0, 2, 3, 4))
    lacking = astray(five, loaded(messages_in(outcome.stdout)))
    assert {account for account, _ in lacking} == {_second(five, "mailchimp")}
