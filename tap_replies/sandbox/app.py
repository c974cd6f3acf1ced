"""The ASGI application: who asks, what goes wrong, and the answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_replies.sandbox import control, wire
from tap_replies.sandbox.answer import Answer, Refusal, Request
from tap_replies.sandbox.credentials import Doorkeeper
from tap_replies.sandbox.mailchimp import answers as mailchimp
from tap_replies.sandbox.mailchimp.account import MailchimpAccount
from tap_replies.sandbox.mailchimp.filters import problem
from tap_replies.sandbox.quota import quota
from tap_replies.sandbox.reamaze import answers as reamaze
from tap_replies.sandbox.stats import Stats, Visit
from tap_replies.sandbox.trouble import Trouble, standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tap_replies.sandbox.answer import Route
    from tap_replies.sandbox.quota import Quota
    from tap_replies.sandbox.reamaze.brand import ReamazeBrand
    from tap_replies.sandbox.switches import Switches
    from tap_replies.sandbox.wire import Receive, Send
    from tap_replies.sandbox.world import World

_GZIP_FROM = 1000
_REMEMBERED_BYTES = 192 << 20


class SandboxApp:
    """Answers both vendors' APIs and the sandbox's own control calls.

    `now` and `sleep` are its clock, which may be another's.
    """

    def __init__(self, world: World, switches: Switches) -> None:
        """Serve a world that misbehaves as the switches say."""
        self.world = world
        self.switches = switches
        self.stats = Stats()
        self.doorkeeper = Doorkeeper(world)
        self.transports: dict[Any, asyncio.Transport] = {}
        self.lock = threading.RLock()
        self.now: Callable[[], float] = time.monotonic
        self.sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
        self._quotas: dict[tuple[str, str, int], Quota] = {}
        self._remembered: OrderedDict[tuple[str, str, str, bool], Answer] = OrderedDict()
        self._remembered_bytes = 0
        self._served = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        headers = dict(scope["headers"])
        request = Request(
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            headers.get(b"authorization", b"").decode("latin-1"),
            b"gzip" in headers.get(b"accept-encoding", b""),
        )
        if request.path.startswith("/__"):
            body = await wire.read(receive)
            await wire.send_answer(send, control.answer(self, request, body))
        elif request.path == "/oauth2/metadata":
            host = headers.get(b"host", b"").decode("latin-1")
            await wire.send_answer(send, self.doorkeeper.metadata(request.authorization, host))
        else:
            await self._serve(request, send, self.transports.get(scope["client"]))

    def forget(self) -> None:
        """Drop the remembered answers, after a change of data or switches."""
        for account in self.world.accounts:
            account.forget()
        self._remembered.clear()
        self._remembered_bytes = 0

    def mutate(self, mutation: dict[str, Any]) -> None:
        """Change the data. Raises KeyError and ValueError when the change does not fit."""
        with self.lock:
            self.world.mutate(mutation)
            self.forget()

    def reset(self) -> None:
        """Start counting anew, end all faults and let revoked credentials in again."""
        with self.lock:
            self.stats.reset()
            self.switches.faults = []
            self.doorkeeper.revoked.clear()
            self._quotas.clear()

    async def _serve(
        self, request: Request, send: Send, transport: asyncio.Transport | None
    ) -> None:
        is_reamaze = request.path.startswith("/api/v1")
        with self.lock:
            account: MailchimpAccount | ReamazeBrand | None
            if is_reamaze:
                account = self.doorkeeper.reamaze(request.authorization)
            else:
                account = self.doorkeeper.mailchimp(request.authorization)
            name = account.name if account else ""
            trouble = self._trouble(request, name)
            if name in self.doorkeeper.revoked:
                account = None
            found = _route(request.path)
            endpoint = found[0].template if found else "unknown"
            visit = Visit(request.path, request.query, name, self.now())
            self.stats.begin(visit, endpoint)
            refusal = self._refusal(account, name, is_reamaze=is_reamaze)
        status = 0
        try:
            pause = trouble.seconds + (0 if refusal else self.switches.latency_ms / 1000)
            if pause:
                await self.sleep(pause)
            with self.lock:
                answer = trouble.replacement(reamaze=is_reamaze) or refusal
                if answer is None and account is not None:
                    answer = self._answer(account, request, trouble)
            answer = self._labelled(answer or Answer(500, b""))
            status = answer.status
            await trouble.send(send, answer, transport)
        finally:
            with self.lock:
                self.stats.end(visit, status)

    def _trouble(self, request: Request, name: str) -> Trouble:
        if not self.switches.faults:
            return Trouble([])
        trouble = Trouble([one for one in self.switches.faults if one.strikes(request, name)])
        for fault in trouble.faults:
            if fault.kind == "revoke":
                self.doorkeeper.revoked.add(name)
            elif fault.kind == "mutate":
                for mutation in fault.mutations:
                    self.mutate(mutation)
        return trouble

    def _refusal(
        self, account: MailchimpAccount | ReamazeBrand | None, name: str, *, is_reamaze: bool
    ) -> Answer | None:
        """Refuse a request that is not let in, or is one too many, whatever it asks for."""
        refused = None
        if is_reamaze:
            if account is None:
                refused = reamaze.failure(401, "HTTP Basic: Access denied.")
            elif self._is_over_quota(name):
                refused = reamaze.failure(429, "Too many requests")
        elif account is None:
            refused = problem(401, "API Key Invalid", "Your API key may be invalid.")
        elif self.switches.user_disabled:
            refused = problem(403, "User Disabled", "This account has been deactivated.")
        elif self.stats.flying[name] > self.switches.max_connections:
            refused = problem(429, "Too Many Requests", "You have too many open connections.")
        return standing(refused, self.switches) if refused else None

    def _is_over_quota(self, name: str) -> bool:
        most, counting = self.switches.max_per_minute, self.switches.quota_counting
        key = name, counting, most
        if most and key not in self._quotas:
            self._quotas[key] = quota(counting, most)
        return most > 0 and not self._quotas[key].accepts(self.now())

    def _answer(
        self, account: MailchimpAccount | ReamazeBrand, request: Request, trouble: Trouble
    ) -> Answer:
        key = (account.name, request.path, request.query, request.gzip)
        if not trouble.faults and (known := self._remembered.get(key)):
            self._remembered.move_to_end(key)
            return known
        answer = standing(_right_answer(account, request, self.switches), self.switches)
        answer = trouble.spoil(answer)
        if request.gzip and len(answer.body) > _GZIP_FROM:
            answer = wire.zipped(answer)
        if not trouble.faults:
            self._remember(key, answer)
        return answer

    def _remember(self, key: tuple[str, str, str, bool], answer: Answer) -> None:
        self._remembered[key] = answer
        self._remembered_bytes += len(answer.body)
        while self._remembered_bytes > _REMEMBERED_BYTES:
            _, oldest = self._remembered.popitem(last=False)
            self._remembered_bytes -= len(oldest.body)

    def _labelled(self, answer: Answer) -> Answer:
        self._served += 1
        label = (b"x-request-id", f"{self._served:08x}-0000-4000-8000-000000000000".encode())
        return replace(answer, headers=(*answer.headers, label))


def _route(path: str) -> tuple[Route, tuple[str, ...]] | None:
    if path.startswith("/api/v1"):
        return reamaze.ROUTER.find(path.removesuffix(".json"))
    return mailchimp.ROUTER.find(path)


def _right_answer(
    account: MailchimpAccount | ReamazeBrand, request: Request, switches: Switches
) -> Answer:
    """Answer as the vendor would on a good day."""
    found = _route(request.path)
    try:
        if isinstance(account, MailchimpAccount):
            return mailchimp.respond(account, request, switches, found)
        return reamaze.respond(account, request, switches, found)
    except Refusal as refusal:
        return refusal.answer
