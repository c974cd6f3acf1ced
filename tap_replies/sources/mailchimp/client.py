"""How the Mailchimp Marketing API is asked: address, credential, errors, partial answers."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar

from tap_replies.errors import AccountError, masked
from tap_replies.job import Batch, Job
from tap_replies.paging import Collection, OffsetPaging
from tap_replies.source import Problem, Profile, Request
from tap_replies.stream import ApiStream
from tap_replies.times import moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tap_replies.source import Account, Ask, Row

SERVER = re.compile(r"[a-z]{2,4}\d{1,3}")
FILTERS = ("list_id", "campaign_id", "has_unread_messages")
METADATA_URL = "https://login.mailchimp.com/oauth2/metadata"

PAGING = OffsetPaging(count=1000, total_key="total_items")
"""1000 is the most that a page may hold (Marketing API documentation, "Pagination")."""

INSTANCE = re.compile(r"[0-9a-fA-F-]{1,64}")
"""The number of a refused call, by which the vendor's support finds it; no key looks like it."""

ACCOUNT_TITLES = frozenset(
    {"API Key Invalid", "API Key Missing", "Wrong Datacenter", "User Disabled", "API Access Denied"}
)
"""Titles of the error glossary that refuse the account itself, whatever was asked."""


class MailchimpApi:
    """One Mailchimp account.

    Source: Marketing API documentation, "Fundamentals" (address, authentication, errors).
    """

    def __init__(self, account: Account) -> None:
        """Take the credential from the account's settings."""
        self._account = account
        values = account.values
        self.base_url = _base_url(values)
        self._token = values.get("access_token")
        if self._token:
            self.headers = {"Authorization": f"Bearer {self._token}"}
        else:
            pair = base64.b64encode(f"tap:{values['api_key']}".encode()).decode()
            self.headers = {"Authorization": f"Basic {pair}"}

    def profile(self, ask: Ask) -> Profile:
        """Who the account is, from the API's root; a token's data center is looked up first.

        Source: API reference, "API Root"; Marketing API guides, "Access Data on Behalf of Other
        Users with OAuth 2".
        """
        if not self.base_url:
            self.base_url = self._looked_up(ask)
        root = ask(Request("/", {"exclude_fields": "_links"}, "the account"))
        return Profile(
            account_id=str(root.get("account_id") or self._account.label),
            name=root.get("account_name"),
            plan=root.get("pricing_plan_type"),
            role=root.get("role"),
            addresses=tuple(filter(None, [root.get("email")])),
        )

    def _looked_up(self, ask: Ask) -> str:
        # The endpoint answers 200 to a bad token too, then without `api_endpoint`.
        metadata = ask(
            Request(
                METADATA_URL,
                about="the token's data center",
                headers={"Authorization": f"OAuth {self._token}"},
            )
        )
        server = str(metadata.get("dc", ""))
        if not SERVER.fullmatch(server):
            msg = (
                f"{self._account.setting('access_token')}: Mailchimp does not know this token; "
                "authorize the app again and set the new token"
            )
            raise AccountError(msg)
        return _url(server)

    def problem(self, status: int, body: Any) -> Problem:  # noqa: ANN401 - any JSON
        """Title, detail and instance of the error document.

        Source: Marketing API documentation, "Errors" (problem+json) and "Error Glossary".
        """
        if not isinstance(body, dict):
            return Problem(str(status))
        title = masked(str(body.get("title") or ""))
        text = " ".join(filter(None, (str(status), title)))
        for name in ("detail", "instance", "type"):
            if value := str(body.get(name) or ""):
                is_number = name == "instance" and INSTANCE.fullmatch(value)
                text += f"; {name}: {value if is_number else masked(value)}"
        is_account = title.replace(" ", "").lower() in _ACCOUNT_TITLES
        if is_account or status == 401:  # noqa: PLR2004 - HTTP's own
            text += f"; check {self._account.given}"
        return Problem(text, is_account)


_ACCOUNT_TITLES = frozenset(title.replace(" ", "").lower() for title in ACCOUNT_TITLES)


def check(account: Account) -> Iterator[str]:
    """What is wrong with an account's settings."""
    values = account.values
    key, server = values.get("api_key"), values.get("server")
    if key and values.get("access_token"):
        yield (
            f"{account.setting('api_key')}: is set together with "
            f"{account.setting('access_token')}; keep one of them"
        )
    if server and not SERVER.fullmatch(server):
        yield f"{account.setting('server')}: must look like us6"
    elif key and not values.get("api_url"):
        suffix = _server_of(key)
        if not server and suffix is None:
            yield (
                f"{account.setting('api_key')}: does not end with a data center such as -us6; copy "
                f"the whole key, or set {account.setting('server')}"
            )
        elif server and suffix and suffix != server:
            yield (
                f"{account.setting('server')}: is {server}, but the key is one of {suffix}; "
                "remove the setting"
            )
    for name, value in (values.get("filters") or {}).items():
        if name not in FILTERS:
            known = ", ".join(FILTERS)
            yield f"{account.setting('filters')}: there is no filter {name!r}; there are {known}"
        elif not isinstance(value, bool if name == "has_unread_messages" else str):
            kind = "true or false" if name == "has_unread_messages" else "an id"
            yield f"{account.setting('filters')}: {name} must be {kind}"


