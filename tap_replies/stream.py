"""A stream as facts, and the loop that turns rows into records."""

from __future__ import annotations

import logging
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from inspect import getattr_static
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import Stream, StreamSchema
from singer_sdk.schema.source import SchemaDirectory
from tqdm import tqdm
from typing_extensions import override

from tap_replies import settings
from tap_replies.batch import manifests
from tap_replies.bookmark import Terms, adopt, begin, surprises
from tap_replies.clean import Cleaner
from tap_replies.errors import (
    AccountError,
    StreamMapError,
    StreamRefusedError,
    TapRepliesError,
    unforeseen,
)
from tap_replies.job import Batch, Job, Tally
from tap_replies.loop import Loop
from tap_replies.output import write_page
from tap_replies.privacy import Privacy

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from singer_sdk.helpers._batch import BaseBatchFileEncoding, BatchConfig
    from singer_sdk.helpers.types import Context, Record

    from tap_replies.paging import Collection
    from tap_replies.privacy import Veil
    from tap_replies.run import Connection, Run
    from tap_replies.source import Request, Row, Source

_PACKAGE = files("tap_replies")
# The wheel carries the schemas inside the package; a checkout keeps them beside it.
SCHEMAS = SchemaDirectory(
    next(place for place in (_PACKAGE / "schemas", _PACKAGE / ".." / "schemas") if place.is_dir())
)
logger = logging.getLogger("tap-replies")


