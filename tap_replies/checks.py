"""What is wrong with what the user gave: settings, environment, catalog and state.

Every message names the setting or object, the cause and the remedy; none quotes a value that may
be a secret.
"""

from __future__ import annotations

import difflib
import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tap_replies import privacy
from tap_replies.errors import masked
from tap_replies.settings import all_settings, configured, parsed, texts, types_of, value_problem
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_replies.source import Account, Source

EARLIEST = "1970"

BOOLEANS = frozenset({"true", "1", "yes", "on", "false", "0", "no", "off", ""})
"""What a boolean may be in the environment; the SDK takes all other text for false."""


def problems(config: Mapping[str, Any], sources: Sequence[Source]) -> list[str]:
    """What is wrong with a configuration: one message per setting, never with a secret in it."""
    found = [
        message
        for setting in all_settings(sources)
        if (message := value_problem(setting.name, setting, config.get(setting.name)))
    ]
    if found:
        return found
    found += _date_problems(config)
    found += _text_problems(config, sources)
    if not _is_plain(config.get("user_agent") or "", spaces=True):
        found.append("user_agent: must be one line of ASCII characters")
    try:
        accounts = list(configured(config, sources))
    except ValueError as error:
        return [*found, str(error)]
    for source in sources:
        most = source.most_connections
        is_used = any(account.source is source for account in accounts)
        if most and is_used and config["max_connections"] > most:
            found.append(
                f"max_connections: {source.title} refuses more than {most} requests at once; "
                f"set {most} or less"
            )
    names = Counter(account.name for account in accounts if account.name)
    found += [
        f"accounts: the name {name!r} is used {count} times; names must differ, as they are the "
        "account_id of the records"
        for name, count in names.items()
        if count > 1
    ]
    for account in accounts:
        found += _account_problems(account)
    return [*found, *privacy.problems(config, accounts)]


def unknown(config: Mapping[str, Any], known: Iterable[str]) -> Iterator[str]:
    """A warning for each setting that does not exist, with the nearest one that does."""
    names = list(known)
    for name in config:
        if name not in names:
            near = difflib.get_close_matches(name, names, 1, 0.6)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{masked(name)}: there is no such setting, it is ignored{hint}"


def _account_problems(account: Account) -> Iterator[str]:
    missing = [
        "/".join(account.setting(name) for name in group)
        for group in account.source.needs
        if not any(account.values.get(name) for name in group)
    ]
    for name in missing:
        yield f"{name}: is missing; {account.source.title} needs it to read the account"
    for setting in account.source.account_settings:
        if setting.secret and not _is_plain(account.values.get(setting.name) or ""):
            yield (
                f"{account.setting(setting.name)}: holds a space, a line break or a character that "
                "is in no key; copy it again"
            )
    url = account.values.get("api_url")
    if url and (problem := check_url(url)):
        yield f"{account.setting('api_url')}: {problem}"
    if not missing:
        yield from account.source.check(account)


def _date_problems(config: Mapping[str, Any]) -> Iterator[str]:
    dates = {}
    for name in ("start_date", "end_date"):
        if value := config.get(name):
            moment = dates[name] = utc(value)
            if moment is None:
                yield (
                    f"{name}: {value!r} is no date; write it like 2026-01-31 or "
                    "2026-01-31T08:00:00Z"
                )
            elif moment < EARLIEST:
                yield f"{name}: is earlier than any message; write a date from {EARLIEST} on"
    start, end = dates.get("start_date"), dates.get("end_date")
    if start and end and end <= start:
        yield "end_date: must be later than start_date"


def _text_problems(config: Mapping[str, Any], sources: Sequence[Source]) -> Iterator[str]:
    for setting in all_settings(sources):
        if "array" in types_of(setting) and setting.items == "string":
            try:
                texts(config, setting.name)
            except ValueError as error:
                yield str(error)


def check_url(url: str) -> str | None:
    """What is wrong with the URL of an API, if anything: plain HTTP only on this machine."""
    example = "must be a URL such as https://proxy.example.com"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return example
    if parts.scheme not in {"http", "https"} or not parts.hostname or not _is_plain(url):
        return example
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or password; the account's other settings are for them"
    if parts.query or parts.fragment:
        return f"must end with the path; {example}"
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        return "must be https: over plain http the credential could be read on the way"
    return None


def _is_plain(text: str, *, spaces: bool = False) -> bool:
    """Whether a text can travel in a header or a URL as it is."""
    return text.isascii() and text.isprintable() and (spaces or " " not in text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def environment_problems(
    environment: Mapping[str, str], prefix: str, jsonschema: Mapping[str, Any]
) -> Iterator[str]:
    """Which settings in the environment are not of their type, and so cannot be read."""
    for name, definition in jsonschema["properties"].items():
        variable = prefix + name.upper()
        if variable not in environment:
            continue
        text, types = environment[variable], definition.get("type", ())
        if "boolean" in types and text.lower() not in BOOLEANS:
            yield f"{name}: the environment variable {variable} must be true or false"
        try:
            if "integer" in types:
                int(text)
            elif "object" in types or "array" in types:
                parsed(text)
        except ValueError:
            kind = "a whole number" if "integer" in types else "JSON"
            yield f"{name}: the environment variable {variable} must hold {kind}"
