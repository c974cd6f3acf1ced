"""One credential's requests: many in flight, and retried."""

from __future__ import annotations

import logging
import queue
import threading
from concurrent.futures import CancelledError, Future
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import backoff

from tap_replies.ahead import wait_for_one
from tap_replies.answers import decode
from tap_replies.asking import Asked
from tap_replies.errors import GoneError, RequestFailedError, StreamRefusedError
from tap_replies.limits import Limiter, Usage
from tap_replies.wire import RetryError, Wire

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_replies.answers import Document
    from tap_replies.errors import Refusal
    from tap_replies.limits import Clock, Limits, Stop
    from tap_replies.source import Api, Request

LONGEST_WAIT = 120.0
"""Seconds between two tries, with no word from the server."""

ROOM_SECONDS = 0.1
"""At most so long the first wait is after too many requests at once."""

SMALLEST_PAGE = 10

logger = logging.getLogger("tap-replies")


class Coming(Future[list["Document"]]):
    """An answer that is on its way, as the documents of its parts."""

    is_wanted = True
    """Whether a request that fails is to be tried again."""


class Fetcher:
    """All requests of one credential.

    Requests run on `max_connections` threads; answers are handed over on the caller's thread,
    as bytes.
    """

    def __init__(self, api: Api, label: str, limits: Limits, clock: Clock, stop: Stop) -> None:
        """Prepare; nothing is sent and no thread started before the first request."""
        self.usage = Usage()
        """What was asked, without what is foreseen: that counts once it is wanted."""

        self._early = Usage()
        self._label = label
        self._limits = limits
        self._clock = clock
        self._stop = stop
        self._limiter = Limiter(
            limits.max_connections,
            limits.max_requests_per_minute,
            clock,
            learns_quota=limits.learns_quota,
        )
        self._held = 0
        self._foreseen: tuple[Request, Coming] | None = None
        self.max_connections = limits.max_connections
        self._page_sizes: dict[str, int] = {}
        self._jobs: queue.SimpleQueue[tuple[Request, Coming] | None]
        self._jobs = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._wire = Wire(api, label, limits, clock)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._limiter.in_flight

    def ask(self, request: Request) -> dict[str, Any]:
        """Fetch one object; raises what a refused or failed request raises."""
        answer, _ = decode(self._wait(self._submit(request))[0].body)
        if not isinstance(answer, dict):
            msg = f"{self._label}: {request.about} answered something else than an object"
            raise RequestFailedError(msg)
        return answer

    @property
    def has_room(self) -> bool:
        """Whether more may be asked for: of the account's answers, not too many are held."""
        return self._held < self.max_connections * 2

    def foresee(self, request: Request) -> None:
        """Ask for what will be the first to `begin`."""
        self._foreseen = request, Coming()
        self._submit(*self._foreseen)

    def begin(self, request: Request) -> Coming:
        """Ask for what is to be taken or dropped later."""
        self._held += 1
        if self._foreseen is None:
            return self._submit(request)
        with self._lock:
            (foreseen, coming), self._foreseen = self._foreseen, None
            self.usage.requests += self._early.requests
            self.usage.retries += self._early.retries
        if foreseen == request:
            return coming
        self._cancel(coming)
        return self._submit(request)

    def take(self, coming: Coming) -> list[Document] | Refusal:
        """Its answer: one document, or more where a slow page was halved.

        A page that is gone or refused comes as its error, so that one parent stops no other.
        """
        self._held -= 1
        try:
            return self._wait(coming)
        except (GoneError, StreamRefusedError) as refusal:
            return refusal

    def drop(self, coming: Coming) -> None:
        """Do without an answer."""
        self._held -= 1
        self._cancel(coming)

    @staticmethod
    def _cancel(coming: Coming) -> None:
        coming.is_wanted = False
        coming.cancel()

    def wait_for_one(self, *futures: Future[list[Document]]) -> None:
        """Return once one of them is done, or some time has gone by."""
        self._stop.check()
        wait_for_one(futures)

    def ahead(
        self, wanted: Iterable[Request]
    ) -> Iterator[tuple[Request, list[Document] | Refusal]]:
        """The answers to the wanted requests as they come, asking for the next ones meanwhile.

        No more than twice `max_connections` answers are held or under way per account.
        """
        most = self.max_connections * 2
        with closing(Asked(self, wanted, lambda: most, in_order=False)) as asked:
            yield from asked

    def close(self) -> None:
        """End the threads; what is under way is left to itself."""
        for _ in self._threads:
            self._jobs.put(None)

    def _submit(self, request: Request, coming: Coming | None = None) -> Coming:
        coming = coming or Coming()
        self._jobs.put((request, coming))
        if len(self._threads) < self._limits.max_connections:
            thread = threading.Thread(target=self._work, name=f"fetch {self._label}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return coming

    def _wait(self, coming: Coming) -> list[Document]:
        while not coming.done():
            self.wait_for_one(coming)
        self._stop.check()
        return coming.result()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            request, coming = job
            if self._stop.event.is_set() or not coming.set_running_or_notify_cancel():
                continue
            try:
                coming.set_result(self._fetch(request, coming))
            except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
                coming.set_exception(error)
            del job, request, coming  # an idle thread would keep the answer, or the error's frames

    def _fetch(self, request: Request, coming: Coming) -> list[Document]:
        """Try until there is an answer or `retry_seconds` are over since the first try failed.

        Waiting for other requests does not count, but a server that lets nobody in does.
        """
        failed_at: float | None = None
        # Where others are in the way, there may be room as soon as one of them is answered.
        waits, waits_for_others = (
            backoff.expo(base=2, factor=factor, max_value=LONGEST_WAIT)
            for factor in (1, ROOM_SECONDS)
        )
        next(waits), next(waits_for_others)  # the generators want to be primed
        while coming.is_wanted:
            if parts := self._halves(request):
                return [each for part in parts for each in self._fetch(part, coming)]
            leave = self._limiter.enter(self._stop.event)
            if failed_at is not None:
                failed_at += leave.queued
            try:
                return [self._try(request, coming, leave.started)]
            except RetryError as failure:
                if failure.slow and self._shrink(request, coming):
                    continue
                pause = failure.after
                if failure.too_many and self._limits.learns_quota:
                    pause = 0.0  # the limiter holds it back, and all others with it
                elif pause is None:
                    pause = backoff.full_jitter(
                        next(waits_for_others if failure.too_many else waits)
                    )
                now = self._clock.now()
                failed_at = now if failed_at is None else failed_at
                left = failed_at + self._limits.retry_seconds - now
                if left <= 0 or self._stop.event.is_set():
                    msg = (
                        f"{self._label}: {request.about} failed for "
                        f"{self._limits.retry_seconds:g} s (retry_seconds), at last: {failure}; "
                        "run again once the server answers, nothing is skipped meanwhile"
                    )
                    raise RequestFailedError(msg) from None
                logger.info(
                    "%s: %s: %s; trying again for up to %d s",
                    self._label,
                    request.about,
                    failure,
                    left,
                )
                self._clock.wait(self._stop.event, min(pause, left))
                self._count(coming, retries=1)
        raise CancelledError

    def _halves(self, request: Request) -> list[Request]:
        """The smaller pages to ask for instead, once this collection was too slow for a whole one.

        Each begins with the row that ends the one before, which shows whether rows have moved.
        Mailchimp cuts a call at 120 s and its own advice for slow collections is a smaller page
        (Marketing API documentation, "Pagination").
        """
        count = request.params.get("count")
        size = self._page_sizes.get(request.path)
        if not size or not isinstance(count, int) or count <= size:
            return []
        offset = request.params.get("offset", 0)
        return [
            replace(
                request,
                params={**request.params, "offset": at, "count": min(size, offset + count - at)},
            )
            for at in range(offset, offset + count - 1, size - 1)
        ]

    def _shrink(self, request: Request, coming: Coming) -> bool:
        count = request.params.get("count")
        if not isinstance(count, int) or count <= SMALLEST_PAGE:
            return False
        with self._lock:
            size = self._page_sizes.get(request.path, count)
            self._page_sizes[request.path] = min(size, (count + 2) // 2)
        self._count(coming, retries=1)
        return True

    def _try(self, request: Request, coming: Coming, started: float) -> Document:
        is_answered = True
        try:
            return self._wire.get(request, partial(self._count, coming, requests=1))
        except RetryError as failure:
            is_answered = False
            if failure.too_many:
                self._limiter.refused(started, failure.after)
            raise
        finally:
            self._limiter.leave(started, good=is_answered)

    def _count(self, coming: Coming, requests: int = 0, retries: int = 0) -> None:
        with self._lock:
            is_early = self._foreseen is not None and self._foreseen[1] is coming
            usage = self._early if is_early else self.usage
            usage.requests += requests
            usage.retries += retries
