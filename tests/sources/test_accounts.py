"""The stream `accounts`: one row per account, reachable or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import catalog_of, instant, run_cli, sync

if TYPE_CHECKING:
    from pathlib import Path

    from tap_replies.sandbox import Sandbox


def test_one_row_per_account(still: Sandbox) -> None:
    """Each account tells its source, name, plan and role, as far as the vendor does."""
    rows = sync(still.config(), catalog=catalog_of("accounts")).records["accounts"]
    checked = [row.pop("checked_at") for row in rows]
    assert checked[0] is not None
    assert rows == [
        {
            "account_id": next(iter(still.truth())),
            "source": "mailchimp",
            "is_reachable": True,
            "name": "Sandbox shop 1",
            "plan": "monthly",
            "role": "owner",
            "newest_reply_at": None,
            "problem": None,
        },
        {
            "account_id": "sandbox",
            "source": "reamaze",
            "is_reachable": True,
            "name": "sandbox",
            "plan": None,
            "role": None,
            "newest_reply_at": None,
            "problem": None,
        },
    ]


def test_a_refused_account_has_a_row_that_says_why(still: Sandbox) -> None:
    """A wrong credential makes the row unreachable, and stops no other account."""
    config = {**still.config(), "mailchimp_api_key": f"{'0' * 32}-us6"}
    messages = sync(config, catalog=catalog_of("accounts", "mailchimp_lists", "reamaze_messages"))
    refused, reached = messages.records["accounts"]
    assert (refused["account_id"], refused["is_reachable"]) == ("mailchimp", False)
    assert "check mailchimp_api_key" in refused["problem"]
    assert "0" * 32 not in str(messages)
    assert (refused["name"], refused["plan"], refused["role"]) == (None, None, None)
    assert (reached["is_reachable"], reached["problem"]) == (True, None)
    assert len(messages.failures) == 1
    assert not messages.records["mailchimp_lists"]
    assert messages.records["reamaze_messages"]


def test_a_refused_account_goes_by_its_name(still: Sandbox) -> None:
    """In `accounts` the `name` of a setting is the account's id, refused or not."""
    config = still.config(accounts=True)
    config["accounts"][0] |= {"name": "shop", "api_key": f"{'0' * 32}-us6"}
    config["accounts"][1]["name"] = "support"
    rows = sync(config, catalog=catalog_of("accounts")).records["accounts"]
    assert [(row["account_id"], row["is_reachable"]) for row in rows] == [
        ("shop", False),
        ("support", True),
    ]
    assert "accounts[0].api_key" in rows[0]["problem"]


def test_the_newest_reply_of_the_runs_before_is_told(still: Sandbox) -> None:
    """After a run the row says up to when replies are known, for each account its own."""
    first = sync(still.config())
    rows = sync(still.config(), state=first.state).records["accounts"]
    newest = [
        max(row[key] for row in first.records[stream])
        for stream, key in (
            ("mailchimp_conversation_messages", "timestamp"),
            ("reamaze_messages", "created_at"),
        )
    ]
    assert [instant(row["newest_reply_at"]) for row in rows] == [instant(each) for each in newest]


def test_the_exit_status_tells_of_a_refused_account(still: Sandbox, tmp_path: Path) -> None:
    """The process writes what it could read and ends with 1, naming the setting."""
    config = {**still.config(), "reamaze_api_token": "wrong"}
    done = run_cli(config=config, folder=tmp_path)
    assert done.returncode == 1
    assert '"stream":"mailchimp_conversations"' in done.stdout
    assert "reamaze_api_token" in done.stderr
    assert "wrong" not in done.stderr.replace("Wrong", "")
