"""One run of the tap: its accounts, opened once each, and what failed."""

from __future__ import annotations

import logging
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tap_replies.errors import AccountError, GoneError, StreamRefusedError, TapRepliesError
from tap_replies.fetch import Fetcher
from tap_replies.limits import Stop
from tap_replies.times import utc_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_replies.job import Job
    from tap_replies.limits import Clock, Limits
    from tap_replies.listener import Listener
    from tap_replies.source import Account, Profile, Request, Source
    from tap_replies.stream import ApiStream

    Opening = Callable[["Connection", str], Request | None]

logger = logging.getLogger("tap-replies")


class Connection:
    """One account in use: opened by its first request, closed for good when it is refused."""

    def __init__(self, account: Account, limits: Limits, clock: Clock, stop: Stop) -> None:
        """Prepare; nothing is asked yet."""
        self.account = account
        self.api = account.source.connect(account)
        self.fetcher = Fetcher(self.api, account.label, limits, clock, stop)
        self.problem: str | None = None
        self._name = account.name
        self.shared: dict[str, Any] = {}
        """What one stream has read of the account that another would ask for again."""

        self._profile: Profile | None = None
        self.asked_at: str | None = None
        """When the opening of the first reading was asked for, if that was foreseen."""

    def foresee(self, opening: Opening, now: str) -> None:
        """Ask for what a reading begins with while it is not known yet who the account is."""
        is_unknown = self._profile is None and self.problem is None and self.api.base_url
        request = opening(self, now) if is_unknown else None
        if request and self.fetcher.max_connections > 1:
            self.asked_at = now
            self.fetcher.foresee(request)

    @property
    def profile(self) -> Profile:
        """Who the account is.

        Raises:
            TapRepliesError: The account cannot be read.
        """
        if self.problem is not None:
            raise AccountError(self.problem)
        if self._profile is None:
            try:
                self._profile = self.api.profile(self.fetcher.ask)
            except (GoneError, StreamRefusedError) as error:
                self.problem = f"{error}; check {self.account.given}"
                raise AccountError(self.problem) from None
            except TapRepliesError as error:
                self.problem = str(error)
                raise
        return self._profile

    @property
    def account_id(self) -> str:
        """The account's id in every record: its `name` in the settings, or the vendor's own.

        An account that was refused before it told its id, or whose id is another's, goes by the
        setting that declares it.
        """
        if self._name:
            return self._name
        return self._profile.account_id if self._profile else self.account.label

    def refuse_as_twin(self, label: str) -> str:
        """Read nothing, as another setting names the same account; returns the message."""
        self.problem = (
            f"{self.account.label}: is account {self.account_id}, which {label} names already; "
            "remove one of them"
        )
        self._name = self._profile = None
        return self.problem


class Run:
    """What all streams of one run share."""

    def __init__(
        self, accounts: Sequence[Account], limits: dict[str, Limits], clock: Clock
    ) -> None:
        """Prepare the accounts; `limits` are those of each source."""
        self.clock = clock
        self.stop = Stop(threading.Event())
        self.failures: list[str] = []
        self.listen: Callable[[ApiStream, Job], Listener | None] = lambda *_: None
        """Who hears a stream being read for an account."""

        self.kept = ExitStack()
        """What is to be closed when the run ends, however it ends."""

        self._told: set[str] = set()
        self._owners: dict[tuple[str, str], Connection] = {}
        self._connections = [
            Connection(account, limits[account.source.name], clock, self.stop)
            for account in accounts
        ]

    def connections(self, source: Source | None = None) -> list[Connection]:
        """The accounts of a source, or all."""
        return [
            connection
            for connection in self._connections
            if source is None or connection.account.source.name == source.name
        ]

    def open(
        self, source: Source | None = None, opening: Opening | None = None
    ) -> list[Connection]:
        """The accounts of a source that can be read; one that cannot is noted as a failure.

        `opening` tells what the reading of the first begins with.
        """
        opened = []
        connections = self.connections(source)
        if opening and connections:
            connections[0].foresee(opening, self.now())
        for connection in connections:
            try:
                _ = connection.profile
            except TapRepliesError as error:
                self.fail(str(error))
                continue
            key = connection.account.source.name, connection.account_id
            owner = self._owners.setdefault(key, connection)
            if owner is connection:
                opened.append(connection)
            else:
                # With one account_id they would share their bookmarks.
                self.fail(connection.refuse_as_twin(owner.account.label))
        return opened

    def fail(self, message: str) -> None:
        """Note what makes the run end with exit status 1, and say it once."""
        if message not in self.failures:
            self.failures.append(message)
            logger.error(message)

    def leave_out(self, message: str, *, strict: bool) -> None:
        """Say what the account may not read, which is a failure where it is to be one."""
        if strict:
            self.fail(message)
        else:
            logger.warning(message)

    def tell(self, message: str) -> None:
        """Say something that several streams may find, once."""
        if message not in self._told:
            self._told.add(message)
            logger.warning(message)

    def now(self) -> str:
        """The present moment in the form of a bookmark."""
        return utc_at(self.clock.time())

    def started(self, connection: Connection) -> str:
        """The moment in which the reading of an account begins, or has begun if it was foreseen."""
        asked_at, connection.asked_at = connection.asked_at, None
        return asked_at or self.now()

    def close(self) -> None:
        """End the threads of all accounts, and delete what was kept for the run."""
        self.kept.close()
        self.stop.event.set()
        for connection in self._connections:
            connection.fetcher.close()
