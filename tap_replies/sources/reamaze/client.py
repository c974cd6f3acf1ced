"""How the Re:amaze API is asked: address, credential, errors, filters."""

from __future__ import annotations

import base64
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_replies.errors import masked
from tap_replies.paging import NumberedPaging
from tap_replies.source import Problem, Profile, Request
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_replies.source import Account, Ask

PAGING = NumberedPaging("page", "page_size", "page_count", "total_count")
"""Source: Re:amaze API documentation, "Pagination"; the page's size is the server's choice."""

BRAND = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
HOSTS = (".reamaze.io", ".reamaze.com")
DATE_FILTERS = ("start_date", "end_date")


def _one_of(*words: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in words, f"one of {', '.join(words)}"


_TEXT = (lambda value: isinstance(value, str), "a text")
_DATE = (lambda value: isinstance(value, str) and utc(value) is not None, "a date like 2026-01-31")

FILTERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "filter": _one_of("all", "archived", "open", "unassigned"),
    "sort": _one_of("updated", "changed"),
    "for": _TEXT,
    "for_id": _TEXT,
    "tag": _TEXT,
    "category": _TEXT,
    "origin": (lambda value: isinstance(value, (int, str)), "a number or a word"),
    "data": (lambda value: isinstance(value, dict), "an object of custom attributes"),
    "start_date": _DATE,
    "end_date": _DATE,
}
"""Filters of the conversations list, each with what it takes.

Source: Re:amaze API documentation, "Retrieving Conversations".
"""


class ReamazeApi:
    """One brand of a Re:amaze account.

    Source: Re:amaze API documentation, "Authentication": Basic, with a staff member's login
    and token.
    """

    def __init__(self, account: Account) -> None:
        """Take brand and credential from the account's settings."""
        values = account.values
        self._account = account
        self.brand = brand_of(values.get("brand") or "") or ""
        url = values.get("api_url") or f"https://{self.brand}.reamaze.io"
        self.base_url = f"{url.rstrip('/').removesuffix('/api/v1')}/api/v1"
        pair = base64.b64encode(f"{values['login']}:{values['api_token']}".encode()).decode()
        self.headers = {"Authorization": f"Basic {pair}"}

    def profile(self, ask: Ask) -> Profile:
        """The brand; the newest conversation is asked for to check the credential."""
        ask(Request("/conversations", conversation_params({}, sort="changed"), "the account"))
        return Profile(account_id=self.brand, name=self.brand)

    def problem(self, status: int, body: Any) -> Problem:  # noqa: ANN401 - any JSON
        """The error's text: `error`, or `errors` as text, list or object.

        Source: Re:amaze API documentation, "Errors".
        """
        text = str(status)
        if isinstance(body, dict):
            found = body.get("error") or body.get("errors")
            if isinstance(found, dict):
                found = "; ".join(f"{name}: {each}" for name, each in found.items())
            if isinstance(found, list):
                found = "; ".join(map(str, found))
            if found:
                text += f" {masked(str(found))}"
        if status == 401:  # noqa: PLR2004 - HTTP's own
            text += (
                f"; check {self._account.setting('login')} and {self._account.setting('api_token')}"
            )
        return Problem(text)


def brand_of(text: str) -> str | None:
    """The brand in what a user may write: `acme`, `acme.reamaze.io`, or a URL of that host."""
    try:
        host = urlsplit(text if "//" in text else f"//{text}").hostname or ""
    except ValueError:
        return None
    for ending in HOSTS:
        host = host.removesuffix(ending)
    return host if BRAND.fullmatch(host) else None


def check(account: Account) -> Iterator[str]:
    """What is wrong with an account's settings."""
    if brand_of(account.values["brand"]) is None:
        yield (
            f"{account.setting('brand')}: is no brand; write the part before .reamaze.io, such as "
            "acme"
        )
    if ":" in account.values["login"]:
        yield f"{account.setting('login')}: must not hold a colon; write the e-mail address"
    for name, value in (account.values.get("filters") or {}).items():
        if name not in FILTERS:
            problem = f"there is no filter {name!r}; there are {', '.join(FILTERS)}"
            yield f"{account.setting('filters')}: {problem}"
        elif not FILTERS[name][0](value):
            yield f"{account.setting('filters')}: {name} must be {FILTERS[name][1]}"


def conversation_params(filters: Mapping[str, Any], sort: str | None = None) -> dict[str, Any]:
    """The query of the conversations list.

    Without `filter` the API leaves out archived conversations, so `all` is always asked for.
    Source: Re:amaze API documentation, "Retrieving Conversations".
    """
    params: dict[str, Any] = {"filter": "all"}
    for name, value in filters.items():
        if name == "data":
            params |= {f"data[{key}]": each for key, each in value.items()}
        elif name in DATE_FILTERS:
            params[name] = date_param(utc(value) or "")
        else:
            params[name] = value
    if sort:
        params["sort"] = sort
    return params


def date_param(moment: str) -> str:
    """A date-time as the API takes it, in whole seconds."""
    return f"{datetime.fromisoformat(moment):%Y-%m-%dT%H:%M:%SZ}"
