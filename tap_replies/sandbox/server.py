"""The sandbox as a running server."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Self

import msgspec
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tap_replies.sandbox import control
from tap_replies.sandbox.app import SandboxApp
from tap_replies.sandbox.sizes import Sizes
from tap_replies.sandbox.switches import Switches, switched
from tap_replies.sandbox.world import World

if TYPE_CHECKING:
    import asyncio
    from types import TracebackType

LOOPBACK = "127.0.0.1"
_BACKLOG = 512


class Sandbox:
    """Both vendors' APIs on a loopback port, in a thread of this process.

    Sizes are those of `Sizes`, everything else is a switch of `Switches`.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        now: str | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        **settings: Any,  # noqa: ANN401
    ) -> None:
        """Describe the sandbox; it listens between `start` and `stop`."""
        sizes = {name: settings.pop(name) for name in Sizes.__slots__ if name in settings}
        self.world = World(seed, Sizes(**sizes), now)
        self.app = SandboxApp(self.world, switched(Switches(), msgspec.json.encode(settings)))
        self._host = host
        self._port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def __enter__(self) -> Self:
        """Start listening."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening."""
        self.stop()

    def start(self) -> None:
        """Listen on a port of its own, and return when requests are answered."""
        listener = self._listen()
        self._server = self._make_server()
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="tap-replies-sandbox", daemon=True
        )
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.002)

    def stop(self) -> None:
        """Stop at once; requests in flight are dropped."""
        if self._server is None or self._thread is None:
            return
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(5)
        self._server = self._thread = None

    def config(self, *, accounts: bool = False) -> dict[str, Any]:
        """Return the settings with which the tap reads this sandbox."""
        return self.world.config(self.url, accounts=accounts)

    def stats(self) -> dict[str, Any]:
        """Return what was asked so far; see `Stats.report`."""
        with self.app.lock:
            return self.app.stats.report()

    def reset_stats(self) -> None:
        """Start counting anew; faults stay."""
        with self.app.lock:
            self.app.stats.reset()

    def reset(self) -> None:
        """Start counting anew, end all faults, let revoked credentials in again."""
        self.app.reset()

    def control(self, **switches: Any) -> None:  # noqa: ANN401
        """Turn switches; those not named stay. Raises msgspec.MsgspecError on an unknown one."""
        control.turn(self.app, msgspec.json.encode(switches))

    def mutate(self, *mutations: dict[str, Any]) -> None:
        """Change the data. Raises KeyError and ValueError when a change does not fit."""
        for mutation in mutations:
            self.app.mutate(mutation)

    def truth(self, account: str = "") -> dict[str, Any]:
        """Return the keys a tap should emit, by account and stream or for one account by stream."""
        with self.app.lock:
            return self.world.truth(account)

    def _listen(self) -> socket.socket:
        listener = socket.create_server((self._host, self._port), backlog=_BACKLOG)
        self.url = f"http://{self._host}:{listener.getsockname()[1]}"
        return listener

    def _make_server(self) -> uvicorn.Server:
        config = uvicorn.Config(
            self.app,
            http=_protocol(self.app),
            lifespan="off",
            log_level="critical",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            backlog=_BACKLOG,
            timeout_keep_alive=75,
        )
        return uvicorn.Server(config)


def _protocol(app: SandboxApp) -> type[asyncio.Protocol]:
    """Make uvicorn's protocol tell the application which transport belongs to which client."""

    class Protocol(HttpToolsProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            self._peer = transport.get_extra_info("peername")
            app.transports[self._peer] = transport
            super().connection_made(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            app.transports.pop(self._peer, None)
            super().connection_lost(exc)

    return Protocol
