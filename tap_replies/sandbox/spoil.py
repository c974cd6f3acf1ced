"""Bodies gone wrong: hostile text, repeated and foreign rows, false totals."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_replies.sandbox.table import Row

# Left alone, so that what arrives can still be counted: keys, parents, and what rows are read by.
_KEPT = frozenset(
    {
        "id",
        "slug",
        "email_id",
        "email_address",
        "campaign_id",
        "conversation_id",
        "list_id",
        "parent_campaign_id",
        "type",
        "status",
        "timestamp",
        "created_at",
        "updated_at",
        "last_changed",
        "create_time",
        "send_time",
        "date_created",
        "unsubscribed",
        "message_count",
        "visibility",
        "origin",
        "origin_id",
        "email",
        "category",
        "_links",
    },
)
_NASTY = "a\x00b \ud83d c \udc00 \u202edrow\u202c \u2066x\u2069 \ufeff\u200b \x1b[31m \U0001f9ff"


def hostile(body: bytes, fraction: float = 1) -> bytes:
    """Put hostile text, unknown fields and wrong types into that fraction of the rows."""
    document = json.loads(body)
    name = _rows_name(document)
    if name is None:
        return body
    for row in document[name]:
        print_of_row = zlib.crc32(msgspec.json.encode(row))
        if print_of_row % 1000 < fraction * 1000:
            _spoil(row, print_of_row // 1000 % 4)
    return json.dumps(document).encode()


def repeated(body: bytes) -> bytes:
    """Repeat the first half of the rows at the end of the page."""
    return _with_rows(body, lambda rows: rows + rows[: (len(rows) + 1) // 2])


def halved(body: bytes) -> bytes:
    """Leave out the second half of the rows."""
    return _with_rows(body, lambda rows: rows[: len(rows) // 2])


def foreign(body: bytes) -> bytes:
    """Add a message that belongs to another conversation."""
    return _with_rows(body, lambda rows: [*rows, _foreign_row(rows[-1])] if rows else rows)


def miscounted(body: bytes, delta: int) -> bytes:
    """Change the totals by delta."""
    document = json.loads(body)
    for name in ("total_items", "total_count", "page_count"):
        if isinstance(document, dict) and name in document:
            document[name] = max(0, document[name] + delta)
    return msgspec.json.encode(document)


def _with_rows(body: bytes, change: Callable[[list[Row]], list[Row]]) -> bytes:
    document = json.loads(body)
    name = _rows_name(document)
    if name is not None:
        document[name] = change(document[name])
    return msgspec.json.encode(document)


def _rows_name(document: Any) -> str | None:  # noqa: ANN401
    if isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                return None if name == "_links" else str(name)
    return None


def _foreign_row(row: Row) -> Row:
    other = {**row, "id": "999999"} if "conversation_id" in row else dict(row)
    if "conversation_id" in row:
        other["conversation_id"] = "0000000000"
    if isinstance(row.get("conversation"), dict):
        other["conversation"] = {**row["conversation"], "slug": "somebody-elses-thread"}
    return other


def _spoil(row: Row, way: int) -> None:
    for name, value in list(row.items()):
        if name in _KEPT:
            continue
        if way in (0, 3) and isinstance(value, str):
            row[name] = f"{value} {_NASTY}"
        elif way in (0, 3) and isinstance(value, dict) and name != "conversation":
            _spoil(value, 0)
        elif way in (2, 3):
            row[name] = _mistyped(value)
    if way in (1, 3):
        row["brand_new"] = {"nested": [1, None, {"deep": True}]}
        row["Odd Key\x00?"] = "unknown"


def _mistyped(value: object) -> object:
    if isinstance(value, bool):
        return "yes"
    if isinstance(value, int):
        return f"{value} or so"
    if isinstance(value, str):
        return {"text": value}
    return value
