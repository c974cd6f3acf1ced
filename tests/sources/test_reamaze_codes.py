"""Re:amaze's numbers for states, origins and channels, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import Record, catalog_of, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

UNKNOWN = (-1, 20, 4096)
STATUS = {
    0: "unresolved",
    1: "pending",
    2: "resolved",
    3: "spam",
    4: "archived",
    5: "on_hold",
    6: "auto_resolved",
    7: "chatbot_assigned",
    8: "chatbot_resolved",
    9: "spam_by_ai",
}
ORIGIN = {
    0: "chat",
    1: "email",
    2: "twitter",
    3: "facebook",
    6: "classic_chat",
    7: "api",
    8: "instagram",
    9: "sms",
    15: "whatsapp",
    16: "staff_outbound",
    17: "contact_form",
}
CHANNEL = {1: "email", 2: "twitter", 3: "facebook", 6: "chat", 7: "api", 8: "instagram", 9: "sms"}
VISIBILITY = {0: "regular", 1: "internal_note", 2: "collision"}
"""All four as the vendor documents them."""


@pytest.fixture(scope="module")
def brand() -> Iterator[Sandbox]:
    """A brand with a conversation of one message for every code."""
    with Sandbox(reamaze_conversations=20, reamaze_messages=1) as sandbox:
        yield sandbox


def decoded(brand: Sandbox, stream: str, rows: dict[Any, Any]) -> list[Record]:
    """The records after each of the first conversations or messages got one of the rows."""
    collection = stream.replace("_", ".", 1)
    table = brand.world.account("", "reamaze")[collection.partition(".")[2]]
    keys = [entry.key for entry in table]
    for key, row in zip(keys, rows.values(), strict=False):
        brand.mutate({"op": "update", "collection": collection, "key": key, "row": row})
    slugs = [key if isinstance(key, str) else key[0] for key in keys]
    column = "slug" if stream == "reamaze_conversations" else "conversation_slug"
    records = sync(brand.config(), catalog=catalog_of(stream)).records[stream]
    found = {record[column]: record for record in records}
    return [found[slug] for slug, _ in zip(slugs, rows, strict=False)]


@pytest.mark.parametrize(
    ("stream", "column", "words"),
    [
        ("reamaze_conversations", "status", STATUS),
        ("reamaze_conversations", "origin", ORIGIN),
        ("reamaze_messages", "origin", ORIGIN),
        ("reamaze_messages", "visibility", VISIBILITY),
    ],
)
def test_codes(brand: Sandbox, stream: str, column: str, words: dict[int, str]) -> None:
    """Every documented code comes as a word beside the number, an unknown one as null."""
    codes = [*words, *UNKNOWN]
    records = decoded(brand, stream, {code: {column: code} for code in codes})
    assert [(record[column], record[f"{column}_name"]) for record in records] == [
        (code, words.get(code)) for code in codes
    ]


@pytest.mark.parametrize("stream", ["reamaze_conversations", "reamaze_messages"])
def test_channels(brand: Sandbox, stream: str) -> None:
    """Channels have a list of their own: the same number may be another word than as an origin."""
    codes = [*CHANNEL, *UNKNOWN]
    where: dict[int, Record] = {code: {"category": {"channel": code}} for code in codes}
    if stream == "reamaze_messages":
        where = {code: {"conversation": row} for code, row in where.items()}
    categories = [
        (record.get("conversation") or record)["category"]
        for record in decoded(brand, stream, where)
    ]
    assert [(each["channel"], each["channel_name"]) for each in categories] == [
        (code, CHANNEL.get(code)) for code in codes
    ]
    assert CHANNEL[6] != ORIGIN[6]


@pytest.mark.parametrize("code", [None, "2", "two", 2.0, 2.5, True, [2], {"code": 2}, 2**70])
def test_the_word_is_that_of_the_number(brand: Sandbox, code: object) -> None:
    """Whatever the API sends for a code, the word fits the number in the column beside it."""
    (record,) = decoded(brand, "reamaze_conversations", {0: {"status": code}})
    expected = {"2": 2, "2.0": 2, "True": 1}.get(str(code))
    assert record["status"] == expected
    assert record["status_name"] == (None if expected is None else STATUS[expected])
