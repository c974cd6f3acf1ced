"""Records that are kept back until it is known whether they are wanted."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Key = tuple[Any, ...]
    Record = dict[str, Any]

MOST_BYTES = 32 << 20
"""Beyond this nothing more is kept back, whether it is wanted or not."""

KEY_BYTES = 300
"""What a key takes beside its record, roughly."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Held:
    """Records by their keys; as JSON, since objects take eight times as much memory."""

    def __init__(self) -> None:
        """Begin with none."""
        self._records: dict[Key, bytes] = {}
        self._bytes = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._records)

    @property
    def is_full(self) -> bool:
        """Whether there are more than may be kept."""
        return self._bytes + len(self._records) * KEY_BYTES > MOST_BYTES

    def put(self, key: Key, record: Record) -> None:
        """Keep a record, instead of the one before with this key."""
        self.drop(key)
        self._records[key] = text = _encode(record)
        self._bytes += len(text)

    def drop(self, key: Key) -> None:
        """Forget a record, if there is one with this key."""
        self._bytes -= len(self._records.pop(key, b""))

    def drop_where(self, is_unwanted: Callable[[Key], bool]) -> None:
        """Forget the records with such keys."""
        for key in [*filter(is_unwanted, self._records)]:
            self.drop(key)

    def update(self, other: Held) -> None:
        """Keep those of another too."""
        self._records |= other._records
        self._bytes = sum(map(len, self._records.values()))

    def take(self, most: int) -> list[Record]:
        """Hand out some records, which are not kept any longer."""
        found = []
        for key in [*islice(self._records, most)]:
            found.append(_decode(self._records[key]))
            self.drop(key)
        return found

    def __iter__(self) -> Iterator[tuple[Key, Record]]:
        """All records with their keys."""
        for key, text in self._records.items():
            yield key, _decode(text)
