"""How far a stream was read for one account, and which rows need not be emitted again.

A bookmark is the newest replication key of a reading that was whole. The next reading begins a
while before it, so that rows which the API shows late are found; what was emitted then and has
not changed since is not emitted again. To know that, the bookmark carries a fingerprint of the
rows of that while: they fall into buckets by their keys, and each bucket keeps the sum of their
hashes. Its size does not depend on theirs; a row that is new brings back those of its bucket.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from tap_replies.held import Held
from tap_replies.times import moved, utc

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import timedelta

    Record = dict[str, Any]

BUCKETS = 8
BUCKET_BYTES = 6

TAKEN = 200
"""Rows that were kept back and are handed out together."""

_encode = msgspec.json.Encoder(order="deterministic").encode


class Fingerprint:
    """What a set of rows amounts to, whatever their order."""

    def __init__(self) -> None:
        """Begin with no row."""
        self._sums: dict[int, int] = {}

    def add(self, key: tuple[Any, ...], record: Record) -> None:
        """Count a record in."""
        digest = hashlib.blake2b(_encode(record), digest_size=BUCKET_BYTES).digest()
        self._add(bucket_of(key), int.from_bytes(digest))

    def merge(self, other: Fingerprint) -> None:
        """Count in what another fingerprint stands for."""
        for bucket, total in other._sums.items():
            self._add(bucket, total)

    def _add(self, bucket: int, total: int) -> None:
        self._sums[bucket] = (self._sums.get(bucket, 0) + total) % 256**BUCKET_BYTES

    def parts(self) -> list[str]:
        """A text of eight letters for each bucket."""
        sums = (self._sums.get(bucket, 0).to_bytes(BUCKET_BYTES) for bucket in range(BUCKETS))
        return [base64.b64encode(each).decode() for each in sums]


def bucket_of(key: tuple[Any, ...]) -> int:
    """Where a row belongs, by its primary key."""
    return hashlib.blake2b(_encode(key), digest_size=1).digest()[0] % BUCKETS


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

    filters: str = ""
    """What stands for the filters of the account; "" if there are none."""

    ends: bool = False
    """Whether `upper` is an `end_date`: then rows at or after it are left out."""

    passing: Collection[str] = ()
    """Columns that may differ from one reading to the next although nothing has changed."""

    newest: str | None = None
    held: Held | None = field(default_factory=Held)
    """Rows of the overlap, kept back until it is known whether any is new; None if none are."""

    _freed: Held = field(default_factory=Held)
    """Rows that were kept back and are to be emitted."""

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
        self._free()

    def _free(self) -> None:
        if self.held:
            self._freed.update(self.held)
        self.held = None

    def new(self, records: Iterable[Record], *, is_late: bool = False) -> list[Record]:
        """The records to emit now; those of the overlap are kept back until `rest`.

        Records that are late are emitted even if they are older than the overlap.
        """
        emitted = self._freed.take(TAKEN)
        key, lower = self.key, self.start if is_late else self.lower
        end = self.upper if self.ends else None
        wanted = [
            record
            for record in records
            if (moment := record[key]) is None
            or ((lower is None or moment >= lower) and (end is None or moment < end))
        ]
        self._advance(max([record[key] or "" for record in wanted], default=""))
        edge = self._edge
        for record in [each for each in wanted if each[key] is None or each[key] >= edge]:
            moment = record[key]
            recent = self._recent.setdefault(moment, Fingerprint()) if moment else self._undated
            recent.add(self._key_of(record), self._lasting(record))
        if self.held is None and not self._freed:
            return emitted + wanted
        for record in wanted:
            moment, own = record[key], self._key_of(record)
            is_overlap = moment is None or moment <= (self.since or "")
            if self.held is not None and is_overlap and not is_late:
                self.held.put(own, record)
                if self.held.is_full:
                    self._free()
            else:
                for kept in filter(None, (self.held, self._freed)):
                    kept.drop(own)  # perhaps this row as it was before
                emitted.append(record)
        return emitted

    def rest(self) -> Iterator[list[Record]]:
        """After a whole reading: the rows of the overlap, unless they are the known ones."""
        fingerprint = Fingerprint()
        for key, record in self.held or ():
            fingerprint.add(key, self._lasting(record))
        is_known = [
            self.known[place * len(part) :].startswith(part)
            for place, part in enumerate(fingerprint.parts())
        ]
        if self.held:
            self.held.drop_where(lambda key: is_known[bucket_of(key)])
        self._free()
        while records := self._freed.take(TAKEN):
            yield records

    @property
    def leaves_out(self) -> bool:
        """Whether `start_date` was moved back since, which a bookmark does not heed."""
        return bool(self.since and self.begun) and (self.start or "") < (self.begun or "")

    @property
    def terms(self) -> dict[str, str | None]:
        """What else the state keeps, so that a change of the settings is noticed."""
        return {"start_date": self.begun, "filters": self.filters}

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
        return "".join(found.parts())

    @property
    def _edge(self) -> str:
        return moved(self.value, -self.overlap) if self.value else ""

    def _lasting(self, record: Record) -> Record:
        if not self.passing:
            return record
        return {name: value for name, value in record.items() if name not in self.passing}

    def _key_of(self, record: Record) -> tuple[Any, ...]:
        return tuple(record[name] for name in self.keys)

    def _advance(self, moment: str) -> None:
        if moment > (self.newest or ""):
            self.newest = moment
            edge = self._edge
            self._recent = {at: each for at, each in self._recent.items() if at >= edge}


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say of a reading: `start_date`, `end_date`, filters; and the moment."""

    start: str | None
    end: str | None
    now: str
    filters: Mapping[str, Any]


