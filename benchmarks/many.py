"""A sandbox whose Mailchimp lists hold every row many times, each time under another id.

To make a million rows one by one takes longer than to read them.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tap_replies.sandbox import Sandbox
from tap_replies.sandbox.mailchimp.account import MailchimpAccount
from tap_replies.sandbox.table import Entry, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tap_replies.sandbox.projection import Projection

KEYS = {"conversations": 0, "campaigns": 0, "members": 1, "unsubscribes": 1, "messages": 1}
"""The tables, and which part of a row's key is to be another each time."""


class Copy:
    """A row, shown under another id."""

    __slots__ = ("entry", "number")

    def __init__(self, entry: Entry, number: int) -> None:
        """Refer to the row; the number is that of the copy."""
        self.entry = entry
        self.number = number

    @property
    def key(self) -> Any:  # noqa: ANN401 - as the table has it
        """That of the row."""
        return self.entry.key

    @property
    def facts(self) -> dict[str, Any]:
        """Those of the row."""
        return self.entry.facts


class Repeated(Table):
    """A table whose rows come several times."""

    def __init__(self, table: Table, times: int, part: int) -> None:
        """Repeat the rows of a table."""
        self._table, self._times, self._part = table, times, part

    def __iter__(self) -> Iterator[Any]:
        """All rows, the copies of one after another."""
        return self._copies(self._table)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._table) * self._times

    def get(self, key: Any) -> Entry | None:  # noqa: ANN401 - as the table has it
        """Find the row itself."""
        return self._table.get(key)

    def members(self, group: str) -> Iterable[Any]:
        """The rows of a group."""
        return self._copies(self._table.members(group))

    def encode(self, entry: Any, projection: Projection) -> bytes:  # noqa: ANN401 - a copy
        """The row, with the copy's number after its id."""
        key = entry.key if isinstance(entry.key, str) else entry.key[self._part]
        own = f"{key}{entry.number % self._times:07d}"
        row = self._table.encode(entry.entry, projection)
        return row.replace(f'"{key}"'.encode(), f'"{own}"'.encode())

    def _copies(self, entries: Iterable[Entry]) -> Iterator[Copy]:
        for entry in entries:
            for place in range(self._times):
                yield Copy(entry, entry.number * self._times + place)


def main(sizes: dict[str, Any], times: dict[str, int]) -> None:
    """Serve as `tap-replies-sandbox` does, until SIGTERM."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    with Sandbox(**sizes) as sandbox:
        (account,) = sandbox.world.mailchimp
        tables = account.collections
        for name, often in times.items():
            tables[name] = Repeated(tables[name], often, KEYS[name])
        if "messages" in times:  # each thread is to say how many there are
            said = replace(sandbox.world.sizes, messages=times["messages"])
            more = MailchimpAccount(1, 0, sandbox.world.now, said)
            tables["conversations"] = more["conversations"]
        print(json.dumps({"url": sandbox.url, "config": sandbox.config()}), flush=True)
        ended.wait()


if __name__ == "__main__":
    main(*json.loads(sys.argv[1]))
