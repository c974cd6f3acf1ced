"""README and meltano.yml say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from support import catalog_of, sync
from tables import README, ROWS_FROM, TABLES, about, with_tables

from tap_replies.sandbox import Sandbox
from tap_replies.tap import TapReplies

ROOT = Path(__file__).parents[1]
TEXT = README.read_text("utf-8")
PROJECT = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
STREAMS = TapReplies(validate_config=False).streams
KINDS = {
    "array": "array",
    "boolean": "boolean",
    "date_iso8601": "string",
    "email": "string",
    "integer": "integer",
    "object": "object",
    "options": "string",
    "string": "string",
}
"""What kind of setting in meltano.yml holds what type."""


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    """What `--about --format=json` says."""
    return about()


@pytest.fixture(scope="module")
def plugin() -> dict[str, Any]:
    """The tap as meltano.yml declares it."""
    (declared,) = PROJECT["plugins"]["extractors"]
    return dict(declared)


def test_tables_are_those_of_the_code() -> None:
    """README's tables are made from the code; `python tests/tables.py` writes them."""
    assert all(f"<!-- {name} -->" in TEXT for name in TABLES)
    assert with_tables(TEXT) == TEXT


@pytest.mark.parametrize("stream", STREAMS)
def test_rows_come_from_where_readme_says(stream: str) -> None:
    """The endpoints in the table of streams are those that are asked."""
    with Sandbox() as sandbox:
        sync(sandbox.config(), catalog=catalog_of(stream))
        assert set(ROWS_FROM[stream][0]) <= set(sandbox.stats()["endpoints"])


def test_names_in_readme_exist(told: dict[str, Any]) -> None:
    """Whatever README calls a stream, a setting or a variable is one."""
    settings = set(told["settings"]["properties"])
    known = set(STREAMS) | settings
    vendors = "|".join(source.name for source in TapReplies.sources)
    assert set(re.findall(rf"\b(?:{vendors})_[a-z_]+\b", TEXT)) <= known
    variables = {name.lower() for name in re.findall(r"\bTAP_REPLIES_([A-Z_]+)", TEXT)}
    assert variables
    assert variables <= settings


def test_commands_in_readme_exist() -> None:
    """Every make target that README names is in the Makefile, and every loader in meltano.yml."""
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", TEXT))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert {"demo", "test"} <= named
    assert named <= set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    loaders = {plugin["name"] for plugin in PROJECT["plugins"]["loaders"]}
    assert set(re.findall(r"\btarget-[a-z]+", TEXT)) <= loaders


def test_links_within_the_project_resolve() -> None:
    """Every relative link in README leads to a file."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_meltano_declares_every_setting(told: dict[str, Any], plugin: dict[str, Any]) -> None:
    """meltano.yml has the settings of `--about`: kinds, choices, secrets, defaults and words."""
    properties = told["settings"]["properties"]
    assert sorted(setting["name"] for setting in plugin["settings"]) == sorted(properties)
    for setting in plugin["settings"]:
        name, definition = setting["name"], properties[setting["name"]]
        assert KINDS[setting["kind"]] in definition["type"], name
        assert setting.get("sensitive", False) == definition.get("secret", False), name
        choices = [option["value"] for option in setting.get("options", ())]
        assert choices == [value for value in definition.get("enum", ()) if value is not None], name
        assert setting["label"], name
        assert setting["description"], name
        if "default" in definition:
            default = f"{definition['default']}".lower()
            said = setting["description"].replace("`", "")
            assert setting.get("value", default) == default, name
            assert re.search(rf"\bdefault {default}\b", said), name


def test_meltano_declares_the_capabilities(told: dict[str, Any], plugin: dict[str, Any]) -> None:
    """meltano.yml has the capabilities that the tap states."""
    assert sorted(plugin["capabilities"]) == sorted(told["capabilities"])


def test_meltano_demands_what_the_sources_need(plugin: dict[str, Any]) -> None:
    """The groups of settings of which one must be set are those that the sources declare."""
    groups = [set(group) for group in plugin["settings_group_validation"]]
    for source in TapReplies.sources:
        needed = {f"{source.name}_{name}" for group in source.needs for name in group}
        own = [group for group in groups if group <= needed]
        assert set().union(*own) == needed
    assert {"accounts"} in groups


def test_meltano_has_both_environments() -> None:
    """There is an environment for the sandbox and one, by default, for real accounts."""
    assert {each["name"] for each in PROJECT["environments"]} == {"sandbox", "prod"}
    assert PROJECT["default_environment"] == "prod"


def test_meltano_leaves_out_what_must_be_selected(plugin: dict[str, Any]) -> None:
    """Meltano selects whatever it is not told to leave out, so meltano.yml says it."""
    streams = TapReplies(validate_config=False).streams
    left_out = [f"!{name}.*" for name, each in streams.items() if not each.selected_by_default]
    assert left_out
    assert plugin["select"] == ["*.*", *left_out]
