"""The stream `replies`: everything that was said, whichever the source, in one shape."""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from tap_replies import settings
from tap_replies.bookmark import Terms, begin, surprises
from tap_replies.clean import Cleaner
from tap_replies.errors import (
    AccountError,
    GoneError,
    RequestFailedError,
    StreamRefusedError,
)
from tap_replies.job import Job
from tap_replies.listener import Listener, own_state
from tap_replies.loop import Loop
from tap_replies.reply import Authors, bare
from tap_replies.stream import ApiStream
from tap_replies.telling import Part, Telling
from tap_replies.timing import UNTIMED

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from singer_sdk.helpers.types import Record

    from tap_replies.bookmark import Reading
    from tap_replies.errors import TapRepliesError
    from tap_replies.feed import Feed, Feeds
    from tap_replies.run import Connection
    from tap_replies.spool import Spool

TOLD = "told"
"""Where the fingerprint of the emitted rows lies in the state of a feed."""

SINCE = "replication_key_value"

logger = logging.getLogger("tap-replies")


class Replies(ApiStream):
    """One row per message and per reason for leaving.

    It is read last. What the raw streams of the run have read is not asked for again.
    """

    name = "replies"
    primary_keys = ("account_id", "reply_id")
    replication_key = "sent_at"
    context_keys = frozenset({"account_id", "source"})

    @override
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._spools: dict[Connection, Spool] = {}
        self._listeners: dict[tuple[Connection, str], Listener] = {}

    @property
    @override
    def partitions(self) -> list[dict[str, Any]] | None:
        """One bookmark per account; accounts of two sources may have the same id."""
        if self.replication_method != "INCREMENTAL":
            return None
        return [_context(each) for each in self.connections()]

    @override
    def connections(self) -> list[Connection]:
        """The accounts of all sources."""
        return [each for each in self.run.open() if each.account.source.feeds().feeds]

    def listen(self, stream: ApiStream, job: Job) -> Listener | None:
        """Hear a raw stream being read, if what it reads is all that `replies` needs of it."""
        if not self.selected or not job.reading:
            return None
        feeds: Feeds = stream.source.feeds()
        for place, feed in enumerate(feeds.feeds):
            if type(stream) is feed.stream and self._is_enough(stream, job, feed):
                listener = Listener(feed, place, job, self._spool(job.connection))
                self._listeners[job.connection, stream.name] = listener
                return listener
        return None

    # One account

    @override
    def _job(self, connection: Connection) -> Job:
        is_incremental = self.replication_method == "INCREMENTAL"
        state = self.get_context_state(_context(connection)) if is_incremental else {}
        return Job(self.name, connection, self.config, None, state, self.run.now())

    @override
    def _pages(self, job: Job, cleaner: Cleaner) -> Generator[list[Record], None, None]:
        feeds: Feeds = job.connection.account.source.feeds()
        with closing(self._spool(job.connection)) as spool:
            del self._spools[job.connection]
            heard = self._all_heard(job, feeds, spool)
            readings = {place: self._reading(job, each) for place, each in heard.items()}
            if behind := next((each for each in readings.values() if each.leaves_out), None):
                for message in surprises({}, behind, ""):
                    logger.warning("%s, account %s: %s", self.name, job.account_id, message)
            job.tally.counted_by = "its feeds"
            for listener in heard.values():
                job.tally.read += listener.heard
                job.tally.expected += listener.heard
                job.tally.notes[f"from {listener.feed.stream.name}"] += listener.heard
            authors = self._authors(job, feeds, spool)
            for place in range(len(feeds.feeds)):
                if place not in heard:
                    spool.forget(place)
            parts = {
                place: Part(each.lower, readings[place], each.feed.is_late, not each.is_partial)
                for place, each in heard.items()
            }
            telling = Telling(job, cleaner, authors, parts, self.veil(job, cleaner))
            yield from telling.records(spool.told())
            yield []  # the bookmark moves next
            self._move(job, heard, readings)

    def _spool(self, connection: Connection) -> Spool:
        from tap_replies.spool import Spool  # noqa: PLC0415 - a database, only where it is needed

        if connection not in self._spools:
            self._spools[connection] = Spool()
            self.run.kept.callback(self._spools[connection].close)
        return self._spools[connection]

    def _is_enough(self, stream: ApiStream, job: Job, feed: Feed) -> bool:
        """Whether a raw stream's reading finds all that one by the bookmark of `replies` would."""
        given = stream.effective_schema["properties"]
        has_columns = all(
            _has(name, given, stream.schema["properties"], stream.mask) for name in feed.columns
        )
        if not has_columns or job.is_first:
            return has_columns
        known = self._feed_states(job.connection).get(stream.name, {})
        is_later = (job.state.get(SINCE) or "") > (known.get(SINCE) or "")
        return not is_later and _beside(known) == _beside(own_state(job.state))

    def _feed_states(self, connection: Connection) -> dict[str, dict[str, Any]]:
        """What is noted of each feed, as its own stream notes it; nothing where it is none."""
        if self.replication_method != "INCREMENTAL":
            return {}
        found = self.get_context_state(_context(connection)).get("feeds")
        return found if isinstance(found, dict) else {}

    def _all_heard(self, job: Job, feeds: Feeds, spool: Spool) -> dict[int, Listener]:
        """What each feed said, by its place; those that may not be read are left out."""
        heard: dict[int, Listener] = {}
        for place, feed in enumerate(feeds.feeds):
            name = feed.stream.name
            if feed.is_optional and not self._tap.streams[name].selected:
                continue
            try:
                heard[place] = self._heard(job, place, feed, spool)
                if error := heard[place].error:
                    self._leave_out(job, f"a part of {name}", error)
            except StreamRefusedError as error:
                self._leave_out(job, name, error)
            if len(spool) and self.ABORT_AT_RECORD_COUNT is not None:
                break
        return heard

    def _heard(self, job: Job, place: int, feed: Feed, spool: Spool) -> Listener:
        """What a feed said in this run, read anew if its own stream did not tell all of it."""
        listener = self._listeners.pop((job.connection, feed.stream.name), None)
        if listener and listener.is_partial:
            return listener
        if listener and listener.error:
            if isinstance(listener.error, (StreamRefusedError, AccountError)):
                raise listener.error
            msg = f"{feed.stream.name}, of which it is made, could not be read whole"
            raise RequestFailedError(msg)
        if listener and listener.state is not None:
            return listener
        spool.forget(place)
        stream: ApiStream = feed.stream(tap=self._tap)
        stream.source = job.connection.account.source
        for breadcrumb, metadata in stream.metadata.items():
            metadata.selected = not breadcrumb or breadcrumb[1] in feed.columns
        stream.selected = True
        state = own_state(self._feed_states(job.connection).get(stream.name, {}))
        own = stream.job(job.connection, state, self.run.started(job.connection))
        own.writes_state = False
        listener = Listener(feed, place, own, spool)
        cleaner = Cleaner(stream.schema, lambda crumb: bool(stream.mask[crumb]))
        try:
            for _ in Loop(stream, own, cleaner, listener).records():
                if listener.heard and self.ABORT_AT_RECORD_COUNT is not None:
                    break
        except StreamRefusedError:
            if not listener.is_partial:
                raise
        job.tally.skipped.update(own.tally.skipped)
        job.tally.missing.update(own.tally.missing)
        return listener

    def _leave_out(self, job: Job, what: str, error: TapRepliesError) -> None:
        message = f"{self.name}, account {job.account_id}: without {what}: {error}"
        self.run.leave_out(message, strict=self.config["strict"])

    def _reading(self, job: Job, listener: Listener) -> Reading:
        """Which of a feed's rows are new to those who load `replies`."""
        state = self._feed_states(job.connection).get(listener.feed.stream.name, {})
        overlap = timedelta(minutes=self.config["lookback_minutes"])
        start, end = (settings.moment(self.config, name) for name in ("start_date", "end_date"))
        known = {**state, "overlap": state.get(TOLD, "")}
        terms = Terms(start, end, job.started, job.filters)
        reading = begin(self.replication_key or "", self.primary_keys, known, overlap, terms)
        reading.passing = UNTIMED
        # What was read may be newer than all that was said in it.
        reading.newest = (listener.state or {}).get(SINCE, reading.newest)
        return reading

    def _authors(self, job: Job, feeds: Feeds, spool: Spool) -> Authors:
        """Who is who in this account; the staff is asked for only if there is anything to tell."""
        staff = {*map(bare, job.connection.profile.addresses)}
        if spool.has_unsure():
            try:
                staff |= set(map(bare, feeds.staff(job.fetcher)))
            except (StreamRefusedError, GoneError) as error:
                self.run.tell(
                    f"{self.name}, account {job.account_id}: the list of staff may not be read, so "
                    f"staff_domains alone tells who of them wrote from elsewhere: {error}"
                )
        return Authors(
            frozenset(filter(None, staff)),
            frozenset(
                (bare(each) or "").lstrip("@")
                for each in settings.texts(self.config, "staff_domains")
            ),
            list(filter(None, map(bare, settings.texts(self.config, "system_senders")))),
        )

    def _move(
        self, job: Job, heard: Mapping[int, Listener], readings: Mapping[int, Reading]
    ) -> None:
        """Write the bookmark, and what each feed noted; everything up to it was handed over."""
        if self.ABORT_AT_RECORD_COUNT is not None:
            return
        states = dict(self._feed_states(job.connection))
        for place, listener in heard.items():
            if not listener.is_partial:
                told = {TOLD: readings[place].fingerprint}
                states[listener.feed.stream.name] = {**(listener.state or {}), **told}
        job.state["feeds"] = states
        values = [each.get(SINCE) for each in states.values()]
        # Only up to the bookmark of the feed that lags most has everything been handed over.
        if known := min(filter(None, values), default=None):
            job.state["replication_key"] = self.replication_key
            job.state[SINCE] = known
        if job.writes_state:
            self.write_state()


def _context(connection: Connection) -> dict[str, Any]:
    return {"account_id": connection.account_id, "source": connection.account.source.name}


def _beside(state: Mapping[str, Any]) -> dict[str, Any]:
    """What the state of a feed holds beside its bookmark, and what was emitted of its overlap."""
    own = (SINCE, "start_date", TOLD)
    return {name: value for name, value in state.items() if name not in own}


def _has(
    name: str,
    given: Mapping[str, Any],
    whole: Mapping[str, Any],
    mask: Mapping[tuple[str, ...], bool],
    above: tuple[str, ...] = (),
) -> bool:
    """Whether a column is read with all that it holds."""
    crumb = (*above, "properties", name)
    if name not in given or not mask[crumb]:
        return False
    inner = whole[name].get("items", whole[name]).get("properties", {})
    below = given[name].get("items", given[name]).get("properties", {})
    return all(_has(each, below, inner, mask, crumb) for each in inner)