class ApiStream(Stream):
    """A stream of one source: a subclass holds its facts and says where its rows are."""

    schema = StreamSchema(SCHEMAS)
    source: Source
    """The source whose accounts hold this stream's rows; set when the stream is made."""

    overlap_days: ClassVar[str | None] = None
    """The setting that says how many days are read again, instead of `lookback_minutes`."""

    context_keys: ClassVar[frozenset[str]] = frozenset({"account_id"})
    """What tells one of the stream's bookmarks from the others."""

    least_overlap: ClassVar[timedelta] = timedelta(0)
    """How far back is read again in any case."""

    holds_replies: ClassVar[bool] = False
    """Whether a row is something that a customer wrote."""

    past_only: ClassVar[str | None] = None
    """Why nothing new may come any more, which is told where the newest row is old."""

    single_keys: ClassVar[dict[str, bool]] = {}
    """What an object in the setting `only` holds, and whether it must; nothing if it is an id."""

    def batches(self, job: Job) -> Iterator[Batch]:
        """The rows of one account, as the API gives them.

        Raises:
            TapRepliesError: They could not be read whole.
        """
        raise NotImplementedError

    def single(self, job: Job, wanted: Any) -> Iterator[Batch]:  # noqa: ANN401 - as the user wrote it
        """The rows of one object named in the setting `only`.

        Raises:
            GoneError: The account has no such object.
        """
        raise NotImplementedError

    def derive(self, row: Row) -> None:
        """Add what a record holds beyond its row; the row is changed in place."""

    @cached_property
    def gone(self) -> Counter[int]:
        """How many accounts lack an object of `only`, by its place there."""
        return Counter()

    # What the SDK asks of a stream

    @property
    @override
    def partitions(self) -> list[dict[str, Any]] | None:
        """One bookmark per account."""
        if self.replication_method != "INCREMENTAL":
            return None
        return [{"account_id": each.account_id} for each in self.connections()]

    @property
    @override
    def selected(self) -> bool:
        """Whether the catalog selects the stream, and `only` names it where that is set."""
        only = self.config.get("only")
        return bool(super().selected) and (not only or self.name in only)

    @selected.setter
    def selected(self, value: bool | None) -> None:
        Stream.selected.fset(self, value)  # type: ignore[attr-defined]

    @property
    @override
    def emit_activate_version_messages(self) -> bool:
        """Never: a source that suddenly returns nothing would empty the table."""
        return False

    @override
    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """None: the bookmark's own cap is part of `Reading`."""

    @override
    def get_records(self, context: Context | None) -> Iterable[Record]:
        """The cleaned records of all accounts, or of the one that the context names."""
        return self._sync_records(context, write_messages=False)

    def connections(self) -> list[Connection]:
        """The accounts to read."""
        is_whole = not self.config.get("only")
        return self.run.open(self.source, self._foreseen if is_whole else None)

    def opening(self, job: Job) -> Collection | None:  # noqa: ARG002
        """The list with which a reading begins, if there is one."""
        return None

    def _foreseen(self, connection: Connection, now: str) -> Request | None:
        """What a reading begins with, if the only bookmark is that of the account."""
        states = self.stream_state.get("partitions") or [self.stream_state]
        if len(states) > 1:
            return None
        listed = self.opening(self.job(connection, dict(states[0]), now))
        return listed.paging.at(listed.request, 0) if listed else None

    @property
    def run(self) -> Run:
        """What all streams of this run share."""
        run: Run = self._tap.run  # type: ignore[attr-defined]
        return run

    def write_state(self) -> None:
        """Write the state as it is now, if it changed."""
        self._tap.state_writer.write_state(self.tap_state)

    @override
    def _sync_records(
        self, context: Context | None = None, *, write_messages: bool = True
    ) -> Generator[Record, None, None]:
        """Read every account; write pages of records, or yield records if not `write_messages`.

        Instead of the SDK's loop, which goes on to the next account only if nothing failed,
        moves the bookmark with every record, and writes record by record.
        """
        for page in self._synced(writes=write_messages):
            if not write_messages:
                yield from page

    @override
    def get_batches(
        self, batch_config: BatchConfig, context: Context | None = None
    ) -> Iterable[tuple[BaseBatchFileEncoding, list[str]]]:
        """The files of all accounts; written page by page, not record by record as by the SDK."""
        name = f"{self.tap_name}--{self.name}"
        schema = self.effective_schema
        with closing(self._synced(writes=False)) as pages:
            for manifest in manifests(pages, name, batch_config, schema, self._is_selected):
                yield batch_config.encoding, manifest

    def _is_selected(self, breadcrumb: tuple[str, ...]) -> bool:
        return bool(self.mask[breadcrumb])

    def _synced(self, *, writes: bool) -> Generator[list[Record], None, None]:
        """The records of all accounts, page by page; as messages too where it `writes`."""
        written = 0
        with self.get_record_counter() as counter, self.get_sync_timer() as timer:
            for connection in self.connections():
                counter.with_context({"account_id": connection.account_id})
                timer.with_context({"account_id": connection.account_id})
                for tally, records in self._guarded(connection, writes_state=writes):
                    limit = self.ABORT_AT_RECORD_COUNT
                    page = records if limit is None else records[: limit - written]
                    if writes:
                        try:
                            writer = self._tap.message_writer
                            tally.emitted += write_page(writer, self.stream_maps, page)
                        except StreamMapError as error:
                            self.run.fail(f"stream_maps: {self.name}: {error}")
                            break
                        self.state_manager.is_flushed = False
                    else:
                        tally.emitted += len(page)
                    yield page
                    counter.increment(len(page))
                    written += len(page)
                    if limit is not None and len(page) < len(records):
                        return

    def _guarded(
        self, connection: Connection, *, writes_state: bool
    ) -> Iterator[tuple[Tally, list[Record]]]:
        """The records of one account, and their count; what fails is noted, its bookmark stays.

        In BATCH mode the SDK writes the state after the files; records may wait for theirs.
        """
        job = self._job(connection)
        job.writes_state = writes_state
        cleaner = Cleaner(self.effective_schema, self._is_selected)
        started = time.monotonic()
        bar = tqdm(desc=self.name, unit=" records", disable=not sys.stderr or None, leave=False)
        try:
            with closing(self._pages(job, cleaner)) as pages, bar:
                for records in pages:
                    bar.update(len(records))
                    bar.total = max(job.tally.expected, bar.n)
                    yield job.tally, records
        except StreamRefusedError as error:
            advice = error.advice(self.name, job.account_id, is_partial=job.refused is error)
            self.run.leave_out(advice, strict=self.config["strict"])
        except AccountError as error:
            connection.problem = str(error)
            self.run.fail(str(error))
        except TapRepliesError as error:
            self.run.fail(f"{self.name}, account {job.account_id}: {error}")
        except Exception as error:  # noqa: BLE001 - whatever it is, the other streams go on
            self.run.fail(f"{self.name}, account {job.account_id}: {unforeseen(error)}")
        finally:
            logger.info(job.summary(cleaner.changed, cleaner.unknown, time.monotonic() - started))
        if job.tally.skipped and self.config["strict"]:
            self.run.fail(f"{self.name}, account {job.account_id}: objects were skipped (strict)")

    def _pages(self, job: Job, cleaner: Cleaner) -> Generator[list[Record], None, None]:
        """The records of one account, page by page."""
        return Loop(self, job, cleaner, self.run.listen(self, job)).records()

    def veil(self, job: Job, cleaner: Cleaner) -> Veil | None:
        """What hides whom cleaned records are about; None if the settings hide nothing of them.

        A catalog does not keep what the schema declares personal, so the tap's own is asked.
        """
        privacy, account = Privacy(self.config), job.connection.account
        return privacy.veil(self.declared(), self.effective_schema, account, cleaner.changed)

    @classmethod
    def declared(cls) -> Mapping[str, Any]:
        """The schema as its file has it."""
        found: Mapping[str, Any] = getattr_static(cls, "schema").get_stream_schema(cls, cls)
        return found

    def _job(self, connection: Connection) -> Job:
        state: dict[str, Any] = {}
        if self._goes_on_by:
            state = self.get_context_state({"account_id": connection.account_id})
            adopt(self.stream_state, state)
        job = self.job(connection, state, self.run.started(connection))
        if job.reading:
            for message in surprises(state, job.reading, connection.account.setting("filters")):
                logger.warning("%s, account %s: %s", self.name, job.account_id, message)
        return job

    @property
    def _goes_on_by(self) -> str | None:
        """The replication key, if a reading goes on from where the one before has ended."""
        is_whole = self.replication_method != "INCREMENTAL" or self.config.get("only")
        return None if is_whole else self.replication_key

    def job(self, connection: Connection, state: dict[str, Any], now: str) -> Job:
        """The stream being read for an account, going on from a state."""
        if not (key := self._goes_on_by):
            return Job(self.name, connection, self.config, None, {}, now)
        overlap = max(timedelta(minutes=self.config["lookback_minutes"]), self.least_overlap)
        if self.overlap_days:
            overlap = timedelta(days=self.config[self.overlap_days])
        start, end = (settings.moment(self.config, name) for name in ("start_date", "end_date"))
        filters = connection.account.values.get("filters") or {}
        terms = Terms(start, end, now, filters)
        reading = begin(key, self.primary_keys, state, overlap, terms)
        return Job(self.name, connection, self.config, reading, state, now)
