"""Batch files: the records of a stream, in files that BATCH messages name."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, TYPE_CHECKING, cast
from uuid import uuid4

from tap_replies.contents import Lines, Parquet
from tap_replies.errors import FileNotWritten, masked
from tap_replies.output import encode_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from singer_sdk.helpers._batch import BatchConfig, StorageTarget
    from singer_sdk.helpers.types import Record

    from tap_replies.contents import Content, IsSelected, Schema

CHUNK = 3 << 20
"""Bytes of records that are packed together, in Parquet as a row group: some thousands. Each time,
Python's lock changes hands; at the end of a file, what is left is waited for."""

MOST_WAITING = 3
"""Pieces of a file that wait to be packed, before the next one waits for them."""

SWITCH_SECONDS = 0.0005
"""So long a thread waits for Python's lock while files are packed: a tenth of the usual. RECORD
messages let go of the lock whenever they are written, files do not."""


class Packer:
    """A thread that packs while the next page is read, and the memory for what it is to pack.

    Both libraries let go of Python's lock. Memory that is new is only had while that is held, page
    by page, so what was used is used again.
    """

    def __init__(self) -> None:
        """Begin; there is a thread once there is something to do."""
        self._thread = ThreadPoolExecutor(1)
        self._free: SimpleQueue[bytearray] = SimpleQueue()
        self.do = self._thread.submit

    def room(self, least: int) -> memoryview:
        """Memory for some records."""
        with suppress(Empty):
            if len(free := self._free.get_nowait()) >= least:
                return memoryview(free)
        return memoryview(bytearray(max(least, CHUNK)))

    def give_back(self, room: memoryview) -> None:
        """Have memory used again."""
        self._free.put(cast("bytearray", room.obj))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have the thread take its turns; what it was given is done at the end."""
        usual = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_SECONDS)
        try:
            with self._thread:
                yield
        finally:
            sys.setswitchinterval(usual)


@contextmanager
def _opened(storage: StorageTarget, name: str) -> Iterator[IO[bytes]]:
    """A file to be written, which nobody sees before it is whole.

    The SDK puts files together where the system has its temporary ones. That may be another disk:
    then they are copied, and seen, bit by bit, and what cannot be copied is left there.
    """
    root = storage._root_path  # noqa: SLF001 - the one place that knows its kind
    if not isinstance(root, os.PathLike):
        with storage.open(name, "wb") as file:
            yield file
        return
    place = Path(root, name)
    part = place.with_name(f".{place.name}.part")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            yield file
        part.replace(place)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


class File:
    """A file that a BATCH message is to name, put together while more records are read."""

    def __init__(
        self,
        storage: StorageTarget,
        name: str,
        begin: Callable[[], Content],
        room: int,
        packer: Packer,
    ) -> None:
        """Name it; it is full once it has no room for more records."""
        self.url = storage.get_url(name)
        self.room = room
        self._open = partial(_opened, storage, name)
        self._begin = begin
        self._packer = packer
        self._lines = memoryview(b"")
        self._end = 0
        self._packed: list[bytes | memoryview] = []
        self._done: list[Future[None]] = []
        self._is_broken = False
        """Whether a piece could not be packed."""

    @cached_property
    def _content(self) -> Content:
        return self._begin()

    def take(self, page: list[Record]) -> list[Record]:
        """Have a page packed; return the records that there is no room for."""
        taken = page[: self.room]
        lines = encode_lines(taken)
        end = self._end + len(lines)
        if end > len(self._lines):
            self._hand_over()
            self._lines, end = self._packer.room(len(lines)), len(lines)
        self._lines[self._end : end] = lines
        self._end = end
        self.room -= len(taken)
        return page[len(taken) :]

    def end(self) -> None:
        """Have what is left packed, and the file written."""
        self._hand_over()
        self._done.append(self._packer.do(self._finish))

    def written(self) -> list[str]:
        """The address of the file, once all of it is written.

        Raises:
            FileNotWritten: There is no room, or no leave.
        """
        for each in self._done:
            each.result()
        return [self.url]

    def _hand_over(self) -> None:
        if self._end:
            if len(self._done) >= MOST_WAITING:
                self._done[-MOST_WAITING].result()
            self._done.append(self._packer.do(self._add, self._lines[: self._end]))
        self._lines, self._end = memoryview(b""), 0

    def _add(self, lines: memoryview) -> None:
        if self._is_broken:
            return
        self._is_broken = True
        packed = self._content.add(lines)
        self._is_broken = False
        self._packed.append(packed)
        if packed is not lines:
            self._packer.give_back(lines)

    def _finish(self) -> None:
        """Whoever reads the folder finds whole files only."""
        if self._is_broken:
            return
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
        for each in self._packed:
            if isinstance(each, memoryview):
                self._packer.give_back(each)


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
    if "://" not in storage.root:  # in its address, readers would not find what is written as %20
        storage = replace(storage, root=f"file://{Path(storage.root).absolute()}")
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
    packer = Packer()
    with packer.working():
        for page in pages:
            if ended and not page:
                yield ended.written()
                ended = None
            rest = page
            while rest:
                file = file or File(storage, next(names), begin, config.batch_size, packer)
                rest = file.take(rest)
                if not file.room:
                    file.end()
                    if ended:
                        yield ended.written()
                    ended, file = file, None
        if ended:
            yield ended.written()
        if file:
            file.end()
            yield file.written()
