"""What the catalog leaves out is neither asked for nor emitted; keys and bookmarks always come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import TRUTH_COLUMNS, asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator

LISTINGS = {
    "mailchimp_lists": ("/3.0/lists", "lists"),
    "mailchimp_campaigns": ("/3.0/campaigns", "campaigns"),
    "mailchimp_conversations": ("/3.0/conversations", "conversations"),
    "mailchimp_conversation_messages": (
        "/3.0/conversations/fa8c387539/messages",
        "conversation_messages",
    ),
    "mailchimp_unsubscribes": ("/3.0/reports/42694e9e57/unsubscribed", "unsubscribes"),
    "mailchimp_list_unsubscribes": ("/3.0/lists/57afe96172/members", "members"),
}
"""The list that holds a stream's rows, and the name of the rows in it."""

KEPT = {
    "mailchimp_lists": {"id"},
    "mailchimp_campaigns": {"id", "create_time"},
    "mailchimp_conversations": {"id", "last_message_at"},
    "mailchimp_conversation_messages": {"conversation_id", "id", "timestamp"},
    "mailchimp_unsubscribes": {"campaign_id", "email_id", "timestamp"},
    "mailchimp_list_unsubscribes": {"list_id", "id", "last_changed"},
    "reamaze_conversations": {"slug", "updated_at"},
    "reamaze_messages": {"message_key", "created_at"},
}
"""Keys and replication keys, beside `account_id`."""

PATHS = {
    "accounts": set(),
    "mailchimp_lists": {"/3.0/lists"},
    "mailchimp_campaigns": {"/3.0/campaigns"},
    "mailchimp_conversations": {"/3.0/conversations"},
    "mailchimp_conversation_messages": {"/3.0/conversations", "/3.0/conversations/{id}/messages"},
    "mailchimp_unsubscribes": {
        "/3.0/lists",
        "/3.0/reports",
        "/3.0/reports/{id}/sub-reports",
        "/3.0/reports/{id}/unsubscribed",
        "/3.0/automations",
        "/3.0/automations/{id}/emails",
    },
    "mailchimp_list_unsubscribes": {"/3.0/lists", "/3.0/lists/{id}/members"},
    "reamaze_conversations": {"/api/v1/conversations"},
    "reamaze_messages": {
        "/api/v1/conversations",
        "/api/v1/messages",
        "/api/v1/conversations/{slug}/messages",
    },
}
"""What each stream may ask for."""

GREETINGS = {"/3.0", "/api/v1/conversations"}
"""What a run begins with, to see whether the credentials work."""


@pytest.fixture(scope="module")
def vendors() -> Iterator[Sandbox]:
    """Few rows of both vendors."""
    with Sandbox(conversations=6, campaigns=8, reamaze_conversations=35) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _counted_anew(vendors: Sandbox) -> None:
    vendors.reset_stats()


def columns_of(stream: str) -> dict[str, Any]:
    """The columns of a stream."""
    found: dict[str, Any] = TapReplies(validate_config=False).streams[stream].schema["properties"]
    return found


def fields_asked(sandbox: Sandbox, stream: str) -> set[str]:
    """The fields of its rows that a stream asked for, by their dotted names."""
    path, rows = LISTINGS[stream]
    (fields,) = {query["fields"] for query in asked(sandbox, path)}
    names = fields.split(",")
    assert len(set(names)) == len(names)
    assert "total_items" in names
    return {name.removeprefix(f"{rows}.") for name in names} - {"total_items"}


@pytest.mark.parametrize("stream", LISTINGS)
def test_everything_selected_leaves_out_the_links_only(vendors: Sandbox, stream: str) -> None:
    """With all columns selected the API is told what to leave out, so that new fields show."""
    sync(vendors.config(), catalog=catalog_of(stream))
    path, rows = LISTINGS[stream]
    queries = asked(vendors, path)
    assert {query["exclude_fields"] for query in queries} == {f"{rows}._links,_links"}
    assert not [query for query in queries if "fields" in query]


@pytest.mark.parametrize("stream", KEPT)
def test_keys_and_replication_keys_always_come(vendors: Sandbox, stream: str) -> None:
    """With nothing selected but the stream, each row still has its keys, and nothing else."""
    columns = columns_of(stream)
    catalog = catalog_of(stream, without={stream: list(columns)})
    messages = sync(vendors.config(), catalog=catalog)
    assert messages.failures == []
    expected = {"account_id", *KEPT[stream]}
    assert {frozenset(row) for row in messages.records[stream]} == {frozenset(expected)}
    (schema,) = messages.schemas
    assert schema["schema"]["properties"].keys() == expected
    assert set(schema["key_properties"]) <= expected
    assert len(messages.records[stream]) == held(vendors, stream).total()
    assert messages.bookmark(stream) is not None or stream == "mailchimp_lists"
    if stream in LISTINGS:
        own = {"last_message_at": "last_message.timestamp"}
        wanted = {own.get(name, name) for name in KEPT[stream]}
        assert fields_asked(vendors, stream) == wanted


