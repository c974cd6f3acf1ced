"""What reports counted at the last run, in texts whose size is constant."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tap_replies.times import moved

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tap_replies.job import Job

BUCKETS = 32
SUM_BYTES = 5
HOUR_BYTES = 3

HOURS_TO_SHOW = 24
"""How long a list may lack what its report counts before it will never show it: the contact was
deleted for good."""


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
    """

    def __init__(self, job: Job) -> None:
        """Start from what the last run left in the state."""
        self._job = job
        self.horizon = _horizon(job, job.reading.since if job.reading else None)
        self._hour = int(datetime.fromisoformat(job.started).timestamp() // 3600)
        known = _unpacked(job.state.get("counts"), SUM_BYTES)
        self._known = [int.from_bytes(each) for each in known]
        gaps = _unpacked(job.state.get("gaps"), SUM_BYTES + HOUR_BYTES)
        self._gaps = [
            Gaps(int.from_bytes(each[:SUM_BYTES]), int.from_bytes(each[SUM_BYTES:]))
            for each in gaps
        ] or [Gaps()] * BUCKETS
        self._lacking: defaultdict[int, list[str]] = defaultdict(list)
        self._noted: list[Sending] = []
        self._sums: list[int] | None = None

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
        if self._sums is None:
            self._sums = self._since(self.horizon)
        bucket = _bucket(sending)
        if not self._known or self._known[bucket] != self._sums[bucket]:
            return True
        gaps = self._gaps[bucket]
        return bool(gaps.total) and self._hour - gaps.hour < HOURS_TO_SHOW

    def texts(self) -> dict[str, str | None]:
        """The texts for the state, about what the next run will look at.

        There are none after an `end_date`: what was counted is more than what was emitted.
        """
        reading = self._job.reading
        if reading is None or reading.ends:
            return {"counts": None, "gaps": None}
        sums = self._since(_horizon(self._job, reading.value))
        read = {_bucket(each) for each in self._noted if self._job.is_first or self.has_moved(each)}
        gaps = [
            self._gaps_now(bucket) if bucket in read else self._gaps[bucket]
            for bucket in range(BUCKETS)
        ]
        packed = b"".join(
            each.total.to_bytes(SUM_BYTES) + each.hour.to_bytes(HOUR_BYTES) for each in gaps
        )
        counts = b"".join(each.to_bytes(SUM_BYTES) for each in sums)
        return {"counts": _text(counts), "gaps": _text(packed) if any(packed) else None}

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


def _unpacked(text: Any, size: int) -> list[bytes]:  # noqa: ANN401 - a state may be edited by hand
    """The buckets in a text; none if it is not one of ours."""
    try:
        packed = base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return []
    if len(packed) != BUCKETS * size:
        return []
    return [packed[start : start + size] for start in range(0, len(packed), size)]
