"""The stream schemas keep the rules that let any target load what the tap emits."""

from __future__ import annotations

import re
from collections import Counter, defaultdict

import pytest
from schema_files import FILES, columns, dotted, is_json_text, kind, load, nodes

# Primary key after `account_id`, and replication key. A stream that is not listed (another
# source's) is still held to every rule that names no stream.
KEYS: dict[str, tuple[tuple[str, ...], str | None]] = {
    "accounts": (("source",), None),
    "mailchimp_campaigns": (("id",), "create_time"),
    "mailchimp_conversation_messages": (("conversation_id", "id"), "timestamp"),
    "mailchimp_conversations": (("id",), "last_message_at"),
    "mailchimp_list_unsubscribes": (("list_id", "id"), "last_changed"),
    "mailchimp_lists": (("id",), None),
    "mailchimp_unsubscribes": (("campaign_id", "email_id", "timestamp"), "timestamp"),
    "mailchimp_member_activity": (("list_id", "email_id", "activity_key"), "member_last_changed"),
    "mailchimp_survey_responses": (("survey_id", "response_id"), "submitted_at"),
    "reamaze_conversations": (("slug",), "updated_at"),
    "reamaze_messages": (("message_key",), "created_at"),
    "replies": (("reply_id",), "sent_at"),
}

NAME = re.compile(r"[a-z][a-z0-9_]*")
MAX_NAME = 60  # PostgreSQL cuts names at 63 bytes, and two cut to the same text collide
MAX_DESCRIPTION = 180
MAX_SHARED = 3  # properties of different names that may share one wording
TYPES = {"array", "boolean", "integer", "number", "object", "string"}
KEYWORDS = {
    "contentMediaType",
    "description",
    "format",
    "items",
    "properties",
    "type",
    "x-personal",
}
PERSONAL = {
    "address",
    "address_md5",
    "avatar",
    "body",
    "derived",
    "free",
    "handle",
    "ip",
    "location",
    "name",
    "none",
    "phone",
    "secret",
    "slug",
    "subject",
}
KEY_KINDS = {"address_md5", "derived", "none", "slug"}
"""What a key may tell: it is hashed where others become null, so that it goes on joining."""

FREE_KEYS = {"conditions", "data", "interests", "merge_fields"}
MOMENT = re.compile(
    r"(.*_)?(at|times?|timestamp|until|date|sent|changed|updated|created)|(timestamp|send_time|date)_.*",
)
BARE_PERSONAL = re.compile(
    r"(?!settings_)(.*_)?(body|email|email_address|latitude|longitude|message|mobile|phone)|ip_.*",
)


every_stream = pytest.mark.parametrize("stream", FILES)


def test_every_stream_has_a_schema() -> None:
    """Each stream of the first release has its file."""
    assert set(FILES) >= set(KEYS)


@every_stream
def test_only_plain_keywords(stream: str) -> None:
    """No enum, required, anyOf or the like: each makes some target refuse a row."""
    schema = load(stream)
    assert set(schema) == {"type", "properties"}
    assert schema["type"] == "object"
    odd = {path: set(node) - KEYWORDS for path, node in nodes(schema) if set(node) - KEYWORDS}
    assert not odd


@every_stream
def test_names_suit_every_warehouse(stream: str) -> None:
    """Names are short snake_case and `_links` is not among them."""
    wrong = [path for path, _ in columns(load(stream)) if not NAME.fullmatch(path[-1])]
    assert not wrong


@every_stream
def test_names_survive_flattening(stream: str) -> None:
    """Names stay short and distinct in lower case when a target joins levels with `__`."""
    flat = Counter("__".join(path).lower() for path, _ in columns(load(stream)))
    assert not [name for name, times in flat.items() if times > 1]
    assert not [name for name in flat if len(name) > MAX_NAME]


@every_stream
def test_one_type_plus_null(stream: str) -> None:
    """Everything but a key may be null and has exactly one other type."""
    keys = {"account_id", *KEYS[stream][0]} if stream in KEYS else None
    for path, node in nodes(load(stream)):
        declared = node["type"]
        if isinstance(declared, str):
            assert keys is None or path in keys, f"{path} cannot be null"
            assert "." not in path
            assert "[]" not in path
            assert declared == "string"
        else:
            assert declared == [kind(node), "null"], path
            assert kind(node) in TYPES, path
            assert keys is None or path not in keys, f"key {path} may be null"


