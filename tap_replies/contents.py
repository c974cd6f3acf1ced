"""What batch files hold: JSON lines, or columns as Parquet has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from tap_replies.answers import GZIP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    Schema = Mapping[str, Any]
    IsSelected = Callable[[tuple[str, ...]], bool]

LEVEL = 1
"""Of gzip: higher ones take several times as long for files that are little smaller."""

AT_ONCE = 2 << 20
"""Bytes of records that are parsed at once for Parquet: each time, there is something to do for
every column."""


class Content(Protocol):
    """What a file holds; both methods return its next bytes."""

    def add(self, lines: memoryview) -> bytes | memoryview:
        """Pack some records, each a line of JSON; they stay as they are if they are returned."""

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

    def add(self, lines: memoryview) -> bytes | memoryview:
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

    def add(self, lines: memoryview) -> bytes:
        """Pack some records as one row group; none are written before the end."""
        from pyarrow import ArrowInvalid  # noqa: PLC0415 - an extra

        try:
            table = self._table(lines, AT_ONCE)
        except ArrowInvalid:  # a line must not be longer than two blocks
            table = self._table(lines, len(lines))
        self._writer.write_table(table)
        return b""

    def _table(self, lines: memoryview, block_size: int) -> pa.Table:
        from pyarrow import BufferReader, json, py_buffer  # noqa: PLC0415 - an extra

        read = json.ReadOptions(use_threads=False, block_size=block_size)
        parse = json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="ignore")
        return json.read_json(BufferReader(py_buffer(lines)), read, parse)

    def end(self) -> bytes:
        """Pack no more."""
        self._writer.close()
        return bytes(self._file.getvalue())


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
