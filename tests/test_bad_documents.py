"""A bad state, configuration file or environment is refused in words, unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from command_line import check_refusal, forked, secrets
from documents import CAMPAIGNS, LISTS, SECRETS, SETTINGS, run
from support import catalog_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_replies.sandbox import Sandbox

    Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    "document", ["", "{", "[]", '"x"', "null", "7", '{"streams"', "\0", "[" * 100_000], ids=range(9)
)
@pytest.mark.parametrize("name", ["state", "catalog"])
def test_a_file_that_holds_no_object_is_refused(name: str, document: str, tmp_path: Path) -> None:
    """The answer names the option."""
    outcome = run(tmp_path, **{name: document})
    check_refusal(outcome, f"{name}:", "must hold a JSON object, as the tap itself writes it")


@pytest.mark.parametrize("document", ['{"bookmarks": {"\\ud800": {}}}', '{"streams": ["\\udfff"]}'])
@pytest.mark.parametrize("name", ["state", "catalog"])
def test_a_file_with_half_a_character_is_refused(name: str, document: str, tmp_path: Path) -> None:
    """No message could hold it, so that is told before anything is read."""
    outcome = run(tmp_path, **{name: document})
    says = "the file holds half of a character (a lone surrogate)"
    check_refusal(outcome, f"{name}:", says, "have the tap write it anew")
    assert outcome.stdout == ""


def bookmark(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    """A state with one bookmark."""
    partition = {
        "context": {"account_id": "a"},
        "replication_key": "create_time",
        "replication_key_value": "2026-01-31T08:00:00.000Z",
    }
    return {"bookmarks": {CAMPAIGNS: {"partitions": [{**partition, **changes}]}}}


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"bookmarks": []}, "must be an object with `bookmarks`; start without a state"),
        ({"bookmarks": None}, "must be an object with `bookmarks`"),
        ({"singer_state": bookmark()}, "must be an object with `bookmarks`"),
        ({"bookmarks": {"mailchimp_campaign": {}}}, f"(did you mean '{CAMPAIGNS}'?); remove it"),
        ({"bookmarks": {CAMPAIGNS: None}}, f"the bookmark of {CAMPAIGNS} is not one of this tap"),
        ({"bookmarks": {CAMPAIGNS: {"partitions": {}}}}, "is not one of this tap; remove it"),
        ({"bookmarks": {CAMPAIGNS: {"partitions": ["a"]}}}, "names no account_id; remove it"),
        (bookmark(context="a"), "names no account_id; remove it"),
        (bookmark(context={"account_id": 7}), "names no account_id; remove it"),
        (bookmark(replication_key_value="2999-01-01T00:00:00Z"), "for a lies in the future"),
        (bookmark(replication_key_value="yesterday"), "for a is no time; remove it"),
        (bookmark(replication_key_value=1769846400), "for a is no time; remove it"),
        (bookmark(replication_key=["create_time"]), "for a is one of another column; remove it"),
        (bookmark(progress_markers=None), "for a is not one of this tap; remove it"),
        (bookmark(feeds={LISTS: None}), "for a is not one of this tap; remove it"),
        (
            {"bookmarks": {CAMPAIGNS: {"progress_markers": None}}},
            f"the bookmark of {CAMPAIGNS} is not one of this tap; remove it",
        ),
        (bookmark(overlap=None), "for a is not one of this tap; remove it"),
        (bookmark(overlap=[1]), "for a is not one of this tap; remove it"),
        (bookmark(start_date=7), "for a is not one of this tap; remove it"),
        (bookmark(feeds={LISTS: {"told": 7}}), "for a is not one of this tap; remove it"),
        (
            bookmark(feeds={LISTS: {"replication_key_value": 7}}),
            "for a is not one of this tap; remove it",
        ),
        (bookmark(feeds={LISTS: {"replication_key_value": "x"}}), "for a is no time; remove it"),
        (
            bookmark(feeds={LISTS: {"replication_key_value": "2999-01-01T00:00:00Z"}}),
            "for a lies in the future; remove it",
        ),
        (bookmark(replication_key="send_time"), "for a is one of another column; remove it"),
    ],
)
def test_a_state_that_would_lose_rows_is_refused(
    state: dict[str, Any], says: str, tmp_path: Path
) -> None:
    """The answer names the bookmark, and that removing it reads everything again."""
    outcome = run(tmp_path, state=state)
    check_refusal(outcome, "state:", says, "start without a state", secret=SECRETS)
    assert outcome.stdout == ""


@pytest.mark.parametrize("state", [{}, {"bookmarks": {}}, bookmark()])
def test_a_state_without_fault_is_taken(
    state: dict[str, Any], still: Sandbox, tmp_path: Path
) -> None:
    """No bookmark yet, and one of an account that is not configured any more, are no faults."""
    outcome = run(tmp_path, config=still.config(), catalog=catalog_of(CAMPAIGNS), state=state)
    assert (outcome.status, outcome.told("WARNING")) == (0, [])


@pytest.mark.parametrize("option", ["--config", "--state", "--catalog"])
def test_a_file_that_is_missing_is_named(option: str, tmp_path: Path) -> None:
    """The answer names option and file."""
    outcome = forked(option, "gone.json", folder=tmp_path)
    check_refusal(outcome, option, "gone.json", "No such file")


@pytest.mark.parametrize(
    "document",
    [
        "",
        "{",
        "[]",
        '[["mailchimp_api_key", "k-us6"]]',
        "null",
        '{"mailchimp_api_key": "k-us6", "lookback_minutes": NaN}',
        "[" * 100_000,
    ],
    ids=range(7),
)
@pytest.mark.parametrize("more", [[], ["--discover"], ["--test"]])
def test_a_configuration_that_is_no_object_is_refused(
    document: str, more: list[str], tmp_path: Path
) -> None:
    """The answer names the file, and nothing in it."""
    (tmp_path / "good.json").write_text("{}")
    (tmp_path / "bad.json").write_text(document)
    outcome = forked("--config", "good.json", "--config", "bad.json", *more, folder=tmp_path)
    check_refusal(outcome, "--config", "bad.json must hold a JSON object of settings")
    assert "us6" not in outcome.stderr


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("max_connections", "many", "a whole number"),
        ("max_connections", "", "a whole number"),
        ("lookback_minutes", "1.5", "a whole number"),
        ("strict", "perhaps", "true or false"),
        ("flattening_enabled", "si", "true or false"),
        ("accounts", '[{"source": "mailchimp"', "JSON"),
        ("only", "{", "JSON"),
        ("mailchimp_filters", "list_id=1", "JSON"),
        ("reamaze_filters", '{"data": {"a": NaN}}', "JSON"),
        ("reamaze_filters", "[" * 100_000, "JSON"),
        ("accounts", "[" * 100_000, "JSON"),
        ("stream_maps", "x", "JSON"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--test"]])
def test_a_variable_of_the_wrong_type_is_refused(
    name: str, text: str, says: str, more: list[str], tmp_path: Path
) -> None:
    """The answer names the setting and its environment variable."""
    variable = f"TAP_REPLIES_{name.upper()}"
    settings = {f"TAP_REPLIES_{key.upper()}": value for key, value in SETTINGS.items()}
    outcome = forked(
        "--config=ENV", *more, folder=tmp_path, environment=settings | {variable: text}
    )
    check_refusal(outcome, f"{name}:", variable, says, secret=secrets(SETTINGS))


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("only", "[1]", "must be an object"),
        ("accounts", '{"source": "mailchimp"}', "must be an array"),
        ("max_connections", "11", "set 10 or less"),
    ],
)
def test_a_variable_is_checked_like_any_setting(
    name: str, text: str, says: str, tmp_path: Path
) -> None:
    """What can be read from the environment may still be wrong."""
    settings = {f"TAP_REPLIES_{key.upper()}": value for key, value in SETTINGS.items()}
    environment = settings | {f"TAP_REPLIES_{name.upper()}": text}
    outcome = forked("--config=ENV", folder=tmp_path, environment=environment)
    check_refusal(outcome, f"{name}:", says, secret=secrets(SETTINGS))
