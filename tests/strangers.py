"""Servers that are nobody's API, and runs that ask them."""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from command_line import Outcome, forked
from support import catalog_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Answer = bytes | Callable[[socket.socket], object]

SELF_SIGNED = Path(__file__).parent / "data" / "self-signed.pem"
"""A certificate that nobody trusts, with its key."""


KEY = "0123456789abcdef0123456789abcdef-us6"
MC = {"mailchimp_api_key": KEY, "retry_seconds": 1}
RE = {
    "reamaze_brand": "acme",
    "reamaze_login": "staff@acme.example",
    "reamaze_api_token": "4d7c1e90-secret-token",
    "retry_seconds": 1,
}


class Listener(socketserver.ThreadingTCPServer):
    """Takes connections, notes what each is sent first, gives it an answer, and hangs up."""

    daemon_threads = True

    def __init__(self, answers: Sequence[Answer], *, tls: bool) -> None:
        """Listen on a port of its own; the last answer is given again and again."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if tls else None
        if self.context:
            self.context.load_cert_chain(SELF_SIGNED)
        self.heard: list[bytes] = []
        self.address = f"127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    server: Listener

    def handle(self) -> None:
        if self.server.context:
            try:
                self.request = self.server.context.wrap_socket(self.request, server_side=True)
            except (ssl.SSLError, ConnectionError):
                return
        with self.request as connection:
            self.server.heard.append(connection.recv(4096))
            answer = self.server.answers[: len(self.server.heard)][-1]
            if callable(answer):
                answer(connection)
            else:
                connection.sendall(answer)


@contextmanager
def listening(*answers: Answer, tls: bool = False) -> Iterator[Listener]:
    """A server that is nobody's API; without answers it hangs up."""
    with Listener(answers or [b""], tls=tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def http(status: str, body: object) -> bytes:
    """A whole answer."""
    text = json.dumps(body).encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\n"
    return f"{head}Content-Length: {len(text)}\r\nConnection: close\r\n\r\n".encode() + text


def closed_port() -> str:
    """An address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def run(
    settings: dict[str, Any],
    folder: Path,
    *streams: str,
    environment: dict[str, str] | None = None,
) -> Outcome:
    """Run the command for a stream or two, by default for the list of accounts."""
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "catalog.json").write_text(json.dumps(catalog_of(*(streams or ["accounts"]))))
    arguments = ("--config", "config.json", "--catalog", "catalog.json")
    return forked(*arguments, folder=folder, environment=environment)
