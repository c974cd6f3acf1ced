"""Faults that strike chosen requests."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs

import msgspec

if TYPE_CHECKING:
    from tap_replies.sandbox.answer import Request

Kind = Literal[
    "status",
    "cut",
    "reset",
    "stall",
    "slow_body",
    "html200",
    "garbage200",
    "truncated_json",
    "duplicate_rows",
    "missing_rows",
    "hostile",
    "total",
    "foreign",
    "mutate",
    "revoke",
    "redirect",
]


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One thing that goes wrong, and on which of the requests that fit it.

    `path` is a glob over the request path, in which `*` also matches slashes. `query` and
    `account` narrow it further. Without `at`, every request is struck, `times` at most.
    """

    kind: Kind
    path: str = "*"
    query: dict[str, str] = {}
    account: str = ""
    at: int | None = None
    times: int | None = None
    status: int = 500
    retry_after: str | None = None
    body: Literal["json", "html", "empty"] = "json"
    seconds: float = 1
    delta: int = 1
    to: str = ""
    mutations: list[dict[str, Any]] = []
    seen: int = 0
    """How many fitting requests came since the fault was set; not to be given."""

    def strikes(self, request: Request, account: str) -> bool:
        """Count a request and tell whether it is struck."""
        if not fnmatchcase(request.path, self.path) or self.account not in ("", account):
            return False
        if self.query:
            given = parse_qs(request.query, keep_blank_values=True)
            if any(given.get(name) != [value] for name, value in self.query.items()):
                return False
        self.seen += 1
        if self.at is None:
            return self.times is None or self.seen <= self.times
        return self.at <= self.seen < self.at + (1 if self.times is None else self.times)
