"""What a stream reads of the sandbox, and the changes that any of its tables may see."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from support import TRUTH_COLUMNS, Record, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_replies.sandbox import Sandbox

Mutation = dict[str, Any]
Ident = tuple[object, ...]

MAILCHIMP_PAGE = 7
REAMAZE_PAGE = 6
NOW = datetime(2026, 5, 1, tzinfo=UTC).timestamp()
"""When the histories begin."""

SMALL = {
    "conversations": 2,
    "messages": 1,
    "lists": 1,
    "members": 2,
    "campaigns": 2,
    "unsubscribes": 1,
    "reamaze_conversations": 2,
    "reamaze_messages": 1,
}


@dataclass(frozen=True)
class Plan:
    """One change: what the sandbox is told, the row it is about, and rows it makes or changes."""

    mutations: list[Mutation]
    subject: Ident
    touched: set[Ident] = field(default_factory=set)
    stale: set[Ident] = field(default_factory=set)
    """Rows whose change the stream need not find, as nothing tells it of them."""


@dataclass(frozen=True)
class Topic:
    """One stream: where its rows are, and how they change."""

    stream: str
    sizes: dict[str, int]
    paths: tuple[str, ...]
    """Globs of the requests at which changes and faults strike."""

    table: str
    changes: tuple[Callable[[World, int, float], Plan | None], ...]
    removal: Callable[[World, int, float], Plan | None]
    marker: str = ""
    """A column that tells the version of a row beside its replication key."""

    moment: str = ""
    """The row's field that is the replication key, dots for objects within; "" if it has none."""

    column: str = ""
    """The record's column for the same."""

    settings: dict[str, Any] = field(default_factory=dict)

    settles: int = 1
    """After how many quiet runs nothing is told any more."""

    @property
    def is_full(self) -> bool:
        """Whether each run tells all rows."""
        return not self.column

    def ident(self, record: Record) -> Ident:
        """What a record has in common with the row that it comes from."""
        if self.stream == "reamaze_messages":
            return (record["conversation_slug"], instant(record["created_at"]), record["body"])
        return _plain(record[name] for name in TRUTH_COLUMNS[self.stream])

    def ident_of(self, row: Record) -> Ident:
        """The same of a row of the sandbox."""
        if self.stream == "reamaze_messages":
            return (row["conversation"]["slug"], instant(row["created_at"]), row["body"])
        return _plain(row[name] for name in TRUTH_COLUMNS[self.stream])

    def version(self, record: Record) -> Ident:
        """What a change alters in a record."""
        moment = instant(record[self.column]) if self.column else None
        return (moment, record[self.marker] if self.marker else None)

    def version_of(self, row: Record) -> Ident:
        """The same of a row of the sandbox."""
        value: Any = row
        for name in self.moment.split(".") if self.moment else ():
            value = value[name]
        moment = instant(value) if self.moment else None
        return (moment, (row[self.marker] or None) if self.marker else None)


def _plain(values: Iterable[Any]) -> Ident:
    """Keys in one form, whichever way a time is written."""
    return tuple(instant(value) if _is_time(value) else value for value in values)


def _is_time(value: object) -> bool:
    return isinstance(value, str) and bool(re.match(r"\d{4}-\d\d-\d\d[T ]", value))


@dataclass
class World:
    """A sandbox as the histories see it: rows by tables, and numbers that never come twice."""

    sandbox: Sandbox
    topic: Topic
    number: int = 0
    bookmark: str | None = None
    """How far the stream was read by the last run."""

    def rows(self, table: str = "") -> list[Record]:
        """The rows that the topic's stream should tell, or all those of a table."""
        source = "reamaze" if self.topic.stream.startswith("reamaze") else "mailchimp"
        with self.sandbox.app.lock:
            rows = list(self.sandbox.world.account("", source).rows(table or self.topic.table))
        if self.topic.table == "members" and not table:
            rows = [row for row in rows if row["status"] == "unsubscribed"]
        return rows

    def held(self) -> dict[Ident, Record]:
        """What the stream should tell now."""
        return {self.topic.ident_of(row): row for row in self.rows()}

    def next(self) -> int:
        """A number that was not there yet."""
        self.number += 1
        return self.number


def at(moment: float) -> str:
    """A moment as the sandbox takes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat()


def pick(rows: list[Record], which: int) -> Record | None:
    """One of the rows, counted from the newest; the oldest stays as it is, as a pattern."""
    return rows[-1 - which % (len(rows) - 1)] if len(rows) > 1 else None


def pick_old(rows: list[Record], which: int) -> Record | None:
    """One of the rows, counted from the oldest, in lists that begin with it."""
    return pick(rows[:1] + rows[:0:-1], which)


def oldest(rows: list[Record], parent: str, which: int) -> list[Record]:
    """Every other time only those of the oldest parent, so that one list changes much."""
    return [row for row in rows if which % 2 or row[parent] == rows[0][parent]]


def plain_op(op: str, collection: str, key: Any = None, row: Record | None = None) -> Mutation:  # noqa: ANN401
    """One of the sandbox's plain mutations."""
    mutation: Mutation = {"op": op, "collection": collection, "row": row or {}}
    return mutation | ({"key": key} if key is not None else {})


def story(op: str, source: str, key: str, when: float, row: Record | None = None) -> Mutation:
    """One of the sandbox's mutations that keep its account consistent."""
    return {"op": op, "source": source, "key": key, "when": at(when), "row": row or {}}


# Audiences and campaigns


def inserting(table: str, moment: str) -> Callable[[World, int, float], Plan]:
    """Adds a row to a table."""

    def change(world: World, _: int, when: float) -> Plan:
        key = f"{world.next():010x}"
        row = {"id": key, moment: at(when)}
        return Plan([plain_op("insert", f"mailchimp.{table}", None, row)], (key,), {(key,)})

    return change


def updating(table: str, marker: str) -> Callable[[World, int, float], Plan | None]:
    """Changes a row of a table."""

    def change(world: World, which: int, _: float) -> Plan | None:
        if (row := pick_old(world.rows(), which)) is None:
            return None
        key: Ident = (row["id"],)
        changed = {marker: f"version {world.next()}"}
        stale = {key} if is_past_refresh(world, row) else set[Ident]()
        mutation = plain_op("update", f"mailchimp.{table}", row["id"], changed)
        return Plan([mutation], key, {key}, stale)

    return change


def is_past_refresh(world: World, row: Record) -> bool:
    """Whether a row is older than what the stream reads again."""
    days = world.topic.settings.get("campaign_refresh_days")
    if days is None:
        return False
    # By design: campaigns older than the refresh days keep the figures of their last reading.
    newest = max(instant(each["create_time"]) for each in world.rows())
    return bool((newest - instant(row["create_time"])).days >= days - 5)


def removing(table: str) -> Callable[[World, int, float], Plan | None]:
    """Takes a row out of a table."""

    def change(world: World, which: int, _: float) -> Plan | None:
        if (row := pick_old(world.rows(), which)) is None:
            return None
        return Plan([plain_op("delete", f"mailchimp.{table}", row["id"])], (row["id"],))

    return change


# Threads of Mailchimp
