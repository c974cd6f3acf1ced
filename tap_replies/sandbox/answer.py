"""What a handler returns, and what an ASGI application sends."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from tap_replies.sandbox.projection import for_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_replies.sandbox.table import Entry, Row, Table

Query = dict[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """The part of a request that decides its answer."""

    method: str
    path: str
    query: str
    authorization: str
    gzip: bool

    @property
    def parameters(self) -> Query:
        """The query string as a dictionary; the last of a repeated name wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status, body and the headers beyond its length."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """Rows to page through, in order, and what stands beside them in the envelope."""

    name: str
    table: Table
    entries: list[Entry]
    envelope: Row = field(default_factory=dict)
    hidden: str = ""
    counted: int | None = None

    @property
    def total(self) -> int:
        """How many rows the envelope claims."""
        return len(self.entries) if self.counted is None else self.counted

    def rows(
        self, start: int, count: int, fields: str = "", exclude_fields: str = ""
    ) -> bytes | None:
        """Return `count` rows from `start` as a JSON array; None when no row field is wanted."""
        projection = for_rows(self.name, fields, exclude_fields, self.hidden)
        if projection is None:
            return None
        encode = self.table.encode
        chosen = self.entries[start : start + count]
        return b"[" + b",".join([encode(entry, projection) for entry in chosen]) + b"]"


class Refusal(Exception):  # noqa: N818
    """The request is answered with an error."""

    def __init__(self, answer: Answer) -> None:
        """Carry the answer."""
        super().__init__(answer.status)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Route:
    """A path with {placeholders} and the handler that answers it."""

    template: str
    handler: Callable[..., Listing | Row]


class Router:
    """Finds the route of a path."""

    def __init__(self, handlers: Mapping[str, Callable[..., Listing | Row]]) -> None:
        """Take {template: handler}; the first template that fits wins."""
        self._routes = [(_parts(path), Route(path, handler)) for path, handler in handlers.items()]
        self.find = lru_cache(maxsize=65536)(self._find)

    def _find(self, path: str) -> tuple[Route, tuple[str, ...]] | None:
        parts = _parts(path)
        for pattern, route in self._routes:
            if len(pattern) == len(parts):
                ids = []
                for wanted, given in zip(pattern, parts, strict=True):
                    if wanted.startswith("{"):
                        ids.append(given)
                    elif wanted != given:
                        break
                else:
                    return route, tuple(ids)
        return None


def _parts(path: str) -> list[str]:
    return path.strip("/").split("/")
