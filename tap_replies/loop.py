"""The record loop of a stream and account: rows in, records out, bookmarks where it is safe."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from tap_replies.errors import GoneError, ResultMismatchError, masked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from singer_sdk.helpers.types import Record

    from tap_replies.clean import Cleaner
    from tap_replies.job import Batch, Job
    from tap_replies.stream import ApiStream

STATE_EVERY = 10_000
"""Records between two STATE messages of a stream that can resume in the middle."""

logger = logging.getLogger("tap-replies")


class Loop:
    """Reads one stream for one account."""

    def __init__(self, stream: ApiStream, job: Job, cleaner: Cleaner) -> None:
        """Prepare; nothing is asked yet."""
        self._stream = stream
        self._job = job
        self._cleaner = cleaner
        self._config = job.config

    def records(self) -> Generator[list[Record], None, None]:
        """The records, page by page; the bookmark moves where that is safe.

        Raises:
            TapRepliesError: They could not be read whole; the bookmark stays.
        """
        job = self._job
        if only := self._config.get("only"):
            yield from self._only(only[self._stream.name])
            return
        since_state = 0
        for batch in self._stream.batches(job):
            records = self._cleaned(batch)
            if job.reading:
                records = job.reading.new(records)
            if records:
                yield records
                since_state += len(records)
            # Before the bookmark, rows are kept back: a state must not count them as handed over.
            since = job.reading.since if job.reading else None
            if (batch.complete_to or "") > (since or "") and not self._lacks:
                yield from self._held_back()
                self._move()
                if since_state >= STATE_EVERY:
                    self._write_state()
                    since_state = 0
        self._check_count()
        yield from self._held_back()
        self._move()
        job.state.update(job.after)
        self._write_state()

    def _held_back(self) -> Iterator[list[Record]]:
        if self._job.reading and (held := list(self._job.reading.rest())):
            yield held

    def _move(self) -> None:
        """Write the bookmark; everything up to it has been handed over."""
        reading, state = self._job.reading, self._job.state
        if reading and reading.value:
            state["replication_key"] = reading.key
            state["replication_key_value"] = reading.value
            state["overlap"] = reading.fingerprint
            if reading.begun:
                state["start_date"] = reading.begun

    def _write_state(self) -> None:
        if self._job.writes_state:
            self._stream.write_state()

    def _cleaned(self, batch: Batch) -> list[Record]:
        job, cleaner = self._job, self._cleaner
        columns = cleaner.columns({"account_id": job.account_id, **batch.columns})
        for row in batch.rows:
            self._stream.derive(row)
        keys = self._stream.primary_keys
        records = [cleaner(row, columns, is_dirty=batch.is_dirty) for row in batch.rows]
        whole = [record for record in records if all(record.get(key) is not None for key in keys)]
        job.tally.without_key += len(records) - len(whole)
        return whole

    def _only(self, wanted: Sequence[Any]) -> Iterator[list[Record]]:
        stream = self._stream
        for place, each in enumerate(wanted):
            try:
                for batch in stream.single(self._job, each):
                    yield self._cleaned(batch)
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
        return self._job.tally.missing > 0 and self._config["on_count_mismatch"] == "fail"

    def _check_count(self) -> None:
        missing = self._job.tally.missing
        if not missing or self._config["on_count_mismatch"] == "ignore":
            return
        message = f"the API counts {missing} rows more than it gave in two readings"
        if self._lacks:
            raise ResultMismatchError(message)
        logger.warning("%s, account %s: %s", self._stream.name, self._job.account_id, message)
