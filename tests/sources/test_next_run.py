"""A next run brings what came or changed since the one before, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import TRUTH_COLUMNS, Messages, Record, catalog_of, emitted, instant, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL = {"accounts", "mailchimp_lists"}
"""Streams without a bookmark."""

NEW: dict[str, tuple[list[dict[str, Any]], dict[str, list[tuple[str, ...]]]]] = {
    "a message in Mailchimp": (
        [{"op": "new_message", "source": "mailchimp", "key": "fa8c387539"}],
        {
            "mailchimp_conversations": [("fa8c387539",)],
            "mailchimp_conversation_messages": [("fa8c387539", "10013")],
        },
    ),
    "a conversation in Mailchimp": (
        [{"op": "new_conversation", "source": "mailchimp", "key": "0123456789"}],
        {
            "mailchimp_conversations": [("0123456789",)],
            "mailchimp_conversation_messages": [("0123456789", "10001")],
        },
    ),
    "a message in Re:amaze": (
        [
            {
                "op": "new_message",
                "source": "reamaze",
                "key": "knock-knock",
                "row": {"created_at": "2026-03-01T11:00:00.250+02:00"},
            }
        ],
        {
            "reamaze_conversations": [("knock-knock",)],
            "reamaze_messages": [("knock-knock", "2026-03-01T09:00:00.250Z")],
        },
    ),
    "a conversation in Re:amaze": (
        [
            {
                "op": "new_conversation",
                "source": "reamaze",
                "key": "brand-new",
                "when": "2026-03-01T10:00:00Z",
            }
        ],
        {
            "reamaze_conversations": [("brand-new",)],
            "reamaze_messages": [("brand-new", "2026-03-01T10:00:00Z")],
        },
    ),
    "an archived conversation": (
        [{"op": "archive", "source": "reamaze", "key": "knock-knock"}],
        {"reamaze_conversations": [("knock-knock",)]},
    ),
    "a removed conversation": ([{"op": "remove", "source": "reamaze", "key": "knock-knock"}], {}),
    "an opt-out from an audience": (
        [
            {
                "op": "insert",
                "collection": "mailchimp.members",
                "row": {
                    "id": "0" * 32,
                    "list_id": "57afe96172",
                    "status": "unsubscribed",
                    "last_changed": "2026-03-01T10:00:00+00:00",
                },
            }
        ],
        {"mailchimp_list_unsubscribes": [("57afe96172", "0" * 32)]},
    ),
    "a campaign": (
        [
            {
                "op": "insert",
                "collection": "mailchimp.campaigns",
                "row": {"id": "0123456789", "create_time": "2026-03-01T10:00:00+00:00"},
            }
        ],
        {"mailchimp_campaigns": [("0123456789",)]},
    ),
}
"""What happens between two runs, and the keys that the second run must emit."""


KEYS = {
    "mailchimp_campaigns": "create_time",
    "mailchimp_conversations": "last_message_at",
    "mailchimp_conversation_messages": "timestamp",
    "mailchimp_unsubscribes": "timestamp",
    "mailchimp_list_unsubscribes": "last_changed",
    "reamaze_conversations": "updated_at",
    "reamaze_messages": "created_at",
}
"""The columns by which the streams are replicated."""


@pytest.fixture(scope="module")
def run(still: Sandbox) -> Messages:
    """All streams of one account of each source."""
    return sync(still.config())


@pytest.fixture
def dated() -> Iterator[Sandbox]:
    """A few rows of both vendors at a known time, to change."""
    with Sandbox(
        now="2026-03-01T12:00:00Z", conversations=8, campaigns=8, reamaze_conversations=8
    ) as sandbox:
        yield sandbox


def test_a_second_run_repeats_nothing(run: Messages, still: Sandbox) -> None:
    """When nothing changed, only the streams without a bookmark emit anything."""
    again = sync(still.config(), state=run.state)
    assert {name for name, records in again.records.items() if records} == FULL
    assert again.failures == []
    assert again.state == run.state


@pytest.mark.parametrize("what", NEW)
def test_what_is_new_comes_with_the_next_run(dated: Sandbox, what: str) -> None:
    """A second run emits what came or changed since the first, and a third nothing at all."""
    mutations, expected = NEW[what]
    first = sync(dated.config())
    dated.mutate(*mutations)
    second = sync(dated.config(), state=first.state)
    assert second.failures == []
    said = sorted(instant(record["sent_at"]) for record in second.records.pop("replies", []))
    messages = (
        *expected.get("mailchimp_conversation_messages", ()),
        *expected.get("reamaze_messages", ()),
    )
    assert len(said) == len(messages)
    assert {
        stream: sorted(_named(record, stream) for record in records)
        for stream, records in second.records.items()
        if stream not in FULL
    } == {
        stream: sorted(tuple(_plain(part) for part in key) for key in keys)
        for stream, keys in expected.items()
    }
    third = sync(dated.config(), state=second.state)
    assert {name for name, records in third.records.items() if records} == FULL


@pytest.mark.parametrize(
    ("stream", "collection", "row"),
    [
        ("mailchimp_campaigns", "mailchimp.campaigns", {"emails_sent": 123_456}),
        ("mailchimp_conversations", "mailchimp.conversations", {"unread_messages": 99}),
        ("mailchimp_conversation_messages", "mailchimp.messages", {"subject": "Edited"}),
        ("mailchimp_list_unsubscribes", "mailchimp.members", {"unsubscribe_reason": "Edited"}),
        ("reamaze_conversations", "reamaze.conversations", {"tag_list": ["edited"]}),
        ("reamaze_messages", "reamaze.messages", {"body": "Edited"}),
    ],
)
def test_a_change_within_the_overlap_comes(
    dated: Sandbox, stream: str, collection: str, row: Record
) -> None:
    """A row before the bookmark that changed within the overlap comes again, and rows beside it."""
    catalog = catalog_of(stream)
    first = sync(dated.config(), catalog=catalog)
    newest = max(first.records[stream], key=lambda each: str(each[KEYS[stream]]))
    assert newest[KEYS[stream]] == first.bookmark(stream)
    key = vendors_key(dated, stream, newest)
    dated.mutate({"op": "update", "collection": collection, "key": key, "row": row})
    second = sync(dated.config(), catalog=catalog, state=first.state)
    assert len(second.records[stream]) < len(first.records[stream])
    ((column, value),) = row.items()
    assert [each[column] for each in second.records[stream]].count(value) == 1
    assert sync(dated.config(), catalog=catalog, state=second.state).records == {}


@pytest.mark.parametrize("stream", KEYS)
def test_windows_cut_history(run: Messages, still: Sandbox, stream: str) -> None:
    """Between start_date and end_date come the rows of that time, and no others."""
    key = KEYS[stream]
    moments = sorted(record[key] for record in run.records[stream])
    start, end = moments[len(moments) // 3], moments[2 * len(moments) // 3]
    config = {**still.config(), "start_date": start, "end_date": end}
    inside = [record for record in run.records[stream] if start <= record[key] < end]
    assert 0 < len(inside) < len(moments)
    window = sync(config, catalog=catalog_of(stream))
    assert window.failures == []
    assert emitted(window.records[stream], stream) == emitted(inside, stream)
    del config["end_date"]
    rest = sync(config, catalog=catalog_of(stream), state=window.state)
    both = emitted([*window.records[stream], *rest.records[stream]], stream)
    late = [record for record in run.records[stream] if start <= record[key]]
    assert both.keys() == emitted(late, stream).keys()


def vendors_key(sandbox: Sandbox, stream: str, record: Record) -> str | list[str]:
    """The key by which the sandbox knows the row of a record."""
    truth = next(each[stream] for each in sandbox.truth().values() if stream in each)
    expected = emitted([record], stream)
    for key in truth["keys"]:
        row = dict(zip(TRUTH_COLUMNS[stream], key, strict=False))
        if emitted([row], stream) == expected:
            parts = [key[0], key[-1]] if stream == "reamaze_messages" else list(key)
            return parts if len(parts) > 1 else str(parts[0])
    raise KeyError(stream)


def _plain(part: str) -> str:
    return str(instant(part)) if part.startswith("2026-") else part


def _named(record: Record, stream: str) -> tuple[str, ...]:
    (key,) = emitted([record], stream)
    return tuple(str(part) for part in key)
