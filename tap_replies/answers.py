"""What an HTTP answer says: its body, its headers, and why there was none."""

from __future__ import annotations

import contextlib
import email.utils
import json
import socket
import ssl
import struct
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from isal import isal_zlib
from urllib3.exceptions import (
    DecodeError,
    IncompleteRead,
    ProtocolError,
    ProxyError,
    SSLError,
)
from urllib3.response import GzipDecoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from urllib3 import BaseHTTPResponse

LONGEST_RETRY_AFTER = 300.0
"""Seconds; a server that asks for more is asked again after this."""

READ_BYTES = 1 << 18
MOST_DIGITS = 4300
ZIPPED = frozenset({"gzip", "x-gzip"})

GZIP = 31
"""A window of 2^15 bytes, with the header of gzip (Python documentation, `zlib`)."""

MOST_TIMES = 1032
"""So many times their own bytes is the most that deflated bytes can stand for."""

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError)
_decode = msgspec.json.Decoder().decode
_Member = list[msgspec.Raw] | dict[str, Any] | int | float | str | bool | None
_members = msgspec.json.Decoder(dict[str, _Member]).decode


@dataclass(frozen=True, slots=True)
class Document:
    """A body that is a JSON object or array; the items of its lists are not parsed yet.

    A page's rows as objects are many times its bytes: made a few at a time, they stay in the
    processor's cache until they are written.
    """

    body: bytes
    members: Any
    """What the object holds; items are only parsed if the body had to be parsed leniently."""


def decode(body: bytes) -> tuple[Any, bool]:
    """Parse a JSON body, and tell whether its text may hold what no database takes.

    A body with lone surrogates, NaN, broken UTF-8, a byte order mark, bare control characters or
    enormous numbers is parsed leniently.

    Raises:
        ValueError: The body is not JSON, or nested too deep to be read.
    """
    try:
        return _decode(body), has_nul(body)
    except _BROKEN:
        return _leniently(body.decode("utf-8-sig", "replace")), True
    except RecursionError:
        raise ValueError("nested too deep") from None


def has_nul(body: bytes) -> bool:
    """Whether U+0000 is written somewhere in a JSON body."""
    return body.rfind(b"\\u0000") >= 0  # Python looks from the end three times as fast


def document(body: bytes) -> Document:
    """Read a body as far as it takes to know what it is.

    Raises:
        ValueError: It is neither a JSON object nor an array, or nested too deep to be read.
    """
    try:
        return Document(body, _members(body))
    except (*_BROKEN, RecursionError):
        whole, _ = decode(body)
        if isinstance(whole, dict | list):
            return Document(body, whole)
        raise ValueError("neither an object nor an array") from None


def decode_items(items: Sequence[Any]) -> tuple[list[Any], bool]:
    """Parse items of a list, and tell whether any of them had to be parsed leniently.

    Raises:
        ValueError: One is nested too deep to be read.
    """
    if {*map(type, items)} <= {msgspec.Raw}:
        with contextlib.suppress(RecursionError, *_BROKEN):
            return [_decode(item) for item in items], False
    # Parts of one page may have been parsed differently.
    return [decode(bytes(item))[0] if type(item) is msgspec.Raw else item for item in items], True


def _leniently(text: str) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(text, strict=False, parse_int=_integer)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _integer(digits: str) -> float:
    """A whole number; Python makes none of more than 4,300 digits."""
    return int(digits) if len(digits) < MOST_DIGITS else float(digits)


def retry_after_seconds(retry_after: str | None, now: float) -> float | None:
    """What a `Retry-After` header asks for: seconds or a date, never less than 0, capped."""
    if not retry_after:
        return None
    try:
        seconds = float(retry_after)
    except ValueError:
        moment = http_date(retry_after)
        if moment is None:
            return None
        seconds = moment - now
    if not seconds > 0:
        return None
    return min(seconds, LONGEST_RETRY_AFTER)


def http_date(text: str | None) -> float | None:
    """The seconds since 1970 of a date in a header, None if it is none."""
    try:
        return email.utils.parsedate_to_datetime(text or "").timestamp()
    except (ValueError, OverflowError):
        return None


def read_body(response: BaseHTTPResponse, deadline: float) -> bytes:
    """The whole body, or `TimeoutError` once the deadline is over, however slowly it drips.

    Raises:
        DecodeError: It cannot be unpacked.
    """
    is_zipped = response.headers.get("Content-Encoding", "").lower() in ZIPPED
    parts = []
    try:
        while part := response.read1(READ_BYTES, decode_content=not is_zipped):
            parts.append(part)
            if time.monotonic() > deadline:
                response.close()
                raise TimeoutError
    except SSLError as error:  # not one of its certificate: that was looked at before
        raise ProtocolError("broken TLS", error) from None
    response.release_conn()
    body = b"".join(parts)
    return _unzipped(body) if is_zipped else body


def _unzipped(body: bytes) -> bytes:
    """What a body that was zipped holds, had at once if its end tells sum and size of all of it.

    Bit by bit, the thread would wait for Python's lock at each of them.
    """
    size = int.from_bytes(body[-4:], "little")
    with contextlib.suppress(isal_zlib.error):  # type: ignore[arg-type] # told as an object
        whole: bytes = isal_zlib.decompress(body, GZIP, min(size, len(body) * MOST_TIMES) or 1)
        if body.endswith(struct.pack("<II", isal_zlib.crc32(whole), len(whole) & 0xFFFFFFFF)):
            return whole
    try:
        return GzipDecoder().decompress(body)
    except zlib.error as error:
        raise DecodeError(str(error)) from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        told = (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__)
        error = next((each for each in told if isinstance(each, BaseException)), None)


def is_unknown_host(error: Exception) -> bool:
    """Whether the name server knows no such host; a server that is down may be back later."""
    return any(
        isinstance(cause, socket.gaierror) and cause.errno == socket.EAI_NONAME
        for cause in _causes(error)
    )


def is_broken_off(error: Exception) -> bool:
    """Whether the other side hung up within TLS, which may go well the next time."""
    return any(isinstance(cause, ssl.SSLEOFError) for cause in _causes(error))


def cause(error: Exception) -> str:
    """What went wrong with a connection, in words; the library's own text quotes the URL."""
    causes = list(_causes(error))
    words: list[tuple[type[BaseException], str]] = [
        (socket.gaierror, "could not be looked up (DNS)"),
        (ProxyError, "could not be reached through the proxy"),
        (ConnectionRefusedError, "refused the connection"),
        (IncompleteRead, "cut its answer short"),
        (DecodeError, "sent an answer that could not be unpacked"),
        (ValueError, "sent an answer that is no HTTP"),
    ]
    for kind, text in words:
        if any(isinstance(cause, kind) for cause in causes):
            return text
    return "broke the connection"
