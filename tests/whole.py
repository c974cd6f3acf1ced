"""What a target holds after some runs, against what the API holds."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from support import TRUTH_COLUMNS, Record, emitted, held

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from support import Messages

    from tap_replies.sandbox import Sandbox

Tables = dict[str, dict[tuple[Any, ...], Record]]
"""Records by stream and primary key."""

UNDATED = ("accounts", "mailchimp_lists")
"""Streams without a bookmark."""


def loaded(*runs: Messages) -> Tables:
    """The tables after these runs: of records with the same key the last one counts."""
    tables: Tables = defaultdict(dict)
    for run in runs:
        keys = {each["stream"]: each["key_properties"] for each in run.schemas}
        for stream, records in run.records.items():
            tables[stream] |= {tuple(row[name] for name in keys[stream]): row for row in records}
    return tables


def astray(sandbox: Sandbox, tables: Tables) -> dict[tuple[str, str], Counter[tuple[object, ...]]]:
    """What the tables lack or hold beyond the API, by account and stream; empty if they are whole.

    The accounts must go by their own ids.
    """
    found = {}
    for account, streams in sandbox.truth().items():
        for stream in streams:
            rows = [row for row in tables[stream].values() if row["account_id"] == account]
            has, wanted = emitted(rows, stream), held(sandbox, stream, account)
            if has != wanted:
                found[account, stream] = (wanted - has) + (has - wanted)
    return found


def bookmarks(state: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Stream, account and time of each bookmark of a state."""
    for stream, entry in state.get("bookmarks", {}).items():
        for partition in entry.get("partitions", []):
            if value := partition.get("replication_key_value"):
                yield stream, partition["context"]["account_id"], value


def uncovered(
    messages: Iterable[dict[str, Any]], before: Sequence[Messages], reference: Messages
) -> list[tuple[str, str, tuple[Any, ...]]]:
    """Rows that a STATE line says were read, although no line before it holds them.

    `before` are the earlier runs, `reference` a whole run from the same time.
    """
    keys = {each["stream"]: each["key_properties"] for each in reference.schemas}
    dates = {
        each["stream"]: each["bookmark_properties"][0]
        for each in reference.schemas
        if each.get("bookmark_properties")
    }
    expected, written = loaded(reference), loaded(*before)
    found = []
    for message in messages:
        if message["type"] == "RECORD":
            stream, row = message["stream"], message["record"]
            written[stream][tuple(row[name] for name in keys[stream])] = row
        elif message["type"] == "STATE":
            for stream, account, bookmark in bookmarks(message["value"]):
                date = dates[stream]
                found += [
                    (stream, bookmark, key)
                    for key, row in expected[stream].items()
                    if row["account_id"] == account
                    and (row[date] or "") <= bookmark
                    and key not in written[stream]
                ]
    return found


def incremental(tables: Tables) -> Tables:
    """The tables of the streams with a bookmark."""
    return {name: tables[name] for name in TRUTH_COLUMNS if name not in UNDATED}
