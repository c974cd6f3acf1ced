"""A bad catalog is refused in words, unread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from command_line import check_refusal
from documents import CAMPAIGNS, LISTS, SECRETS, entry_of, run
from support import catalog_of, messages_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tap_replies.sandbox import Sandbox

    Change = Callable[[dict[str, Any]], object]


def with_column(entry: dict[str, Any], name: str) -> None:
    """Select a column."""
    entry["metadata"].append({"breadcrumb": ["properties", name], "metadata": {"selected": True}})


def redefine(entry: dict[str, Any], name: str, definition: object) -> None:
    """Give a column another definition."""
    entry["schema"]["properties"][name] = definition


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda entry: entry.update(tap_stream_id="mailchimp_list", stream="mailchimp_list"),
            "no stream 'mailchimp_list' (did you mean 'mailchimp_lists'?)",
        ),
        (
            lambda entry: with_column(entry, "nmae"),
            f"{LISTS} has no column 'nmae' (did you mean 'name'?); run --discover again",
        ),
        (
            lambda entry: entry["schema"]["properties"].update(colour={"type": "string"}),
            f"{LISTS} has no column 'colour'; run --discover again",
        ),
        (
            lambda entry: entry.update(key_properties=["uuid"]),
            f"{LISTS} has no column 'uuid'",
        ),
        (
            lambda entry: entry.update(replication_key="name"),
            f"{LISTS} cannot be replicated by 'name', it is read whole; run --discover again",
        ),
        (
            lambda entry: entry.update(stream="other"),
            f"`stream` of {LISTS} is another; write it so",
        ),
        (lambda entry: entry.update(tap_stream_id=None), "there is no stream None"),
        (lambda entry: entry.update(replication_key=[]), "cannot be replicated by []"),
        (
            lambda entry: redefine(entry, "id", {"type": "integer"}),
            f"{LISTS}.id must stay a string; run --discover again",
        ),
        (lambda entry: entry.update(schema={}), f"{LISTS} has no schema; run --discover again"),
        (lambda entry: entry.update(schema="x"), "is no Singer catalog; let --discover write one"),
        (lambda entry: entry.pop("tap_stream_id"), "is no Singer catalog"),
        (lambda entry: entry.update(metadata="x"), "no Singer catalog; let --discover write one"),
    ],
)
def test_a_catalog_of_what_does_not_exist_is_refused(
    change: Change, says: str, tmp_path: Path
) -> None:
    """The answer names the stream or the column, and what comes nearest or what to do."""
    catalog = catalog_of(LISTS)
    change(entry_of(catalog, LISTS))
    outcome = run(tmp_path, catalog=catalog)
    check_refusal(outcome, "catalog:", says, secret=SECRETS)
    assert outcome.stdout == ""


@pytest.mark.parametrize("keys", [7, "id", [None]], ids=str)
def test_keys_that_are_no_columns(keys: object, tmp_path: Path) -> None:
    """The answer says what they must be."""
    catalog = catalog_of(LISTS)
    entry_of(catalog, LISTS)["key_properties"] = keys
    says = f"key_properties of {LISTS} must be a list of columns"
    check_refusal(run(tmp_path, catalog=catalog), "catalog:", says)


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"type": None},
        {"type": []},
        {"type": ["null"]},
        {"type": [7]},
        {"type": "text"},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"type": ["object", "null"]},
        {"type": "object", "properties": {"a": {}}},
        {"type": "array"},
        {"type": "array", "items": {"type": "list"}},
    ],
    ids=str,
)
def test_a_column_of_no_type_is_refused(definition: dict[str, Any], tmp_path: Path) -> None:
    """The answer names the column, whatever its definition lacks."""
    catalog = catalog_of(LISTS)
    redefine(entry_of(catalog, LISTS), "name", definition)
    says = f"{LISTS}.name has no type that could be written; run --discover again"
    check_refusal(run(tmp_path, catalog=catalog), "catalog:", says)


def test_a_column_that_is_deselected_needs_no_type(still: Sandbox, tmp_path: Path) -> None:
    """Nothing of it is written."""
    catalog = catalog_of(LISTS, without={LISTS: ["name"]})
    redefine(entry_of(catalog, LISTS), "name", {"type": "array"})
    outcome = run(tmp_path, config=still.config(), catalog=catalog)
    assert outcome.status == 0, outcome.stderr
    rows = messages_in(outcome.stdout).records[LISTS]
    assert rows
    assert not any("name" in row for row in rows)


def test_a_column_of_another_type_is_taken(still: Sandbox, tmp_path: Path) -> None:
    """Whoever wants a number as text, as meltano.yml can say, gets it as text."""
    catalog = catalog_of(CAMPAIGNS)
    redefine(entry_of(catalog, CAMPAIGNS), "emails_sent", {"type": ["string", "null"]})
    outcome = run(tmp_path, config=still.config(), catalog=catalog)
    assert outcome.status == 0, outcome.stderr
    sent = [each["emails_sent"] for each in messages_in(outcome.stdout).records[CAMPAIGNS]]
    assert sent
    assert all(each is None or each.isdigit() for each in sent)


def test_another_replication_key_is_refused(tmp_path: Path) -> None:
    """The answer says which one the stream has."""
    catalog = catalog_of(CAMPAIGNS)
    entry_of(catalog, CAMPAIGNS)["replication_key"] = "send_time"
    outcome = run(tmp_path, catalog=catalog)
    check_refusal(outcome, "catalog:", CAMPAIGNS, "'send_time', only by create_time")


def test_what_is_deselected_may_be_odd(still: Sandbox, tmp_path: Path) -> None:
    """An old catalog with streams that are gone does not matter where they are not selected."""
    catalog = catalog_of("accounts")
    entry_of(catalog, LISTS).update(tap_stream_id="gone", stream="gone")
    assert run(tmp_path, config=still.config(), catalog=catalog).status == 0


@pytest.mark.parametrize(
    ("selected", "says"),
    [
        ((), "catalog: selects no stream, so nothing is read"),
        (
            ("accounts", "reamaze_messages"),
            "catalog: no account is configured from which to read reamaze_messages",
        ),
    ],
)
def test_a_catalog_that_leads_to_nothing_is_warned_of(
    selected: tuple[str, ...], says: str, still: Sandbox, tmp_path: Path
) -> None:
    """Silence could be taken for an empty source."""
    config = {name: value for name, value in still.config().items() if "mailchimp" in name}
    outcome = run(tmp_path, config=config, catalog=catalog_of(*selected))
    assert (outcome.status, outcome.told("WARNING")) == (0, [says])


@pytest.mark.parametrize("document", [{}, {"streams": "x"}, {"streams": ["x"]}, {"streams": {}}])
def test_another_object_than_a_catalog_is_refused(document: object, tmp_path: Path) -> None:
    """The answer says where to get one."""
    check_refusal(run(tmp_path, catalog=document), "catalog:", "let --discover write one")