def begin(
    key: str,
    keys: Sequence[str],
    state: dict[str, Any],
    overlap: timedelta,
    terms: Terms,
) -> Reading:
    """A reading that goes on from the state.

    With other filters than those of the state it begins anew: other rows are wanted.
    """
    start, end, now = terms.start, terms.end, terms.now
    digest = hashlib.blake2b(_encode(terms.filters), digest_size=4)
    text = digest.hexdigest() if terms.filters else ""
    if state.get("filters", "") != text:
        state = {}
    since = state.get("replication_key_value")
    # A bookmark of a machine whose clock was ahead must not skip what came meanwhile.
    since = min(utc(since) or now, now) if since else None
    lower = moved(since, -overlap) if since else None
    # A bookmark before `start_date` wins: what lies between the two was not read.
    if start and (since is None or lower is None or since >= start > lower):
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
        filters=text,
        ends=bool(end),
    )


def adopt(unnamed: dict[str, Any], state: dict[str, Any]) -> None:
    """Take over a bookmark that names no account, as a stream without partitions has it.

    With several accounts such a state is refused before the run (`inputs.state_problems`).
    """
    for name in ("replication_key", "replication_key_value"):
        if value := unnamed.pop(name, None):
            state.setdefault(name, value)


def surprises(state: Mapping[str, Any], reading: Reading, filters: str) -> Iterator[str]:
    """What to tell of a reading that begins otherwise than one may expect.

    `filters` is the name of the setting.
    """
    if state.get("replication_key_value") and reading.since is None:
        yield f"is read from the beginning, as {filters} are others than before"
    if reading.ends and reading.since and reading.upper < reading.since:
        yield (
            "end_date lies before the bookmark, so there is nothing to read; a window of history "
            "needs a state of its own (meltano run --state-id-suffix=...)"
        )
    if reading.leaves_out:
        yield (
            "start_date is earlier than the one from which this stream was first read, and its "
            f"bookmark does not go back. To read what lies before {reading.begun}, run once with a "
            f"state of its own: TAP_REPLIES_END_DATE={reading.begun} meltano run "
            "--state-id-suffix=backfill tap-replies <target>"
        )
