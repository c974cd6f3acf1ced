"""What a source declares: its settings, how its API answers, and its streams."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from tap_replies.feed import Feeds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Row = dict[str, Any]
"""One object as the API gave it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the tap, as it appears in `--about` and in meltano.yml."""

    name: str
    type: str | tuple[str, ...]
    description: str
    default: Any = None
    secret: bool = False
    allowed: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    items: str = "object"
    """What an array holds."""

    @property
    def title(self) -> str:
        """A label for people: `reamaze_api_token` is `Reamaze API token`."""
        words = self.name.split("_")
        special = {"api": "API", "url": "URL", "id": "ID"}
        label = " ".join(special.get(word, word) for word in words)
        return label[:1].upper() + label[1:]


@dataclass(frozen=True, slots=True)
class Account:
    """One credential, as the settings give it.

    `label` is the setting that declares it (`mailchimp` or `accounts[2]`), for messages;
    `values` are its settings without the source's prefix.
    """

    source: Source
    label: str
    name: str | None
    values: Mapping[str, Any]

    def setting(self, name: str) -> str:
        """The setting's name as the user wrote it."""
        return f"{self.label}.{name}" if "[" in self.label else f"{self.label}_{name}"

    @property
    def given(self) -> str:
        """The names of the settings that say where the account is and who asks."""
        names = (one.name for one in self.source.account_settings if one.type == "string")
        return ", ".join(self.setting(name) for name in names if self.values.get(name))


@dataclass(frozen=True, slots=True)
class Profile:
    """Who an account is, as its API tells."""

    account_id: str
    name: str | None = None
    plan: str | None = None
    role: str | None = None
    addresses: tuple[str, ...] = ()
    """Addresses under which the account itself writes."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET: a path below the API's root, and its query.

    `about` is what the request is called in messages; it holds no address and no secret.
    """

    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


def segment(value: object) -> str:
    """A value as one part of a path, whatever an API returned as an id."""
    return quote(str(value), safe="", errors="replace")


@dataclass(frozen=True, slots=True)
class Problem:
    """What an API says about a refused request.

    `is_account` tells that the account itself is refused (bad key, deactivated), not the request.
    """

    text: str
    is_account: bool = False


class Ask(Protocol):
    """Fetch one object."""

    def __call__(self, request: Request) -> Row:
        """Return the object, or raise one of the errors of `errors.py`."""


class Api(Protocol):
    """How to speak to one account of a source."""

    @property
    def base_url(self) -> str:
        """Scheme, host and root path, with no slash at the end; empty before it is looked up."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that carry the credential."""

    def profile(self, ask: Ask) -> Profile:
        """Who this account is; the first request of a run, and so the credential's check."""

    def problem(self, status: int, body: Any) -> Problem:  # noqa: ANN401 - any JSON
        """What a refused request's body says, without personal data."""


@dataclass(frozen=True, slots=True)
class Source:
    """A vendor whose API the tap reads."""

    name: str
    title: str
    account_settings: tuple[Setting, ...]
    """Settings of one account, without the source's prefix."""

    settings: tuple[Setting, ...]
    """Settings for all accounts of the source, by their full names."""

    needs: tuple[tuple[str, ...], ...]
    """Groups of account settings; one of each group must be set."""

    most_connections: int | None
    """The vendor's own limit of requests at once."""

    check: Callable[[Account], Iterable[str]]
    """What is wrong with an account's settings, one message each."""

    connect: Callable[[Account], Api]
    """The API of one account."""

    streams: Callable[[], Sequence[type[Any]]]
    """The stream classes; a function, so that settings load without them."""

    feeds: Callable[[], Feeds] = Feeds
    """What `replies` is made of; a function for the same reason."""
