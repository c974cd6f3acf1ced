"""The settings: what there is, and the accounts that a configuration names."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any, NoReturn

from tap_replies.common_settings import COMMON
from tap_replies.errors import masked
from tap_replies.scrub import HALF_CHARACTER, is_text
from tap_replies.source import Account, Setting
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tap_replies.source import Source

ACCOUNT_KEYS = ("source", "name")


def all_settings(sources: Iterable[Source]) -> Iterator[Setting]:
    """Every setting by its full name, in the order in which people meet them."""
    for source in sources:
        for setting in source.account_settings:
            yield _prefixed(source, setting)
        yield from source.settings
    yield from COMMON


def config_jsonschema(sources: Iterable[Source]) -> dict[str, Any]:
    """The settings as the JSON schema that `--about` shows."""
    return {
        "type": "object",
        "properties": {setting.name: _property(setting) for setting in all_settings(sources)},
    }


def _prefixed(source: Source, setting: Setting) -> Setting:
    return Setting(
        f"{source.name}_{setting.name}",
        setting.type,
        setting.description,
        setting.default,
        setting.secret,
        setting.allowed,
        setting.minimum,
        setting.maximum,
        setting.items,
    )


def types_of(setting: Setting) -> tuple[str, ...]:
    """The JSON types that a setting may have."""
    return (setting.type,) if isinstance(setting.type, str) else setting.type


def _property(setting: Setting) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "type": [*types_of(setting), "null"],
        "title": setting.title,
        "description": setting.description,
    }
    if setting.default is not None:
        definition["default"] = setting.default
    if setting.allowed:
        definition["enum"] = [*setting.allowed, None]
    if setting.minimum is not None:
        definition["minimum"] = setting.minimum
    if setting.maximum is not None:
        definition["maximum"] = setting.maximum
    if "array" in types_of(setting):
        definition["items"] = {"type": setting.items}
    if setting.secret:
        definition |= {"secret": True, "writeOnly": True}
    return definition


def missing_everything(sources: Sequence[Source]) -> str:
    """What to tell a user who configured no source at all."""
    ways = "; or ".join(
        " and ".join("/".join(f"{source.name}_{name}" for name in group) for group in source.needs)
        for source in sources
    )
    return f"No account is configured. Set {ways}; or list several under `accounts`"


def configured(config: Mapping[str, Any], sources: Sequence[Source]) -> Iterator[Account]:
    """The accounts that a configuration names.

    Raises:
        ValueError: `accounts` cannot be understood; the message says why.
    """
    for source in sources:
        values = {
            setting.name: config.get(f"{source.name}_{setting.name}")
            for setting in source.account_settings
        }
        if any(value not in (None, "", {}) for value in values.values()):
            yield Account(source, source.name, None, values)
    by_name = {source.name: source for source in sources}
    for index, entry in enumerate(_entries(config.get("accounts"))):
        label = f"accounts[{index}]"
        if not isinstance(entry, dict):
            msg = f"{label}: must be an object with `source` and the source's settings"
            raise ValueError(msg)  # noqa: TRY004 - a user's mistake, not a type error of ours
        account_source = by_name.get(str(entry.get("source")))
        if account_source is None:
            known = ", ".join(by_name)
            msg = f"{label}.source: must be one of {known}"
            raise ValueError(msg)
        keys = [*ACCOUNT_KEYS, *(setting.name for setting in account_source.account_settings)]
        for name in entry:
            if name not in keys:
                near = difflib.get_close_matches(str(name), keys, 1, 0.5)
                hint = f"; did you mean {near[0]}?" if near else ""
                what = masked(str(name))
                msg = f"{label}.{what}: there is no such setting of {account_source.title}{hint}"
                raise ValueError(msg)
        for setting in (Setting("name", "string", ""), *account_source.account_settings):
            message = value_problem(f"{label}.{setting.name}", setting, entry.get(setting.name))
            if message:
                raise ValueError(message)
        yield Account(
            account_source,
            label,
            entry.get("name"),
            {setting.name: entry.get(setting.name) for setting in account_source.account_settings},
        )


def _entries(accounts: Any) -> list[Any]:  # noqa: ANN401 - whatever the user wrote
    if isinstance(accounts, str):
        try:
            accounts = parsed(accounts) if accounts.strip() else None
        except ValueError:
            msg = "accounts: is text that is not JSON; write an array of objects"
            raise ValueError(msg) from None
    if accounts is None:
        return []
    if not isinstance(accounts, list):
        msg = "accounts: must be an array of objects, one per account"
        raise ValueError(msg)  # noqa: TRY004 - a user's mistake, not a type error of ours
    return accounts


WORDS = {
    "string": (str, "a text"),
    "integer": (int, "a whole number"),
    "boolean": (bool, "true or false"),
    "object": (dict, "an object"),
    "array": (list, "an array"),
}


def value_problem(name: str, setting: Setting, value: Any) -> str | None:  # noqa: ANN401
    """What is wrong with a value, without quoting it: it may be a secret."""
    if value is None:
        return None
    problem = _form_problem(setting, value) or _range_problem(setting, value)
    return f"{name}: {problem}" if problem else None


def _form_problem(setting: Setting, value: Any) -> str | None:  # noqa: ANN401
    wanted = " or ".join(WORDS[kind][1] for kind in types_of(setting))
    is_kind = any(isinstance(value, WORDS[kind][0]) for kind in types_of(setting))
    if not is_kind or (isinstance(value, bool) and "boolean" not in types_of(setting)):
        return f"must be {wanted}"
    if isinstance(value, str) and "\0" in value:
        return "holds U+0000, which no database takes; write it anew"
    return None if is_text(value) else f"{HALF_CHARACTER}; write it anew"


def _range_problem(setting: Setting, value: Any) -> str | None:  # noqa: ANN401
    if setting.allowed and value not in setting.allowed:
        return f"must be one of {', '.join(setting.allowed)}"
    if setting.minimum is not None and value < setting.minimum:
        return f"must be {setting.minimum} or more"
    if setting.maximum is not None and value > setting.maximum:
        return f"must be {setting.maximum} or less"
    return None


def parsed(text: str) -> Any:  # noqa: ANN401 - any JSON
    """A JSON text, without the NaN and the infinities that Python takes and the SDK does not.

    Raises:
        ValueError: It is not JSON, or nested too deep to be read.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def texts(config: Mapping[str, Any], name: str) -> list[str]:
    """A setting that is an array of texts, or such an array as JSON.

    Raises:
        ValueError: It cannot be understood; the message says why.
    """
    value = config.get(name)
    if isinstance(value, str):
        try:
            value = parsed(value) if value.strip() else None
        except ValueError:
            msg = f"{name}: is text that is not JSON; write an array of texts"
            raise ValueError(msg) from None
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        msg = f"{name}: must be an array of texts"
        raise ValueError(msg)
    return value


def moment(config: Mapping[str, Any], name: str) -> str | None:
    """A date setting in the form of a bookmark."""
    value = config.get(name)
    return utc(value) if value else None
