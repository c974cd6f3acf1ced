"""An odd answer is asked for again, and what else comes of it is taken for no other answer."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strangers import MC, SELF_SIGNED, Listener, http, listening, run
from support import messages_in

if TYPE_CHECKING:
    import socket
    from pathlib import Path

GOOD = http("200 OK", {"account_id": "good"})
STALE = http("200 OK", {"account_id": "stale"})
MOVED = b"HTTP/1.1 302 Found\r\nLocation: /3.0/moved\r\nContent-Encoding: gzip\r\n"

NO_RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)
"""What looks like a TLS record (RFC 8446, 5.1), of a connection with other keys."""


def account(server: Listener, folder: Path, scheme: str = "http") -> str:
    """The one account that a run finds at a server."""
    settings = MC | {
        "mailchimp_api_url": f"{scheme}://{server.address}",
        "request_timeout": 30,
        "retry_seconds": 60,
    }
    outcome = run(settings, folder, environment={"REQUESTS_CA_BUNDLE": str(SELF_SIGNED)})
    assert outcome.status == 0, outcome.stderr
    [row] = messages_in(outcome.stdout).records["accounts"]
    found: str = row["account_id"]
    return found


def test_tls_that_breaks_within_a_body(tmp_path: Path) -> None:
    """It is asked for again: the certificate was looked at before, and is not to blame."""

    def broken(connection: socket.socket) -> None:
        connection.sendall(STALE[:-1])
        os.write(connection.fileno(), NO_RECORD)

    with listening(broken, GOOD, tls=True) as server:
        assert account(server, tmp_path, "https") == "good"
        assert len(server.heard) == 2


def test_an_answer_before_the_answer(tmp_path: Path) -> None:
    """Early hints are no answer, and that which follows them is not taken for the next one."""
    with listening(b"HTTP/1.1 103 Early Hints\r\n\r\n" + STALE, GOOD) as server:
        assert account(server, tmp_path) == "good"
        assert len(server.heard) == 2


def test_a_redirection_is_followed_whatever_its_body(tmp_path: Path) -> None:
    """Nobody waits for a body that does not come, nor unpacks one that is packed otherwise."""

    def endless(connection: socket.socket) -> None:
        connection.sendall(MOVED + b"Content-Length: 1000\r\n\r\nno gzip")
        connection.recv(1)  # until the other side hangs up

    with listening(endless, GOOD) as server:
        assert account(server, tmp_path) == "good"
        first, second = server.heard
        assert first.startswith(b"GET /3.0/?")
        assert second.startswith(b"GET /3.0/moved ")
