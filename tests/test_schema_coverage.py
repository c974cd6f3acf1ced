"""The columns are those that the vendors document, and those that are added on purpose."""

from __future__ import annotations

import json
import re

import pytest
from schema_files import TESTS, dotted, is_json_text, load

# Columns no page of the vendors' documentation has: derived here, or expected of a user object.
ADDED = {
    "mailchimp_campaigns": set(),
    "mailchimp_conversation_messages": set(),
    "mailchimp_conversations": {"last_message_at"},
    "mailchimp_list_unsubscribes": {"unsubscribe_source"},
    "mailchimp_lists": set(),
    "mailchimp_unsubscribes": {"parent_campaign_id", "unsubscribe_source"},
    "reamaze_conversations": {
        "category.channel_name",
        "origin_name",
        "status_name",
        *(
            f"{role}.is_{who}"
            for role in ("author", "assignee")
            for who in ("staff", "customer", "bot")
        ),
    },
    "reamaze_messages": {
        "body_sha256",
        "conversation.category.channel_name",
        "conversation_slug",
        "message_key",
        "origin_name",
        "user.is_bot",
        "user.is_customer",
        "visibility_name",
    },
}


def column_name(key: str) -> str:
    """Return the column an API key becomes: `image?` is `is_image`, `readOnly` is `read_only`."""
    if key.endswith("?"):
        key = f"is_{key[:-1]}"
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()


def documented() -> dict[str, list[str]]:
    """Return the documented field paths of every stream, in the vendors' own spelling."""
    fields: dict[str, list[str]] = {}
    for file in sorted((TESTS / "data").glob("*-fields.json")):
        fields |= json.loads(file.read_text(encoding="utf-8"))
    return fields


DOCUMENTED = documented()


@pytest.mark.parametrize("stream", DOCUMENTED)
def test_every_documented_field_is_a_column(stream: str) -> None:
    """Nothing the vendor documents is left out, unless it lies inside a JSON text."""
    declared = dotted(load(stream))
    texts = tuple(f"{path}." for path, prop in declared.items() if is_json_text(prop))
    paths = [".".join(map(column_name, field.split("."))) for field in DOCUMENTED[stream]]
    assert not [path for path in paths if path not in declared and not path.startswith(texts)]


@pytest.mark.parametrize("stream", ADDED)
def test_every_column_is_documented_or_added(stream: str) -> None:
    """A column is the vendor's or one of those added on purpose, so a misspelt one is noticed."""
    paths = {".".join(map(column_name, field.split("."))) for field in DOCUMENTED[stream]}
    assert set(dotted(load(stream))) == paths | ADDED[stream] | {"account_id"}


@pytest.mark.parametrize(
    ("key", "column"),
    [
        ("image?", "is_image"),
        ("staff?", "is_staff"),
        ("readOnly", "read_only"),
        ("Subject", "subject"),
        ("address1", "address1"),
    ],
)
def test_column_names_follow_one_rule(key: str, column: str) -> None:
    """An API key becomes the column the schemas use."""
    assert column_name(key) == column
