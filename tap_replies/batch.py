"""Batch files: the records of a stream, in files that BATCH messages name."""

from __future__ import annotations

import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import cached_property, partial
from itertools import count
from typing import IO, TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from tap_replies.errors import FileNotWritten, masked
from tap_replies.output import encode_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    import pyarrow as pa
    from singer_sdk.helpers._batch import BatchConfig, StorageTarget
    from singer_sdk.helpers.types import Record

    Schema = Mapping[str, Any]
    IsSelected = Callable[[tuple[str, ...]], bool]

LEVEL = 1
"""Of gzip: higher ones take several times as long for files that are little smaller."""

CHUNK = 1 << 20
"""Bytes of lines that are packed together, in Parquet as a row group. Each time, Python's lock
changes hands; at the end of a file, what is left is waited for."""

GZIP = zlib.MAX_WBITS | 16
"""A zlib window with the header of gzip; https://docs.python.org/3/library/zlib.html."""


class Content(Protocol):
    """What a file holds; both methods return what is to be written next."""

    def add(self, lines: bytes) -> bytes:
        """Take over some lines."""

    def end(self) -> bytes:
        """Take over the last of them."""


class Lines:
    """JSON lines, zipped or not."""

    def __init__(self, *, is_zipped: bool) -> None:
        """Begin a file."""
        self._zip = zlib.compressobj(LEVEL, wbits=GZIP) if is_zipped else None

    def add(self, lines: bytes) -> bytes:
        """Take over some lines."""
        return self._zip.compress(lines) if self._zip else lines

    def end(self) -> bytes:
        """Take over the last of them."""
        return self._zip.flush() if self._zip else b""


class Parquet:
    """Columns of types that the stream's schema says, whatever the records hold."""

    def __init__(self, schema: Schema, is_selected: IsSelected, *, is_zipped: bool) -> None:
        """Begin a file."""
        from pyarrow import BufferOutputStream, parquet  # noqa: PLC0415 - an extra

        self._schema = arrow_schema(schema, is_selected)
        # Unlike Python's own, it is written to without a wait for Python's lock.
        self._file = BufferOutputStream()
        compression = {"compression": "gzip", "compression_level": LEVEL} if is_zipped else {}
        self._writer = parquet.ParquetWriter(self._file, self._schema, **compression)

    def add(self, lines: bytes) -> bytes:
        """Take over some lines as one row group."""
        from pyarrow import BufferReader, json  # noqa: PLC0415 - an extra

        # A line must not be longer than two blocks.
        read = json.ReadOptions(use_threads=False, block_size=len(lines))
        parse = json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="ignore")
        self._writer.write_table(json.read_json(BufferReader(lines), read, parse))
        return b""

    def end(self) -> bytes:
        """Take over the last of them."""
        self._writer.close()
        return bytes(self._file.getvalue())


class File:
    """A file that a BATCH message is to name, written while more records are read."""

    def __init__(self, storage: StorageTarget, name: str, begin: Callable[[], Content]) -> None:
        """Name it; it is created with the first records."""
        self._opening = storage.open(name, "wb")
        self._open = ExitStack()
        self._file: IO[bytes] | None = None
        self._begin = begin

    @cached_property
    def _content(self) -> Content:
        return self._begin()

    def add(self, lines: bytes) -> None:
        """Write more records.

        Raises:
            FileNotWritten: There is no room, or no leave.
        """
        self._write(self._content.add(lines))

    def end(self) -> None:
        """Write the last of them; raises as `add` does."""
        self._write(self._content.end())
        with _telling():
            self._open.close()

    def _write(self, data: bytes) -> None:
        with _telling():
            self._file = self._file or self._open.enter_context(self._opening)
            self._file.write(data)


@contextmanager
def _telling() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - each kind of storage has its own
        why = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        msg = (
            f"batch_config: a file cannot be written below storage.root ({masked(why)}); make "
            "room or allow it there, or name another place. The next run goes on from the "
            "bookmarks"
        )
        raise FileNotWritten(msg) from None


def arrow_schema(schema: Schema, is_selected: IsSelected) -> pa.Schema:
    """The columns of a stream's selected properties; date-times are text, as in a record."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    return pa.schema(_fields(schema, is_selected, ()))


def _fields(
    schema: Schema, is_selected: IsSelected, breadcrumb: tuple[str, ...]
) -> list[tuple[str, pa.DataType]]:
    found = []
    for name, definition in schema["properties"].items():
        crumb = (*breadcrumb, "properties", name)
        if is_selected(crumb) and (kind := _type(definition, is_selected, crumb)):
            found.append((name, kind))
    return found


def _type(
    definition: Schema, is_selected: IsSelected, crumb: tuple[str, ...]
) -> pa.DataType | None:
    """The type of a column; None for an object without a field, which Parquet cannot hold."""
    import pyarrow as pa  # noqa: PLC0415 - an extra

    kinds = definition["type"]
    kind = next(each for each in ([kinds] if isinstance(kinds, str) else kinds) if each != "null")
    if kind == "object":
        fields = _fields(definition, is_selected, crumb)
        return pa.struct(fields) if fields else None
    if kind == "array":
        item = _type(definition["items"], is_selected, (*crumb, "items"))
        return pa.list_(item) if item else None
    plain = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_()}
    return plain.get(kind, pa.string())


def manifests(
    pages: Iterable[list[Record]],
    name: str,
    config: BatchConfig,
    schema: Schema,
    is_selected: IsSelected,
) -> Iterator[list[str]]:
    """Write pages of records, of which none is empty, to files; yield the address of each.

    Asking for a page may move the bookmark past the page before. So a file that holds only the
    first part of a page is yielded before the next one is asked for; one that holds pages to
    their end is finished meanwhile. Files are named as the SDK names them.
    """
    storage = config.storage
    is_zipped = config.encoding.compression == "gzip"
    stem = f"{storage.prefix or ''}{name}-{uuid4()}"
    begin: Callable[[], Content]
    if config.encoding.format == "parquet":
        name_of = f"{stem}={{}}.parquet".format
        begin = partial(Parquet, schema, is_selected, is_zipped=is_zipped)
    else:
        name_of = f"{stem}-{{}}.json".format
        begin = partial(Lines, is_zipped=is_zipped)

    source = iter(pages)
    page = next(source, [])
    # zlib and pyarrow let go of Python's lock: the next page is read while one is packed.
    with ThreadPoolExecutor(1) as worker:
        for number in count(1):
            if not page:
                return
            file_name = name_of(number) + (".gz" if is_zipped else "")
            file, room = File(storage, file_name, begin), config.batch_size
            done: list[Future[None]] = []
            waiting = bytearray()
            while page and room:
                waiting += encode_lines(page[:room])
                page, room = page[room:], room - len(page[:room])
                if not page and room:
                    page = next(source, [])
                if len(waiting) >= CHUNK or not page or not room:
                    done.append(worker.submit(file.add, bytes(waiting)))
                    waiting = bytearray()
            done.append(worker.submit(file.end))
            page = page or next(source, [])
            for each in done:
                each.result()
            yield [storage.get_url(file_name)]
