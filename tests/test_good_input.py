"""Settings that look odd but are right are taken, and a misspelt one is told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import Outcome, check_discretion, forked, secrets
from support import catalog_of, messages_in

if TYPE_CHECKING:
    from pathlib import Path

    from tap_replies.sandbox import Sandbox


def run(settings: dict[str, Any], folder: Path) -> Outcome:
    """Read just who the accounts are."""
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "catalog.json").write_text(json.dumps(catalog_of("accounts")))
    return forked("--config", "config.json", "--catalog", "catalog.json", folder=folder)


def of_source(source: str, sandbox: Sandbox) -> dict[str, Any]:
    """The settings of one source."""
    config = sandbox.config()
    return {name: value for name, value in config.items() if name.startswith(source)}


@pytest.mark.parametrize(
    "brand",
    [
        "sandbox",
        "sandbox.reamaze.io",
        "sandbox.reamaze.com",
        "https://sandbox.reamaze.io",
        "https://sandbox.reamaze.io/admin/inbox",
        "HTTPS://Sandbox.Reamaze.io/",
    ],
)
def test_a_brand_may_be_given_as_its_address(brand: str, still: Sandbox, tmp_path: Path) -> None:
    """The records bear the brand itself, in whichever form it was given."""
    outcome = run(of_source("reamaze", still) | {"reamaze_brand": brand}, tmp_path)
    assert outcome.status == 0, outcome.stderr
    [account] = messages_in(outcome.stdout).records["accounts"]
    assert account["account_id"] == "sandbox"


@pytest.mark.parametrize(
    ("source", "settings"),
    [
        ("mailchimp", {"mailchimp_server": "us6"}),
        ("mailchimp", {"mailchimp_server": None, "mailchimp_filters": None, "start_date": None}),
        ("mailchimp", {"reamaze_brand": "", "accounts": ""}),
        ("mailchimp", {"accounts": []}),
        ("mailchimp", {"max_connections": 10, "retry_seconds": 0, "lookback_minutes": 0}),
        ("reamaze", {"max_connections": 11}),
        ("reamaze", {"start_date": "2026-01-31", "end_date": "2026-01-31T08:00:00+02:00"}),
        ("reamaze", {"reamaze_filters": {"origin": 1, "data": {"tier": "gold"}, "tag": "a, b"}}),
    ],
)
def test_right_settings_are_taken(
    source: str, settings: dict[str, Any], still: Sandbox, tmp_path: Path
) -> None:
    """Nothing is warned of, and the account is read."""
    outcome = run(of_source(source, still) | settings, tmp_path)
    assert outcome.status == 0, outcome.stderr
    assert outcome.told("WARNING") == []
    assert len(messages_in(outcome.stdout).records["accounts"]) == 1


@pytest.mark.parametrize("is_text", [False, True])
def test_accounts_may_be_a_json_text(is_text: bool, still: Sandbox, tmp_path: Path) -> None:  # noqa: FBT001
    """Several accounts are read alike from an array and from its text."""
    accounts = still.config(accounts=True)["accounts"]
    named = [{**account, "name": f"a{index}"} for index, account in enumerate(accounts)]
    outcome = run({"accounts": json.dumps(named) if is_text else named}, tmp_path)
    assert outcome.status == 0, outcome.stderr
    found = messages_in(outcome.stdout).records["accounts"]
    assert [account["account_id"] for account in found] == ["a0", "a1"]
    check_discretion(outcome, secrets(named))


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("mailchimp_apikey", "mailchimp_api_key"),
        ("reamaze_apitoken", "reamaze_api_token"),
        ("max_connection", "max_connections"),
        ("startdate", "start_date"),
    ],
)
def test_an_unknown_setting_is_warned_of(
    name: str, nearest: str, still: Sandbox, tmp_path: Path
) -> None:
    """The warning names the setting that comes nearest, without the value, and the run goes on."""
    value = "0f1e2d3c4b5a6978"
    outcome = run(still.config() | {name: value}, tmp_path)
    assert outcome.status == 0, outcome.stderr
    [warning] = outcome.told("WARNING")
    assert warning.startswith(f"{name}: there is no such setting")
    assert warning.endswith(f"did you mean {nearest}?")
    check_discretion(outcome, [value])


def test_an_unknown_setting_like_no_other_is_warned_of(still: Sandbox, tmp_path: Path) -> None:
    """The warning guesses at nothing."""
    [warning] = run(still.config() | {"zzz": 1}, tmp_path).told("WARNING")
    assert warning == "zzz: there is no such setting, it is ignored"
