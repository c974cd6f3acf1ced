"""How far a stream was read for one account, and which rows need not be emitted again.

A bookmark is the newest replication key of a reading that was whole. The next reading begins a
while before it, so that rows which the API shows late are found; what was emitted then and has
not changed since is not emitted again. To know that, the bookmark carries a fingerprint of the
rows of that while: their number and the sum of their hashes. Its size does not depend on theirs.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from tap_replies.clean import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    Record = dict[str, Any]

MOST_HELD = 50_000
"""Rows of the overlap that are kept back until it is known whether any of them is new."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def utc_at(seconds: float) -> str:
    """A moment in seconds since 1970 in the form of a bookmark."""
    return utc(datetime.fromtimestamp(seconds, tz=UTC).isoformat()) or ""


def moved(moment: str, by: timedelta) -> str:
    """A time of the fixed form, shifted; it stays within the years 1 to 9999."""
    try:
        return utc((datetime.fromisoformat(moment) + by).isoformat()) or moment
    except OverflowError:
        return moment


@dataclass(slots=True)
class Fingerprint:
    """What a set of rows amounts to, whatever their order."""

    count: int = 0
    total: int = 0

    def add(self, record: Record) -> None:
        """Count a record in."""
        digest = hashlib.blake2b(_encode(record), digest_size=9).digest()
        self.count += 1
        self.total = (self.total + int.from_bytes(digest)) % 2**72

    def merge(self, other: Fingerprint) -> None:
        """Count in what another fingerprint stands for."""
        self.count += other.count
        self.total = (self.total + other.total) % 2**72

    def __str__(self) -> str:
        """A short text for the state, e.g. `12:q83vEjRWeJCr`."""
        return f"{self.count}:{base64.b64encode(self.total.to_bytes(9)).decode()}"


@dataclass
class Reading:
    """One reading of an incremental stream for one account.

    `since` is the bookmark it starts from, `lower` where the overlap begins, `upper` the first
    moment that is not read any more (the start of the run, or `end_date`).
    """

    key: str
    keys: Sequence[str]
    """The primary key."""

    since: str | None
    known: str
    overlap: timedelta
    lower: str | None
    upper: str
    start: str | None = None
    """The setting `start_date`."""

    begun: str | None = None
    """The `start_date` with which the stream was first read."""

    ends: bool = False
    """Whether `upper` is an `end_date`: then rows at or after it are left out."""

    newest: str | None = None
    held: dict[tuple[Any, ...], Record] | None = field(default_factory=dict)
    _recent: dict[str, Fingerprint] = field(default_factory=dict)
    _undated: Fingerprint = field(default_factory=Fingerprint)

    def __post_init__(self) -> None:
        """A first reading has no overlap, so it keeps nothing back."""
        self.newest = self.since
        if self.since is None:
            self.held = None

    def restart(self, lower: str | None) -> None:
        """Read from an earlier moment after all, and emit what comes even if it was before."""
        self.lower = lower
        self.held = None

    def new(self, records: Iterable[Record]) -> list[Record]:
        """The records to emit now; those of the overlap are kept back until `rest`."""
        emitted: list[Record] = []
        wanted = [record for record in records if self._is_wanted(record)]
        dates = [record[self.key] for record in wanted if record[self.key] is not None]
        if dates:
            self._advance(max(dates))
        edge = self._edge
        for record in wanted:
            moment = record[self.key]
            if moment is None:
                self._undated.add(record)
            elif moment >= edge:
                self._recent.setdefault(moment, Fingerprint()).add(record)
            if self.held is not None and (moment is None or moment <= (self.since or "")):
                self.held[self._key_of(record)] = record
                if len(self.held) > MOST_HELD:
                    emitted += self.held.values()
                    self.held = None
            else:
                if self.held:  # perhaps this row as it was before
                    self.held.pop(self._key_of(record), None)
                emitted.append(record)
        return emitted

    def rest(self) -> Iterator[Record]:
        """After a whole reading: the rows of the overlap, unless they are the known ones."""
        held, self.held = list((self.held or {}).values()), None
        fingerprint = Fingerprint()
        for record in held:
            fingerprint.add(record)
        if str(fingerprint) != self.known:
            yield from held

    @property
    def leaves_out(self) -> bool:
        """Whether `start_date` was moved back since, which a bookmark does not heed."""
        return bool(self.since and self.begun) and (self.start or "") < (self.begun or "")

    @property
    def value(self) -> str | None:
        """The bookmark after this reading: never beyond what was read."""
        return min(self.newest, max(self.upper, self.since or "")) if self.newest else None

    @property
    def fingerprint(self) -> str:
        """The rows within the overlap before the bookmark."""
        found = Fingerprint()
        found.merge(self._undated)
        value, edge = self.value or "", self._edge
        for moment, each in self._recent.items():
            if edge <= moment <= value:
                found.merge(each)
        return str(found)

    @property
    def _edge(self) -> str:
        return moved(self.value, -self.overlap) if self.value else ""

    def _key_of(self, record: Record) -> tuple[Any, ...]:
        return tuple(record[name] for name in self.keys)

    def _is_wanted(self, record: Record) -> bool:
        moment = record[self.key]
        if moment is None:
            return True
        return (self.lower is None or moment >= self.lower) and not (
            self.ends and moment >= self.upper
        )

    def _advance(self, moment: str) -> None:
        if self.newest is None or moment > self.newest:
            self.newest = moment
            edge = self._edge
            self._recent = {at: each for at, each in self._recent.items() if at >= edge}


def begin(
    key: str,
    keys: Sequence[str],
    state: dict[str, Any],
    overlap: timedelta,
    dates: tuple[str | None, str | None, str],
) -> Reading:
    """A reading that goes on from the state; `dates` are `start_date`, `end_date` and now."""
    start, end, now = dates
    since = state.get("replication_key_value")
    since = utc(since) if since else None
    lower = moved(since, -overlap) if since else None
    if start and (lower is None or start > lower):
        lower = start
    return Reading(
        key,
        keys,
        since,
        state.get("overlap", ""),
        overlap,
        lower,
        upper=min(end, now) if end else now,
        start=start,
        begun=state.get("start_date") if since else start,
        ends=bool(end),
    )