@every_stream
def test_rows_begin_with_their_account(stream: str) -> None:
    """The first column says which account the row is from."""
    properties = load(stream)["properties"]
    assert next(iter(properties)) == "account_id"
    assert properties["account_id"]["type"] == "string"


@pytest.mark.parametrize("stream", KEYS)
def test_keys_are_columns(stream: str) -> None:
    """Primary keys are declared, and a replication key is a point in time."""
    keys, replication_key = KEYS[stream]
    properties = load(stream)["properties"]
    assert {*keys} <= set(properties)
    if replication_key:
        assert properties[replication_key]["format"] == "date-time"


@every_stream
def test_moments_are_date_times(stream: str) -> None:
    """Text that is a point in time says so, and no other format is used."""
    for path, node in dotted(load(stream)).items():
        text = node.get("items", node)
        if "format" in text:
            assert text["format"] == "date-time", path
            assert kind(text) == "string", path
        elif MOMENT.fullmatch(path.rpartition(".")[2]):
            assert kind(text) != "string", f"{path} lacks its format"


@every_stream
def test_objects_and_arrays_have_a_shape(stream: str) -> None:
    """Objects name at least one property, arrays their items, and nothing else has either."""
    for path, node in nodes(load(stream)):
        assert bool(node.get("properties")) == (kind(node) == "object"), path
        assert ("items" in node) == (kind(node) == "array"), path
        if path.endswith("[]"):
            assert kind(node) in {"object", "string"}, path


@every_stream
def test_free_keys_are_json_text(stream: str) -> None:
    """What the customer's account names freely stays one JSON text instead of becoming columns."""
    for path, node in nodes(load(stream)):
        if path.rpartition(".")[2] in FREE_KEYS:
            assert is_json_text(node), path
        if "contentMediaType" in node:
            assert is_json_text(node), path
            assert kind(node) == "string", path


@every_stream
def test_personal_text_is_declared(stream: str) -> None:
    """Every text, also inside lists, says what of a person it tells, in the agreed words."""
    for path, node in nodes(load(stream)):
        if kind(node) == "string":
            assert "x-personal" in node, path
        if "x-personal" in node:
            assert node["x-personal"] in PERSONAL, path
            assert kind(node) not in {"array", "object"}, path
        if is_json_text(node):
            assert node["x-personal"] != "none", path


@every_stream
def test_keys_can_be_hashed(stream: str) -> None:
    """A column that cannot be null is of a kind that is never dropped."""
    for path, node in dotted(load(stream)).items():
        if "null" not in node["type"]:
            assert node["x-personal"] in KEY_KINDS, path


@every_stream
def test_obvious_personal_columns_are_not_none(stream: str) -> None:
    """A column whose name gives it away cannot slip through as harmless."""
    for path, node in dotted(load(stream)).items():
        text = node.get("items", node)
        if kind(text) in {"string", "number"} and BARE_PERSONAL.fullmatch(path.rpartition(".")[2]):
            assert text.get("x-personal", "none") != "none", path


@every_stream
def test_every_column_is_described(stream: str) -> None:
    """Every property at every level has one short sentence or phrase for the analyst."""
    for path, prop in dotted(load(stream)).items():
        text = prop.get("description", "")
        assert text == " ".join(text.split()), path
        assert text.endswith((".", "?")), path
        assert 0 < len(text) <= MAX_DESCRIPTION, path


def test_descriptions_are_not_copied_around() -> None:
    """One wording serves many properties only where they are the same thing in parallel places."""
    places: dict[str, list[str]] = defaultdict(list)
    for stream in FILES:
        for path, prop in dotted(load(stream)).items():
            places[prop["description"]].append(f"{stream}.{path}")
    for wording, used in places.items():
        names = {path.rpartition(".")[2] for path in used}
        assert len(used) <= MAX_SHARED or len(names) == 1, (wording, used)