def subscriber_hash(address: str) -> str:
    """The id of a person in Mailchimp: the MD5 of the trimmed, lower-cased address.

    Source: API reference, "List members", path parameter `subscriber_hash`.
    """
    return hashlib.md5(address.strip().lower().encode(), usedforsecurity=False).hexdigest()


def since(moment: str) -> str:
    """A bound for a `since_…` parameter, which leaves out the very moment (measured by others).

    Whole seconds: fractions have made the API answer 500.
    """
    return _whole(moved(moment, -timedelta(seconds=1)))


def before(moment: str) -> str:
    """A bound for a `before_…` parameter, which takes in the very moment (measured by others)."""
    return _whole(moment)


def _whole(moment: str) -> str:
    return f"{datetime.fromisoformat(moment):%Y-%m-%dT%H:%M:%S}+00:00"


def _server_of(key: str) -> str | None:
    suffix = key.rpartition("-")[2] if "-" in key else ""
    return suffix if SERVER.fullmatch(suffix) else None


def _url(server: str) -> str:
    return f"https://{server}.api.mailchimp.com/3.0"


def _base_url(values: Mapping[str, Any]) -> str:
    if url := values.get("api_url"):
        return f"{url.rstrip('/').removesuffix('/3.0')}/3.0"
    server = values.get("server") or _server_of(values.get("api_key") or "")
    return _url(server) if server else ""


class MailchimpStream(ApiStream):
    """A stream of rows from Mailchimp's lists."""

    rows_key: ClassVar[str]
    """The name of the rows in the answer."""

    own_columns: ClassVar[tuple[str, ...]] = ()
    """Columns that the tap makes, and so does not ask for."""

    asked: ClassVar[tuple[str, ...]] = ("id",)
    """Fields that are asked for whatever is selected."""

    extra: ClassVar[Mapping[str, str]] = {}
    """Parameters without which the API leaves out something, by the column that holds it."""

    def listing(
        self,
        path: str,
        about: str,
        params: Mapping[str, Any],
        *key: str,
        version: Callable[[Row], str | None] | None = None,
        expected: object = None,
    ) -> Collection:
        """A paged list of this stream's rows, asking only for the selected columns."""
        return Collection(
            Request(path, {**self.partial(f"{self.rows_key}."), **params}, about),
            self.rows_key,
            PAGING,
            itemgetter(*(key or ("id",))),
            version,
            expected=expected,
        )

    def partial(self, prefix: str) -> dict[str, str]:
        """The parameter that leaves out what is not selected, and the links in any case.

        Source: Marketing API documentation, "Partial responses". The two parameters exclude one
        another.
        """
        columns = {
            name: definition
            for name, definition in self.schema["properties"].items()
            if name != "account_id" and name not in self.own_columns
        }
        more = {self.extra[name]: "true" for name in self.extra if self.mask["properties", name]}
        fields, is_whole = self._chosen(columns, (), prefix)
        if is_whole:
            return {"exclude_fields": f"{prefix}_links,_links" if prefix else "_links", **more}
        for name in self.asked:
            if not any(f"{prefix}{name}.".startswith(f"{each}.") for each in fields):
                fields.append(prefix + name)
        total = [PAGING.total_key] if prefix else []
        return {"fields": ",".join([*fields, *total]), **more}

    def _chosen(
        self, properties: Mapping[str, Any], crumb: tuple[str, ...], path: str
    ) -> tuple[list[str], bool]:
        """The dotted names of what is selected of an object, and whether that is all of it."""
        fields, is_whole = [], True
        for name, definition in properties.items():
            own = (*crumb, "properties", name)
            inner, all_inner = self._chosen(definition.get("properties", {}), own, f"{path}{name}.")
            if not self.mask[own]:
                is_whole = False
            elif all_inner:
                fields.append(path + name)
            else:
                is_whole = False
                fields += inner
        return fields, is_whole

    def one(self, job: Job, path: str, about: str) -> Batch:
        """One object by its own call."""
        return Batch([job.fetcher.ask(Request(path, self.partial(""), about))], is_dirty=True)


def ids(path: str, rows_key: str, about: str, *fields: str, **params: str) -> Collection:
    """A list that leads to others: only the ids, and what tells whether they changed."""
    wanted = [f"{rows_key}.{field}" for field in ("id", *fields)]
    return Collection(
        Request(path, {"fields": ",".join([*wanted, PAGING.total_key]), **params}, about),
        rows_key,
        PAGING,
        itemgetter("id"),
    )
