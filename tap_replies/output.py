"""Write Singer messages: a page of records at once, and each message whole."""

from __future__ import annotations

import os
import select
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.exceptions import MapExpressionError
from singer_sdk.mapper import RemoveRecordTransform, SameRecordTransform
from singer_sdk.singerlib import RecordMessage
from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message

from tap_replies.errors import FileNotWritten, PipeClosed, StreamMapError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from singer_sdk.helpers.types import Record
    from singer_sdk.mapper import StreamMap

NOWHERE = (
    "The standard output cannot be written ({}); make room there, or send it elsewhere. The next "
    "run goes on from the last STATE that the target has"
)


def _plain(value: Any) -> str:  # noqa: ANN401 - whatever a stream map makes
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


_encoder = msgspec.json.Encoder(enc_hook=_plain, decimal_format="number")
_encode = _encoder.encode
encode_lines = _encoder.encode_lines
"""Records as JSON, each on a line of its own."""


class _RecordMessage(msgspec.Struct, tag_field="type", tag="RECORD", gc=False):
    """A RECORD message; the SDK's own takes many times as long to make and to write."""

    stream: str
    record: Record
    time_extracted: str


class MessageWriter(GenericSingerWriter[bytes, Message]):
    """Writes to standard output, unbuffered: what was written has left the process.

    The SDK's writer flushes every record; this one takes the records of a page together.
    """

    def serialize_message(self, message: Message) -> bytes:
        """One message as one line."""
        return _encode(message.to_dict()) + b"\n"

    def write_message(self, message: Message) -> None:
        """Write one message."""
        self._write(self.serialize_message(message))

    def write_records(self, stream: str, records: Sequence[Record], extracted: str) -> None:
        """Write the records of one page as RECORD messages."""
        if records:
            self._write(encode_lines([_RecordMessage(stream, each, extracted) for each in records]))

    def _write(self, data: bytes) -> None:
        try:
            descriptor = sys.stdout.fileno()
        except AttributeError:  # Python makes none of a descriptor that is closed
            raise FileNotWritten(NOWHERE.format("it is closed")) from None
        except OSError:
            sys.stdout.write(data.decode())
            return
        sys.stdout.flush()
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[os.write(descriptor, view) :]
                except BlockingIOError:  # whoever made the pipe wants no call to wait
                    select.select((), (descriptor,), ())
        except BrokenPipeError:
            raise PipeClosed from None
        except OSError as error:
            raise FileNotWritten(NOWHERE.format(error.strerror)) from None


def _mapped(stream_map: StreamMap, records: list[Record]) -> list[Record | None]:
    try:
        return list(map(stream_map.transform, records))
    except Exception as error:  # noqa: BLE001 - whatever the user's expression comes to
        # The text of any other error may quote the record.
        what = str(error) if isinstance(error, MapExpressionError) else type(error).__name__
        msg = f"an expression failed on a record ({what}); correct it, or guard it against null"
        raise StreamMapError(msg) from None


def write_page(
    writer: GenericSingerWriter[Any, Any], stream_maps: Sequence[StreamMap], records: list[Record]
) -> int:
    """Write one page of a stream's records through its stream maps; returns how many it wrote."""
    extracted = datetime.now(UTC)
    written = 0
    for stream_map in stream_maps:
        if isinstance(stream_map, RemoveRecordTransform):
            continue
        is_plain = type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled
        mapped = records if is_plain else _mapped(stream_map, records)
        kept = [record for record in mapped if record is not None]
        written += len(kept)
        if isinstance(writer, MessageWriter):
            writer.write_records(stream_map.stream_alias, kept, extracted.isoformat())
        else:
            for record in kept:
                writer.write_message(
                    RecordMessage(stream_map.stream_alias, record, time_extracted=extracted)
                )
    return written
