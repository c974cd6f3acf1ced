"""The command's options do what Singer and Meltano expect of a tap."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import Outcome, check_refusal, forked, secrets
from support import catalog_of, messages_in, sync

from tap_replies import settings
from tap_replies.sources import SOURCES
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from tap_replies.sandbox import Sandbox

NAMES = {path.stem for path in (Path(__file__).parent.parent / "schemas").glob("*.json")}
OPTIONAL = {"mailchimp_member_activity", "mailchimp_survey_responses"}
"""What must be selected."""

LISTS = "mailchimp_lists"


def write(folder: Path, **documents: object) -> None:
    """Write some JSON files."""
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def of_source(source: str, sandbox: Sandbox) -> dict[str, Any]:
    """The settings of one source."""
    config = sandbox.config()
    return {name: value for name, value in config.items() if name.startswith(source)}


def streams_in(outcome: Outcome) -> set[str]:
    """The streams of a catalog that was written."""
    assert outcome.status == 0, outcome.stderr
    return {entry["tap_stream_id"] for entry in json.loads(outcome.stdout)["streams"]}


# What the tap tells of itself


def test_about_as_json(tmp_path: Path) -> None:
    """Every setting is there with its type, description and secrecy."""
    outcome = forked("--about", "--format=json", folder=tmp_path)
    assert (outcome.status, outcome.stderr) == (0, "")
    about = json.loads(outcome.stdout)
    assert (about["name"], about["version"]) == ("tap-replies", version("tap-replies"))
    assert about["capabilities"] == [
        "catalog",
        "state",
        "discover",
        "about",
        "stream-maps",
        "schema-flattening",
        "batch",
        "structured-logging",
    ]
    told = about["settings"]["properties"]
    for setting in settings.all_settings(SOURCES):
        assert told[setting.name]["description"]
        assert told[setting.name].get("secret", False) is setting.secret
        assert told[setting.name].get("default") == setting.default
    assert {"stream_maps", "flattening_enabled", "batch_config"} <= told.keys()
    assert "required" not in about["settings"]


@pytest.mark.parametrize("form", [[], ["--format=markdown"]])
def test_about_for_people(form: list[str], tmp_path: Path) -> None:
    """Every setting and capability is named in the text and in the Markdown."""
    outcome = forked("--about", *form, folder=tmp_path)
    assert (outcome.status, outcome.stderr) == (0, "")
    for setting in settings.all_settings(SOURCES):
        assert setting.name in outcome.stdout
    for capability in TapReplies.capabilities:
        assert capability.value in outcome.stdout


def test_version(tmp_path: Path) -> None:
    """The version is the distribution's."""
    outcome = forked("--version", folder=tmp_path)
    sdk = version("singer-sdk")
    assert outcome.stdout == f"tap-replies v{version('tap-replies')}, Meltano SDK v{sdk}\n"
    assert (outcome.status, outcome.stderr) == (0, "")


# --discover


@pytest.mark.parametrize(
    "order", [["--discover", "--config=c.json"], ["--config=c.json", "--discover"]]
)
@pytest.mark.parametrize("source", ["mailchimp", "reamaze"])
def test_discovery_lists_the_configured_source(
    source: str, order: list[str], sandbox: Sandbox, tmp_path: Path
) -> None:
    """It lists the streams of that source and `accounts`, and asks nothing of the API."""
    write(tmp_path, c=of_source(source, sandbox))
    found = streams_in(forked(*order, folder=tmp_path))
    assert found == {name for name in NAMES if name.startswith(source)} | {"accounts", "replies"}
    assert sandbox.stats()["total"] == 0


@pytest.mark.parametrize(
    "config", [None, {}, {"mailchimp_api_key": 7}, {"accounts": "["}, {"max_connections": "a"}]
)
def test_discovery_needs_no_settings(config: dict[str, Any] | None, tmp_path: Path) -> None:
    """Without settings, or with wrong ones, it lists every stream."""
    write(tmp_path, c=config)
    arguments = [] if config is None else ["--config", "c.json"]
    assert streams_in(forked("--discover", *arguments, folder=tmp_path)) == NAMES


def test_the_discovered_catalog_reads_everything(still: Sandbox, tmp_path: Path) -> None:
    """Unchanged, the catalog is as good as none."""
    write(tmp_path, c=still.config())
    catalog = forked("--config=c.json", "--discover", folder=tmp_path).stdout
    (tmp_path / "catalog.json").write_text(catalog)
    outcome = forked("--config=c.json", "--catalog=catalog.json", folder=tmp_path)
    found, whole = messages_in(outcome.stdout), sync(still.config())
    assert {name: len(rows) for name, rows in found.records.items()} == {
        name: len(rows) for name, rows in whole.records.items()
    }
    assert {message["stream"] for message in found.schemas} == NAMES - OPTIONAL


# --test


def test_the_test_reads_one_record_of_each_stream(still: Sandbox, tmp_path: Path) -> None:
    """A good configuration passes, without a word of error, as `meltano config test` wants it."""
    write(tmp_path, c=still.config())
    outcome = forked("--config=c.json", "--test", folder=tmp_path)
    assert outcome.status == 0, outcome.stderr
    assert "ERROR" not in outcome.stderr
    found = messages_in(outcome.stdout)
    assert {name: len(rows) for name, rows in found.records.items()} == dict.fromkeys(NAMES, 1)


def test_the_test_tells_of_a_bad_key(still: Sandbox, tmp_path: Path) -> None:
    """It fails with the words of a run."""
    config = still.config() | {"reamaze_api_token": "4d7c1e90"}
    write(tmp_path, c=config)
    outcome = forked("--config=c.json", "--test", folder=tmp_path)
    check_refusal(outcome, "reamaze:", "401", "check reamaze_login", secret=secrets(config))
    assert outcome.status == 1


