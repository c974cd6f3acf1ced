"""Batch files: the records of a stream, in files that BATCH messages name."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from tap_replies.answers import GZIP
from tap_replies.errors import FileNotWritten, masked
from tap_replies.output import encode_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Executor, Future

    import pyarrow as pa
    from singer_sdk.helpers._batch import BatchConfig, StorageTarget
    from singer_sdk.helpers.types import Record

    Schema = Mapping[str, Any]
    IsSelected = Callable[[tuple[str, ...]], bool]

LEVEL = 1
"""Of gzip: higher ones take several times as long for files that are little smaller."""

CHUNK = 8 << 20
"""Bytes of records that are packed together, in Parquet as a row group. Each time, Python's lock
changes hands; at the end of a file, what is left is waited for."""

SWITCH_SECONDS = 0.0005
"""So long a thread waits for Python's lock while files are packed: a tenth of the usual. RECORD
messages let go of the lock whenever they are written, files do not."""

AT_ONCE = 256 << 10
"""Bytes of records that are parsed at once for Parquet: they fit into the processor's cache."""


class Content(Protocol):
    """What a file holds; both methods return its next bytes."""

    def add(self, lines: bytes) -> bytes:
        """Pack some records, each a line of JSON."""

    def end(self) -> bytes:
        """Pack no more."""


class Lines:
    """JSON lines, zipped or not."""

    def __init__(self, *, is_zipped: bool) -> None:
        """Begin a file."""
        self._zip = None
        if is_zipped:
            from isal import isal_zlib  # noqa: PLC0415 - only for zipped batch files

            self._zip = isal_zlib.compressobj(LEVEL, wbits=GZIP)

    def add(self, lines: bytes) -> bytes:
        """Pack some records, each a line of JSON."""
        return self._zip.compress(lines) if self._zip else lines

    def end(self) -> bytes:
        """Pack no more."""
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
        """Pack some records as one row group; none are written before the end."""
        from pyarrow import ArrowInvalid  # noqa: PLC0415 - an extra

        try:
            table = self._table(lines, AT_ONCE)
        except ArrowInvalid:  # a line must not be longer than two blocks
            table = self._table(lines, len(lines))
        self._writer.write_table(table)
        return b""

    def _table(self, lines: bytes, block_size: int) -> pa.Table:
        from pyarrow import BufferReader, json  # noqa: PLC0415 - an extra

        read = json.ReadOptions(use_threads=False, block_size=block_size)
        parse = json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="ignore")
        return json.read_json(BufferReader(lines), read, parse)

    def end(self) -> bytes:
        """Pack no more."""
        self._writer.close()
        return bytes(self._file.getvalue())


class File:
    """A file that a BATCH message is to name, put together while more records are read."""

    def __init__(
        self, storage: StorageTarget, name: str, begin: Callable[[], Content], room: int
    ) -> None:
        """Name it; it is full once it has no room for more records."""
        self.url = storage.get_url(name)
        self.room = room
        self._open = partial(storage.open, name, "wb")
        self._begin = begin
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._packed: list[bytes] = []
        self._done: list[Future[None]] = []

    @cached_property
    def _content(self) -> Content:
        return self._begin()

    def take(self, page: list[Record], worker: Executor) -> list[Record]:
        """Have the worker pack a page; return the records that there is no room for."""
        taken = page[: self.room]
        self._waiting.append(lines := encode_lines(taken))
        self._bytes += len(lines)
        self.room -= len(taken)
        if self._bytes >= CHUNK:
            self._hand_over(worker)
        return page[len(taken) :]

    def end(self, worker: Executor) -> None:
        """Have the worker pack what is left, and write the file."""
        self._hand_over(worker)
        self._done.append(worker.submit(self._finish))

    def written(self) -> list[str]:
        """The address of the file, once all of it is written.

        Raises:
            FileNotWritten: There is no room, or no leave.
        """
        for each in self._done:
            each.result()
        return [self.url]

    def _hand_over(self, worker: Executor) -> None:
        if self._waiting:
            self._done.append(worker.submit(self._add, self._waiting))
            self._waiting, self._bytes = [], 0

    def _add(self, pages: list[bytes]) -> None:
        # Together, as each call has to wait for Python's lock.
        self._packed.append(self._content.add(b"".join(pages)))

    def _finish(self) -> None:
        """Whoever reads the folder finds whole files only."""
        self._packed.append(self._content.end())
        try:
            with self._open() as file:
                file.writelines(self._packed)
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


@contextmanager
def _packing() -> Iterator[Executor]:
    """A thread that packs while the next page is read: both libraries let go of Python's lock."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        with ThreadPoolExecutor(1) as worker:
            yield worker
    finally:
        sys.setswitchinterval(usual)


def manifests(
    pages: Iterable[list[Record]],
    name: str,
    config: BatchConfig,
    schema: Schema,
    is_selected: IsSelected,
) -> Iterator[list[str]]:
    """Write pages of records to files; yield the address of each.

    A page without records says that the bookmark moves next: the state that follows an address
    must not be ahead of it. Otherwise a file is finished while the next one begins. Files are
    named as the SDK names them.
    """
    storage = config.storage
    is_zipped = config.encoding.compression == "gzip"
    stem = f"{storage.prefix or ''}{name}-{uuid4()}"
    begin: Callable[[], Content]
    if config.encoding.format == "parquet":
        ending = "={}.parquet"
        begin = partial(Parquet, schema, is_selected, is_zipped=is_zipped)
    else:
        ending = "-{}.json"
        begin = partial(Lines, is_zipped=is_zipped)

    ending += ".gz" if is_zipped else ""
    names = (stem + ending.format(number) for number in count(1))
    ended: File | None = None
    file: File | None = None
    with _packing() as worker:
        for page in pages:
            if ended and not page:
                yield ended.written()
                ended = None
            rest = page
            while rest:
                file = file or File(storage, next(names), begin, config.batch_size)
                rest = file.take(rest, worker)
                if not file.room:
                    file.end(worker)
                    if ended:
                        yield ended.written()
                    ended, file = file, None
        if ended:
            yield ended.written()
        if file:
            file.end(worker)
            yield file.written()
