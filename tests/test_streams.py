"""What the API holds is what arrives: once, valid, in one form, account by account."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft7Validator
from support import TRUTH_COLUMNS, Messages, Record, emitted, held, instant, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAMS = ("accounts", *TRUTH_COLUMNS, "replies")
PLAIN = {
    "accounts",
    "mailchimp_lists",
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
    "replies",
}
"""Streams without a column of free JSON."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
EVERYTHING = pytest.mark.parametrize("stream", TRUTH_COLUMNS)


@pytest.fixture(scope="module")
def run(still: Sandbox) -> Messages:
    """All streams of one account of each source."""
    messages = sync(still.config())
    assert messages.failures == []
    return messages


@EVERYTHING
def test_what_the_api_holds_arrives_once(run: Messages, still: Sandbox, stream: str) -> None:
    """A first run emits exactly the keys that the API holds, each once."""
    expected = held(still, stream)
    assert expected
    assert emitted(run.records[stream], stream) == expected


def test_a_schema_comes_once_before_its_records(run: Messages) -> None:
    """Each stream has one SCHEMA message, and no record comes before it."""
    schemas = [stream for kind, stream in run.kinds if kind == "SCHEMA"]
    assert sorted(str(name) for name in schemas) == sorted(STREAMS)
    for stream in STREAMS:
        assert run.kinds.index(("SCHEMA", stream)) < run.kinds.index(("RECORD", stream))


@pytest.mark.parametrize("stream", STREAMS)
def test_records_are_valid(run: Messages, stream: str) -> None:
    """Every record validates against its SCHEMA message, which allows nothing it lacks."""
    schema = next(each["schema"] for each in run.schemas if each["stream"] == stream)
    validator = Draft7Validator(_closed(schema))
    problems = [error for record in run.records[stream] for error in validator.iter_errors(record)]
    assert problems == []
    assert all(record.keys() == schema["properties"].keys() for record in run.records[stream])


@pytest.mark.parametrize("stream", STREAMS)
def test_times_have_one_form_and_json_columns_hold_json(run: Messages, stream: str) -> None:
    """Date-times have milliseconds and a Z whatever the API wrote; free objects are JSON text."""
    schema = next(each["schema"] for each in run.schemas if each["stream"] == stream)
    values = [each for record in run.records[stream] for each in _leaves(record, schema)]
    times = [value for definition, value in values if definition.get("format") == "date-time"]
    assert times
    assert [time for time in times if not TIME.fullmatch(time)] == []
    texts = [value for definition, value in values if "contentMediaType" in definition]
    assert all(isinstance(json.loads(text), (dict, list)) for text in texts)
    assert bool(texts) == (stream not in PLAIN)


def test_moments_are_those_of_the_api(run: Messages, still: Sandbox) -> None:
    """A time is the same moment as in the API, with or without a zone there."""
    rows = {row["id"]: row for row in still.world.account("", "mailchimp").rows("conversations")}
    written = {row["last_message"]["timestamp"][10] for row in rows.values()}
    assert written == {" ", "T"}
    for record in run.records["mailchimp_conversations"]:
        expected = instant(rows[record["id"]]["last_message"]["timestamp"])
        assert instant(record["last_message_at"]) == expected
        assert record["last_message"]["timestamp"] == record["last_message_at"]


def test_links_are_nowhere(run: Messages) -> None:
    """No record holds Mailchimp's `_links`, at any depth, and no column is named like it."""
    assert "_links" not in json.dumps(run.schemas)
    assert "_links" not in json.dumps(run.records)


def test_columns_that_no_database_takes_are_renamed(run: Messages) -> None:
    """Names with a question mark or capitals become plain columns, values included."""
    messages, threads = run.records["reamaze_messages"], run.records["reamaze_conversations"]
    assert {record["user"]["is_staff"] for record in messages} == {True, False}
    files = [each for record in messages for each in record["attachments"]]
    assert {each["is_image"] for each in files} == {True, False}
    assert {thread["read_only"] for thread in threads} == {True, False}
    people = [each for thread in threads for each in thread["followers"]]
    for column in ("is_staff", "is_customer"):
        assert {each[column] for each in people} == {True, False}
    assert {each["is_bot"] for each in people} == {False}
    assert all(record["meta"]["subject"] for record in messages)


def test_archived_conversations_are_there(run: Messages) -> None:
    """The API leaves archived conversations out unless asked; the tap asks."""
    archived = [each for each in run.records["reamaze_conversations"] if each["status"] == 4]
    assert archived
    slugs = {each["slug"] for each in archived}
    assert slugs <= {each["conversation_slug"] for each in run.records["reamaze_messages"]}


def test_accounts_stay_apart() -> None:
    """Several accounts and brands with the same ids are told apart by account_id or name."""
    with Sandbox(accounts=2, brands=2, conversations=5, reamaze_conversations=5) as sandbox:
        config = sandbox.config(accounts=True)
        config["accounts"][1]["name"] = "second shop"
        config["accounts"][3]["name"] = "second brand"
        messages = sync(config)
        assert messages.failures == []
        names = dict(zip(sandbox.truth(), ("", "second shop", "", "second brand"), strict=True))
        ids = {
            account: [record["id"] for record in messages.records["mailchimp_conversations"]
                      if record["account_id"] == (name or account)]
            for account, name in names.items()
        }  # fmt: skip
        assert list(ids.values())[0] == list(ids.values())[1] != []  # noqa: RUF015
        for account, name in names.items():
            for stream in sandbox.truth(account):
                own = [
                    record
                    for record in messages.records[stream]
                    if record["account_id"] == (name or account)
                ]
                assert emitted(own, stream) == held(sandbox, stream, account)
    for schema in messages.schemas:
        keys = [
            tuple(record[name] for name in schema["key_properties"])
            for record in messages.records[schema["stream"]]
        ]
        assert len(set(keys)) == len(keys) > 0
        assert all(None not in key for key in keys)


def _closed(schema: Record) -> Record:
    """The schema as one that refuses every property it does not name."""
    closed = dict(schema)
    if "properties" in schema:
        inner = {name: _closed(each) for name, each in schema["properties"].items()}
        closed |= {"properties": inner, "additionalProperties": False}
    if "items" in schema:
        closed["items"] = _closed(schema["items"])
    return closed


def _leaves(value: Any, schema: Record) -> Iterator[tuple[Record, Any]]:  # noqa: ANN401
    """All values that are neither null nor containers, each with its definition."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, schema["properties"][name])
    elif isinstance(value, list):
        for inner in value:
            yield from _leaves(inner, schema["items"])
    elif value is not None:
        yield schema, value
