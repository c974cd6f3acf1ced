"""How an answer reaches the client: whole, compressed, slowly, or not at all."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from tap_replies.sandbox.answer import Answer

    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_SLICES = 10


async def read(receive: Receive) -> bytes:
    """Read the whole body of a request."""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def zipped(answer: Answer) -> Answer:
    """Compress an answer, quickly rather than well."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    body = packer.compress(answer.body) + packer.flush()
    headers = (*answer.headers, (b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding"))
    return replace(answer, body=body, headers=headers)


async def send_answer(send: Send, answer: Answer) -> None:
    """Send an answer whole."""
    await _start(send, answer)
    await send({"type": "http.response.body", "body": answer.body})


async def send_cut(send: Send, answer: Answer) -> None:
    """Announce the whole body, send half of it, and close the connection."""
    await _start(send, answer)
    half = answer.body[: len(answer.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    # An application that ends here makes the server close the connection.


async def send_slowly(send: Send, answer: Answer, seconds: float) -> None:
    """Send the body in slices spread over that many seconds."""
    await _start(send, answer)
    step = len(answer.body) // _SLICES + 1
    for start in range(0, len(answer.body), step):
        await asyncio.sleep(seconds / _SLICES)
        piece = answer.body[start : start + step]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def reset(transport: asyncio.Transport | None) -> None:
    """Break the connection so that the client sees a TCP reset."""
    if transport is None:
        return
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    with socket.socket(fileno=descriptor) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def _start(send: Send, answer: Answer) -> None:
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
