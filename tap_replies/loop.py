"""The record loop of a stream and account: rows in, records out, bookmarks where it is safe."""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from tap_replies.errors import GoneError, ResultMismatchError, TapRepliesError, masked
from tap_replies.times import moved

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from singer_sdk.helpers.types import Record

    from tap_replies.clean import Cleaner
    from tap_replies.job import Batch, Job
    from tap_replies.listener import Listener
    from tap_replies.privacy import Veil
    from tap_replies.stream import ApiStream

STATE_EVERY = 10_000
"""Records between two STATE messages of a stream that can resume in the middle."""

OLD = timedelta(days=90)

logger = logging.getLogger("tap-replies")


class Loop:
    """Reads one stream for one account."""

    def __init__(
        self, stream: ApiStream, job: Job, cleaner: Cleaner, listener: Listener | None = None
    ) -> None:
        """Prepare; nothing is asked yet. The listener hears all that is read."""
        self._stream = stream
        self._job = job
        self._cleaner = cleaner
        self._config = job.config
        self._keys = [itemgetter(name) for name in stream.primary_keys]
        self._listener = listener

    def records(self) -> Generator[list[Record], None, None]:
        """The records, page by page; the bookmark moves where that is safe.

        Before it moves comes a page without records: all before must have been handed over.

        Raises:
            TapRepliesError: They could not be read whole; the bookmark stays.
            StreamRefusedError: The account may not read them, or some of them.
        """
        if only := self._config.get("only"):
            yield from self._only(only[self._stream.name])
            self._check_count()
            return
        try:
            yield from self._all()
        except TapRepliesError as error:
            if self._listener:
                self._listener.error = error
            raise
        if self._listener:
            self._listener.end()

    def _all(self) -> Iterator[list[Record]]:
        job = self._job
        since_state = 0
        for batch in self._stream.batches(job):
            records = self._veiled(self._cleaned(batch))
            if job.reading:
                records = job.reading.new(records, is_late=batch.is_late)
            if records:
                yield records
                since_state += len(records)
            # Before the bookmark, rows are kept back: a state must not count them as handed over.
            since = job.reading.since if job.reading else None
            if (batch.complete_to or "") > (since or "") and not self._lacks:
                yield from self._held_back()
                yield []
                self._move()
                if since_state >= STATE_EVERY:
                    self._write_state()
                    since_state = 0
        self._check_count()
        yield from self._held_back()
        if job.refused:
            # Rows of a part that was refused midway may have gone out, unlike in the next run.
            job.state.pop("overlap", None)
            raise job.refused
        yield []
        self._move()
        for name, value in job.after.items():
            job.state.pop(name, None)
            if value:
                job.state[name] = value
        self._write_state()
        self._tell_age()

    def _tell_age(self) -> None:
        """Say that the newest row is old, where that is the API's doing; not for chosen dates."""
        stream, reading = self._stream, self._job.reading
        if not stream.past_only or not reading or reading.ends or not reading.newest:
            return
        if reading.newest < moved(self._job.started, -OLD):
            stream.run.tell(
                f"{stream.name}, account {self._job.account_id}: the newest row is of "
                f"{reading.newest[:10]}: {stream.past_only}"
            )

    def _held_back(self) -> Iterator[list[Record]]:
        if self._job.reading:
            yield from self._job.reading.rest()

    def _move(self) -> None:
        """Write the bookmark; everything up to it has been handed over."""
        reading, state = self._job.reading, self._job.state
        if reading and reading.value:
            state["replication_key"] = reading.key
            state["replication_key_value"] = reading.value
            state["overlap"] = reading.fingerprint
            for name in reading.terms:
                state.pop(name, None)
            state |= {name: text for name, text in reading.terms.items() if text}

    def _write_state(self) -> None:
        if self._job.writes_state:
            self._stream.write_state()

    def _cleaned(self, batch: Batch) -> list[Record]:
        job, cleaner = self._job, self._cleaner
        columns = cleaner.columns({"account_id": job.account_id, **batch.columns})
        derive = self._stream.derive
        for row in batch.rows:
            derive(row)
        records = cleaner.records(batch.rows, columns, is_dirty=batch.is_dirty)
        for key in self._keys:
            if None in map(key, records):
                whole = [record for record in records if key(record) is not None]
                job.tally.without_key += len(records) - len(whole)
                records = whole
        if self._listener:
            self._listener.hear(records, batch.about, is_late=batch.is_late)
        return records

    @cached_property
    def _veil(self) -> Veil | None:
        return self._stream.veil(self._job, self._cleaner)

    def _veiled(self, records: list[Record]) -> list[Record]:
        return list(map(self._veil, records)) if self._veil else records

    def _only(self, wanted: Sequence[Any]) -> Iterator[list[Record]]:
        stream = self._stream
        for place, each in enumerate(wanted):
            try:
                for batch in stream.single(self._job, each):
                    yield self._veiled(self._cleaned(batch))
            except GoneError:
                stream.gone[place] += 1
                if stream.gone[place] == (accounts := len(stream.connections())):
                    where = f"account {self._job.account_id}" if accounts == 1 else "any account"
                    stream.run.fail(
                        f"only: {stream.name} {masked(str(each))} does not exist in {where}"
                    )

    @property
    def _lacks(self) -> bool:
        """Whether rows are missing without which the reading is to fail."""
        tally = self._job.tally
        is_short = tally.missing.total() + tally.unproven + tally.without_key > 0
        return is_short and self._config["on_count_mismatch"] == "fail"

    def _check_count(self) -> None:
        tally = self._job.tally
        missing = tally.missing.total()
        told = {
            f"the API counts {missing} rows more than it gave": missing,
            f"{tally.without_key} rows lack what their key is made of": tally.without_key,
            f"the API does not say how many rows it holds ({tally.unproven} lists)": tally.unproven,
        }
        if not any(told.values()) or self._config["on_count_mismatch"] == "ignore":
            return
        message = "; ".join(text for text, figure in told.items() if figure)
        if self._lacks:
            raise ResultMismatchError(message)
        logger.warning("%s, account %s: %s", self._stream.name, self._job.account_id, message)
