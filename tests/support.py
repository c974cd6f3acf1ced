"""What tests share: run the tap, and read what it said."""

from __future__ import annotations

import copy
import json
import logging
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message

from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from tap_replies.sandbox import Sandbox

Record = dict[str, Any]


class ListWriter(GenericSingerWriter[bytes, Message]):
    """Keeps the messages as objects."""

    def __init__(self) -> None:
        """Start with no message."""
        self.messages: list[dict[str, Any]] = []

    def serialize_message(self, message: Message) -> bytes:
        """A message as text."""
        return json.dumps(message.to_dict(), default=str).encode()

    def write_message(self, message: Message) -> None:
        """Keep a message as it is now: the state goes on changing."""
        self.messages.append(json.loads(self.serialize_message(message)))


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@dataclass
class Messages:
    """What one run of the tap came to."""

    records: dict[str, list[Record]] = field(default_factory=lambda: defaultdict(list))
    schemas: list[dict[str, Any]] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)
    kinds: list[tuple[str, str | None]] = field(default_factory=list)
    """Type and stream of each message, in their order."""

    failures: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    @property
    def state(self) -> dict[str, Any]:
        """The last state."""
        return self.states[-1] if self.states else {}

    def bookmark(self, stream: str) -> str | None:
        """The first account's bookmark of a stream."""
        partitions = self.state.get("bookmarks", {}).get(stream, {}).get("partitions", [{}])
        value: str | None = partitions[0].get("replication_key_value")
        return value

    @classmethod
    def of(cls, messages: Sequence[dict[str, Any]]) -> Messages:
        """Sort messages by what they are."""
        found = cls()
        for message in messages:
            found.kinds.append((message["type"], message.get("stream")))
            if message["type"] == "RECORD":
                found.records[message["stream"]].append(message["record"])
            elif message["type"] == "SCHEMA":
                found.schemas.append(message)
            elif message["type"] == "STATE":
                found.states.append(message["value"])
        return found


def catalog_of(*streams: str, without: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """A catalog that selects some streams, `without` some of their columns."""
    catalog: dict[str, Any] = TapReplies(validate_config=False).catalog_dict
    for entry in catalog["streams"]:
        name = entry["tap_stream_id"]
        for item in entry["metadata"]:
            crumb = item["breadcrumb"]
            if not crumb:
                item["metadata"]["selected"] = name in streams
            elif crumb[-1] in (without or {}).get(name, ()):
                item["metadata"]["selected"] = False
    return catalog


def in_order(rows: Iterable[Any]) -> list[str]:
    """Rows as texts, in an order that does not hang on which came first."""
    return sorted(json.dumps(row, sort_keys=True, default=str) for row in rows)


def sync(
    config: Mapping[str, Any],
    *,
    catalog: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
    tap_class: type[TapReplies] = TapReplies,
) -> Messages:
    """Run the tap within this process, and return what it wrote and said."""
    writer, lines = ListWriter(), _Lines()
    logger = logging.getLogger("tap-replies")
    logger.addHandler(lines)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    try:
        # The SDK works on the very objects of a state, and the caller may start from it again.
        known = copy.deepcopy(state)
        tap = tap_class(config=dict(config), catalog=catalog, state=known, message_writer=writer)
        try:
            tap.sync_all()
        finally:
            tap.run.close()
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
    found = Messages.of(writer.messages)
    found.failures, found.log = tap.run.failures, lines.lines
    return found


def run_cli(
    *arguments: str,
    config: Mapping[str, Any] | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the tap as a process of its own; `config` is written to a file in `folder`."""
    command = [sys.executable, "-m", "tap_replies"]
    if config is not None and folder is not None:
        path = folder / "config.json"
        path.write_text(json.dumps(config))
        command += ["--config", str(path)]
    return subprocess.run(
        [*command, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=None if environment is None else dict(environment),
    )


def messages_in(text: str) -> Messages:
    """The messages that a process wrote."""
    return Messages.of([json.loads(line) for line in text.splitlines()])


def asked(sandbox: Sandbox, path: str) -> list[dict[str, str]]:
    """The queries of all requests to a path, such as `/3.0/lists`, in their order."""
    return [dict(parse_qsl(query)) for at, query, _ in sandbox.stats()["requests"] if at == path]


def instant(text: str) -> datetime:
    """A time as either vendor writes it, to the millisecond; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


TRUTH_COLUMNS = {
    "mailchimp_lists": ("id",),
    "mailchimp_campaigns": ("id",),
    "mailchimp_conversations": ("id",),
    "mailchimp_conversation_messages": ("conversation_id", "id"),
    "mailchimp_unsubscribes": ("campaign_id", "email_id", "timestamp"),
    "mailchimp_list_unsubscribes": ("list_id", "id"),
    "reamaze_conversations": ("slug",),
    "reamaze_messages": ("conversation_slug", "created_at"),
}
"""The columns that hold the keys of the sandbox's truth."""


def held(sandbox: Sandbox, stream: str, account: str = "") -> Counter[tuple[object, ...]]:
    """The keys that a stream should emit, of an account or of the only one of its source."""
    truths = [sandbox.truth(account)] if account else sandbox.truth().values()
    keys = next(truth[stream]["keys"] for truth in truths if stream in truth)
    columns = TRUTH_COLUMNS[stream]
    return Counter(_key(dict(zip(columns, key, strict=False)), columns) for key in keys)


def emitted(records: Sequence[Record], stream: str) -> Counter[tuple[object, ...]]:
    """The same keys of records."""
    return Counter(_key(record, TRUTH_COLUMNS[stream]) for record in records)


def _key(record: Record, columns: Sequence[str]) -> tuple[object, ...]:
    times = {"timestamp", "created_at"}
    return tuple(instant(record[name]) if name in times else record[name] for name in columns)


LATE_SECONDS = 3.0


def late(path: str, at: int = 1) -> dict[str, Any]:
    """An answer that is seconds late."""
    return {"kind": "stall", "seconds": LATE_SECONDS, "path": path, "at": at}


def visits(sandbox: Sandbox, ending: str) -> list[int | None]:
    """The answers to what was asked of a path, None where there is none yet."""
    return [
        each.status
        for each in list(sandbox.app.stats.visits)
        if each.path.rstrip("/").endswith(ending)
    ]
