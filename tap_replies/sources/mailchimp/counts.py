"""What reports counted at the last run, in texts whose size is constant."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_replies.times import moved

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_replies.job import Job
    from tap_replies.source import Row

BUCKETS = 128
"""So many that few campaigns that have not moved share one with a campaign that has."""

SUM_BYTES = 3
HOUR_BYTES = 3
LISTED_BYTES = 5

HOURS_TO_SHOW = 24
"""How long a list may lack what its report counts before it will never show it: the contact was
deleted for good."""

HOURS_AT_REST = 24
"""How long a part of a series may have moved while no audience and no listed report has."""

REPORTS = "reports"


@dataclass(frozen=True, slots=True)
class Sending:
    """Something that was sent, by the id under which its report is found.

    `kind` is `campaign`, `sub_report` (of the campaign `parent`) or `automation` (an e-mail of
    the workflow `parent`); `unsubscribed` is its report's own count, None where it has none;
    `is_late` tells that its opt-outs could not be read before.
    """

    campaign_id: str
    kind: str = "campaign"
    parent: str | None = None
    unsubscribed: int | None = None
    sent_at: str | None = None
    is_late: bool = False

    def is_since(self, horizon: str) -> bool:
        """Whether it was sent after a moment, or may still be."""
        return self.sent_at is None or self.sent_at >= horizon


@dataclass(frozen=True, slots=True)
class Gaps:
    """Of a bucket: the opt-outs that lists lack, and the hour in which that was first seen."""

    total: int = 0
    hour: int = 0


class Counts:
    """The opt-outs of recent sendings at the last run.

    Sendings fall into buckets by their id; each bucket keeps a hash of the counts in it. A
    sending whose bucket is as it was has the count that it had, and its list, if that lacked
    any, has lacked them for a day.

    Beside them is a hash of what the lists of audiences and reports say, with the hour in which the
    reports of parts, which take a request for each series, were last asked for.
    """

    def __init__(self, job: Job) -> None:
        """Start from what the last run left in the state."""
        self._job = job
        self.horizon = _horizon(job, job.reading.since if job.reading else None)
        self._hour = int(datetime.fromisoformat(job.started).timestamp() // 3600)
        known = [int.from_bytes(each) for each in _unpacked(job.state.get("counts"), SUM_BYTES)]
        self._known = known if len(known) == BUCKETS else []
        self._gaps = defaultdict(Gaps, _gaps_in(job.state.get("gaps")) if self._known else {})
        self._listed = 0
        self._lacking: defaultdict[int, list[str]] = defaultdict(list)
        self._noted: list[Sending] = []
        self._sums: list[int] | None = None

    def see(self, row: Row) -> None:
        """Take in what a list says of an audience or a report."""
        self._listed += int.from_bytes(_digest(repr(row), LISTED_BYTES))

    @cached_property
    def is_at_rest(self) -> bool:
        """Whether no audience and no report has moved since the last run; ask after all were seen.

        Figures of audiences and reports may be cached, so parts are asked for once a day in any
        case, and while a list lacks what may still show.
        """
        if self._job.is_first or any(self._is_open(each) for each in self._gaps.values()):
            return False
        digest, _, hour = str(self._job.state.get(REPORTS)).partition(":")
        is_recent = hour.isdecimal() and 0 <= self._hour - int(hour) < HOURS_AT_REST
        return bool(self._known) and is_recent and digest == self._seen

    @property
    def _seen(self) -> str:
        return f"{self._listed % (1 << 8 * LISTED_BYTES):x}"

    def _is_open(self, gaps: Gaps) -> bool:
        return bool(gaps.total) and self._hour - gaps.hour < HOURS_TO_SHOW

    def note(self, sending: Sending) -> None:
        """Count a sending in."""
        self._noted.append(sending)

    def note_gap(self, sending: Sending, gap: int) -> None:
        """Note that the list of a sending lacks some of what its report counts."""
        if sending.is_since(self.horizon):
            text = f"{sending.campaign_id}:{sending.unsubscribed}:{gap}"
            self._lacking[_bucket(sending)].append(text)

    def has_moved(self, sending: Sending) -> bool:
        """Whether a sending may hold more than at the last run; ask after all notes."""
        if self.is_at_rest:
            return False
        if self._sums is None:
            self._sums = self._since(self.horizon)
        bucket = _bucket(sending)
        if not self._known or self._known[bucket] != self._sums[bucket]:
            return True
        return self._is_open(self._gaps[bucket])

    def texts(self) -> dict[str, str | None]:
        """The texts for the state, about what the next run will look at.

        There are none after an `end_date`: what was counted is more than what was emitted.
        """
        reading = self._job.reading
        if reading is None or reading.ends:
            return {"counts": None, "gaps": None, REPORTS: None}
        if self.is_at_rest:
            return {}
        sums = self._since(_horizon(self._job, reading.value))
        read = {_bucket(each) for each in self._noted if self._job.is_first or self.has_moved(each)}
        gaps = [
            self._gaps_now(bucket) if bucket in read else self._gaps[bucket]
            for bucket in range(BUCKETS)
        ]
        packed = b"".join(
            bytes([bucket]) + each.total.to_bytes(SUM_BYTES) + each.hour.to_bytes(HOUR_BYTES)
            for bucket, each in enumerate(gaps)
            if each.total
        )
        counts = b"".join(each.to_bytes(SUM_BYTES) for each in sums)
        return {
            "counts": _text(counts),
            "gaps": _text(packed) or None,
            REPORTS: f"{self._seen}:{self._hour}",
        }

    def _gaps_now(self, bucket: int) -> Gaps:
        before = self._gaps[bucket]
        total = _sum(self._lacking[bucket])
        return Gaps(total, (before.hour if total == before.total else self._hour) if total else 0)

    def _since(self, horizon: str) -> list[int]:
        texts: defaultdict[int, list[str]] = defaultdict(list)
        for sending in self._noted:
            if sending.is_since(horizon):
                texts[_bucket(sending)].append(f"{sending.campaign_id}:{sending.unsubscribed}")
        return [_sum(texts[bucket]) for bucket in range(BUCKETS)]


def _horizon(job: Job, bookmark: str | None) -> str:
    """What was sent before is not looked at again; the tap may not have run for months."""
    return moved(bookmark or job.started, -timedelta(days=job.config["unsubscribe_refresh_days"]))


def _bucket(sending: Sending) -> int:
    return _digest(sending.campaign_id, 1)[0] % BUCKETS


def _sum(texts: Iterable[str]) -> int:
    total: int = sum(int.from_bytes(_digest(text, SUM_BYTES)) for text in texts)
    return total % (1 << 8 * SUM_BYTES)


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _text(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


def _gaps_in(text: Any) -> Iterator[tuple[int, Gaps]]:  # noqa: ANN401 - as below
    for each in _unpacked(text, 1 + SUM_BYTES + HOUR_BYTES):
        total, hour = each[1 : 1 + SUM_BYTES], each[1 + SUM_BYTES :]
        yield each[0], Gaps(int.from_bytes(total), int.from_bytes(hour))


def _unpacked(text: Any, size: int) -> list[bytes]:  # noqa: ANN401 - a state may be edited by hand
    """The parts of a text that are of one size; none if it is not one of ours."""
    try:
        packed = base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return []
    if len(packed) % size:
        return []
    return [packed[start : start + size] for start in range(0, len(packed), size)]