def test_the_test_of_schemas_asks_nothing(sandbox: Sandbox, tmp_path: Path) -> None:
    """It writes every schema, with settings or without, and sends no request."""
    write(tmp_path, c=sandbox.config())
    for arguments in ([], ["--config=c.json"]):
        outcome = forked(*arguments, "--test=schema", folder=tmp_path)
        assert outcome.status == 0, outcome.stderr
        found = messages_in(outcome.stdout)
        assert {message["stream"] for message in found.schemas} == NAMES
        assert found.records == {}
    assert sandbox.stats()["total"] == 0


@pytest.mark.parametrize(
    ("config", "option", "at", "says"),
    [
        ({}, "--test", "No account", "mailchimp_api_key"),
        ({"max_connections": "a"}, "--test", "max_connections", "must be a whole number"),
        ({"max_connections": "a"}, "--test=schema", "max_connections", "must be a whole number"),
        ({}, "--test=scheme", "--test", "must be all, which is the default, or schema"),
    ],
)
def test_the_test_refuses_bad_input(
    config: dict[str, Any], option: str, at: str, says: str, tmp_path: Path
) -> None:
    """It answers as clearly as a run does."""
    write(tmp_path, c=config)
    outcome = forked("--config=c.json", option, folder=tmp_path)
    check_refusal(outcome, at, says)
    assert outcome.stdout == ""


# --config


def test_later_files_of_settings_win(still: Sandbox, tmp_path: Path) -> None:
    """Several files are laid upon one another in their order."""
    config = of_source("mailchimp", still)
    write(tmp_path, a=config | {"mailchimp_api_key": "bad-us6"}, b=config, k=catalog_of(LISTS))
    for order, status in ((("a", "b"), 0), (("b", "a"), 1)):
        files = [f"--config={name}.json" for name in order]
        assert forked(*files, "--catalog=k.json", folder=tmp_path).status == status


def test_settings_from_the_environment(still: Sandbox, tmp_path: Path) -> None:
    """Each setting is one variable: texts, numbers, yes or no, and JSON."""
    write(tmp_path, k=catalog_of("accounts", LISTS))
    environment = {
        "TAP_REPLIES_ACCOUNTS": json.dumps(still.config(accounts=True)["accounts"]),
        "TAP_REPLIES_MAX_CONNECTIONS": "2",
        "TAP_REPLIES_STRICT": "true",
        "TAP_REPLIES_START_DATE": "2020-01-01",
        "TAP_REPLIES_STREAM_MAPS": json.dumps({LISTS: {"__alias__": "audiences"}}),
        "TAP_REPLIES_NO_SUCH_SETTING": "ignored",
    }
    outcome = forked("--config=ENV", "--catalog=k.json", folder=tmp_path, environment=environment)
    assert outcome.status == 0, outcome.stderr
    found = messages_in(outcome.stdout)
    assert {row["source"] for row in found.records["accounts"]} == {"mailchimp", "reamaze"}
    assert found.records["audiences"]


def test_the_environment_goes_over_files(still: Sandbox, tmp_path: Path) -> None:
    """`--config FILE --config=ENV` takes a setting from the environment where it is there."""
    config = of_source("mailchimp", still)
    write(tmp_path, c=config | {"mailchimp_api_key": "bad-us6"}, k=catalog_of(LISTS))
    outcome = forked(
        "--config=c.json",
        "--config=ENV",
        "--catalog=k.json",
        folder=tmp_path,
        environment={"TAP_REPLIES_MAILCHIMP_API_KEY": config["mailchimp_api_key"]},
    )
    assert outcome.status == 0, outcome.stderr


def test_the_environment_counts_only_when_asked_for(still: Sandbox, tmp_path: Path) -> None:
    """Without `--config=ENV` the variables are left alone."""
    environment = {f"TAP_REPLIES_{name.upper()}": value for name, value in still.config().items()}
    outcome = forked(folder=tmp_path, environment=environment)
    check_refusal(outcome, "No account is configured")


# --catalog and --state


def test_catalog_and_state_files(still: Sandbox, tmp_path: Path) -> None:
    """What is selected comes, and a second run goes on from the state of the first."""
    catalog = catalog_of("reamaze_messages", without={"reamaze_messages": ["body"]})
    write(tmp_path, c=still.config(), k=catalog)
    first = forked("--config=c.json", "--catalog=k.json", folder=tmp_path)
    found = messages_in(first.stdout)
    assert set(found.records) == {"reamaze_messages"}
    assert all("body" not in row for row in found.records["reamaze_messages"])
    write(tmp_path, s=found.state)
    second = forked("--config=c.json", "--catalog=k.json", "--state=s.json", folder=tmp_path)
    assert second.status == 0, second.stderr
    again = messages_in(second.stdout)
    assert again.records == {}
    assert again.bookmark("reamaze_messages") == found.bookmark("reamaze_messages") is not None


# The program itself


@pytest.mark.parametrize("name", ["python", "tap-replies"])
def test_the_program(name: str, still: Sandbox, tmp_path: Path) -> None:
    """`tap-replies` and `python -m tap_replies` write the records that they should."""
    write(tmp_path, c=still.config(), k=catalog_of(LISTS))
    program = Path(sysconfig.get_path("scripts")) / name
    start = [sys.executable, "-m", "tap_replies"] if name == "python" else [str(program)]
    done = subprocess.run(
        [*start, "--config", "c.json", "--catalog", "k.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    rows = messages_in(done.stdout).records[LISTS]
    assert rows == sync(still.config(), catalog=catalog_of(LISTS)).records[LISTS]
    assert len(rows) > 0
