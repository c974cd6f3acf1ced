"""What the reports of recent sendings counted at the last run, in a few bytes of each."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tap_replies.times import moved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.job import Job
    from tap_replies.source import Row

BYTES = 5
"""Of a hash: with a million sendings, one that moved is taken for another once in a million."""

GAP_BYTES = 3
HOUR_BYTES = 3

HOURS_TO_SHOW = 24
"""How long a list may lack what its report counts before it will never show it: the contact was
deleted for good."""

HOURS_AT_REST = 24
"""How long a part of a series may have moved while no audience and no listed report has."""

REPORTS = "reports"
OWED = "owed"
"""In the state: hashes of the sendings whose lists could not be read so far."""


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
class Gap:
    """What the list of a sending lacked, as a hash, and the hour in which that was first seen."""

    lacking: bytes
    hour: int


class Counts:
    """The opt-outs of recent sendings at the last run.

    Of each there is a hash of its id and count. One whose hash is there has the count that it had,
    and its list, if that lacked any, has lacked them for a day.

    Beside them is a hash of what the lists of audiences and reports say, with the hour in which the
    reports of parts, which take a request for each series, were last asked for; and a hash of each
    sending, and of each series of one, whose list was asked for in vain, as if it were gone.
    """

    def __init__(self, job: Job) -> None:
        """Start from what the last run left in the state."""
        self._job = job
        self.horizon = _horizon(job, job.reading.since if job.reading else None)
        self._hour = int(datetime.fromisoformat(job.started).timestamp() // 3600)
        self._known = frozenset(_unpacked(job.state.get("counts"), BYTES))
        self._owed = frozenset(_unpacked(job.state.get(OWED), BYTES))
        self._gaps = dict(_gaps_in(job.state.get("gaps")))
        self._listed = 0
        self._noted: dict[str, Sending] = {}
        self._unread: set[str] = set()
        self._lacking: dict[str, bytes] = {}

    def see(self, row: Row) -> None:
        """Take in what a list says of an audience or a report."""
        self._listed += int.from_bytes(_digest(repr(row), BYTES))

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
        return is_recent and digest == self._seen

    @property
    def _seen(self) -> str:
        return f"{self._listed % (1 << 8 * BYTES):x}"

    def _is_open(self, gap: Gap) -> bool:
        return self._hour - gap.hour < HOURS_TO_SHOW

    def note(self, sending: Sending) -> None:
        """Count a sending in; a later note of the same replaces the one before."""
        self._noted[sending.campaign_id] = sending

    def note_due(self, sending: Sending) -> None:
        """Note that the list of a sending is asked for."""
        self._unread.add(sending.campaign_id)

    def note_read(self, sending: Sending, gap: int) -> None:
        """Note that it was read, and how many it lacks of what the report counts."""
        self._unread.discard(sending.campaign_id)
        if gap:
            lacking = _digest(f"{sending.unsubscribed}:{gap}", GAP_BYTES)
            self._lacking[sending.campaign_id] = lacking

    def has_moved(self, sending: Sending) -> bool:
        """Whether a sending may hold more than at the last run; ask after all notes."""
        if self.is_at_rest:
            return False
        gap = self._gaps.get(_digest(sending.campaign_id, BYTES))
        return _count(sending) not in self._known or (gap is not None and self._is_open(gap))

    def is_owed(self, sending: Sending) -> bool:
        """Whether the list of a sending could not be read so far."""
        return _digest(sending.campaign_id, BYTES) in self._owed

    def owes_parts(self, series: Sending) -> bool:
        """Whether that of a part of a series could not."""
        return _series(series.campaign_id) in self._owed

    def texts(self) -> dict[str, str | None]:
        """The texts for the state, about what the next run will look at.

        After an `end_date` there is only what is owed: more was counted than emitted. A list that
        was asked for in vain is asked for again, and all of it is wanted.
        """
        reading = self._job.reading
        owed = self._owed_now()
        if reading is None or reading.ends:
            return {"counts": None, "gaps": None, REPORTS: None, OWED: owed}
        if self.is_at_rest:
            return {REPORTS: None, OWED: owed} if owed else {}
        horizon = _horizon(self._job, reading.value)
        recent = [each for each in self._noted.values() if each.is_since(horizon)]
        gaps = {_digest(each.campaign_id, BYTES): self._gap_now(each) for each in recent}
        read = [each for each in recent if each.campaign_id not in self._unread]
        packed = b"".join(
            name + gap.lacking + gap.hour.to_bytes(HOUR_BYTES)
            for name, gap in sorted(gaps.items())
            if gap
        )
        return {
            "counts": _text(b"".join(sorted(map(_count, read)))),
            "gaps": _text(packed) or None,
            REPORTS: None if owed else f"{self._seen}:{self._hour}",
            OWED: owed,
        }

    def _owed_now(self) -> str | None:
        """What is still owed: not what no list tells of any more, if all lists could be read."""
        owed: set[bytes] = set()
        for name in self._unread:
            owed.add(_digest(name, BYTES))
            if (sending := self._noted[name]).kind == "sub_report":
                owed.add(_series(sending.parent))
        tally, reading = self._job.tally, self._job.reading
        if reading and reading.ends:
            owed |= self._owed
        elif tally.missing.total() or tally.skipped.total():
            owed |= self._owed - {_digest(name, BYTES) for name in self._noted}
        return _text(b"".join(sorted(owed))) or None

    def _gap_now(self, sending: Sending) -> Gap | None:
        before = self._gaps.get(_digest(sending.campaign_id, BYTES))
        is_read = self._job.is_first or self.has_moved(sending)
        if not is_read or sending.campaign_id in self._unread:
            return before
        lacking = self._lacking.get(sending.campaign_id)
        if lacking is None or (before and before.lacking == lacking):
            return before if lacking else None
        return Gap(lacking, self._hour)


def _horizon(job: Job, bookmark: str | None) -> str:
    """What was sent before is not looked at again; the tap may not have run for months."""
    return moved(bookmark or job.started, -timedelta(days=job.config["unsubscribe_refresh_days"]))


def _count(sending: Sending) -> bytes:
    return _digest(f"{sending.campaign_id}:{sending.unsubscribed}", BYTES)


def _series(campaign: str | None) -> bytes:
    return _digest(f"{campaign}/", BYTES)


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _text(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


def _gaps_in(text: Any) -> Iterator[tuple[bytes, Gap]]:  # noqa: ANN401 - as below
    for each in _unpacked(text, BYTES + GAP_BYTES + HOUR_BYTES):
        name, lacking, hour = each[:BYTES], each[BYTES:-HOUR_BYTES], each[-HOUR_BYTES:]
        yield name, Gap(lacking, int.from_bytes(hour))


def _unpacked(text: Any, size: int) -> list[bytes]:  # noqa: ANN401 - a state may be edited by hand
    """The parts of a text that are of one size; none if it is not one of ours."""
    try:
        packed = base64.b64decode(text or "", validate=True)
    except (binascii.Error, TypeError, ValueError):
        return []
    if len(packed) % size:
        return []
    return [packed[start : start + size] for start in range(0, len(packed), size)]