@pytest.mark.parametrize("stream", LISTINGS)
def test_a_column_left_out_is_not_asked_for(vendors: Sandbox, stream: str) -> None:
    """Each column that is not selected is missing from the query and from the records."""
    columns = columns_of(stream)
    left_out = [name for name in columns if name not in {"account_id", *KEPT[stream]}][::2]
    messages = sync(vendors.config(), catalog=catalog_of(stream, without={stream: left_out}))
    assert emitted(messages.records[stream], stream) == held(vendors, stream)
    fields = fields_asked(vendors, stream)
    assert not {name.split(".")[0] for name in fields if name != "last_message.timestamp"} & set(
        left_out
    )
    assert all(row.keys() == columns.keys() - set(left_out) for row in messages.records[stream])


def deselected(stream: str, *crumb: str) -> dict[str, Any]:
    """A catalog that leaves out one property, however deep."""
    catalog = catalog_of(stream)
    entry = next(each for each in catalog["streams"] if each["tap_stream_id"] == stream)
    breadcrumb = [part for name in crumb for part in ("properties", name)]
    (found,) = [each for each in entry["metadata"] if list(each["breadcrumb"]) == breadcrumb]
    found["metadata"]["selected"] = False
    return catalog


@pytest.mark.parametrize(
    ("stream", "crumb"),
    [
        ("mailchimp_conversations", ("last_message", "message")),
        ("mailchimp_campaigns", ("settings", "subject_line")),
        ("mailchimp_campaigns", ("recipients", "segment_opts", "match")),
        ("mailchimp_list_unsubscribes", ("stats", "ecommerce_data", "currency_code")),
        ("mailchimp_lists", ("contact", "phone")),
    ],
    ids=lambda value: value if isinstance(value, str) else ".".join(value),
)
def test_a_property_within_an_object_is_left_out(
    vendors: Sandbox, stream: str, crumb: tuple[str, ...]
) -> None:
    """Properties of objects are chosen like columns, at any depth, and their siblings come."""
    messages = sync(vendors.config(), catalog=deselected(stream, *crumb))
    assert messages.failures == []
    *parents, name = crumb
    objects = []
    for row in messages.records[stream]:
        value: Any = row
        for parent in parents:
            value = (value or {}).get(parent)
        if value is not None:
            objects.append(value)
    assert objects
    assert all(name not in each for each in objects)
    assert any(each for each in objects)
    fields = fields_asked(vendors, stream)
    path = ".".join(crumb)
    assert path not in fields
    assert not [each for each in fields if path.startswith(f"{each}.")]
    assert [each for each in fields if each.startswith(".".join(parents) + ".")]


def test_a_bookmark_within_an_object_left_out(vendors: Sandbox) -> None:
    """Without `last_message` its time still comes, as it is the bookmark's column."""
    stream = "mailchimp_conversations"
    messages = sync(
        vendors.config(), catalog=catalog_of(stream, without={stream: ["last_message"]})
    )
    assert all(row["last_message_at"] for row in messages.records[stream])
    assert not [row for row in messages.records[stream] if "last_message" in row]
    fields = fields_asked(vendors, stream)
    assert {name for name in fields if name.startswith("last_message")} == {
        "last_message.timestamp"
    }


@pytest.mark.parametrize("stream", ["accounts", *TRUTH_COLUMNS])
def test_a_stream_asks_for_nothing_of_others(vendors: Sandbox, stream: str) -> None:
    """What is not selected costs no request and emits no message."""
    messages = sync(vendors.config(), catalog=catalog_of(stream))
    endpoints = set(vendors.stats()["endpoints"])
    assert endpoints - GREETINGS <= PATHS[stream]
    assert endpoints >= PATHS[stream]
    assert {name for kind, name in messages.kinds if kind != "STATE"} == {stream}


def test_nothing_selected_asks_for_nothing(vendors: Sandbox) -> None:
    """A catalog without a selected stream sends no request at all."""
    messages = sync(vendors.config(), catalog=catalog_of())
    assert vendors.stats()["total"] == 0
    assert messages.records == {}


@pytest.mark.parametrize("stream", [name for name in TRUTH_COLUMNS if name != "mailchimp_lists"])
def test_a_full_table_may_be_forced(vendors: Sandbox, stream: str) -> None:
    """FULL_TABLE in the catalog reads all rows in every run and leaves the bookmark alone."""
    first = sync(vendors.config(), catalog=catalog_of(stream))
    catalog = catalog_of(stream)
    for entry in catalog["streams"]:
        root = next(each for each in entry["metadata"] if not each["breadcrumb"])
        root["metadata"]["forced-replication-method"] = "FULL_TABLE"
        entry["replication_method"] = "FULL_TABLE"
    messages = sync(vendors.config(), catalog=catalog, state=first.state)
    assert messages.failures == []
    assert emitted(messages.records[stream], stream) == held(vendors, stream)
    assert messages.state == first.state
    assert {kind for kind, _ in messages.kinds} == {"SCHEMA", "RECORD", "STATE"}
