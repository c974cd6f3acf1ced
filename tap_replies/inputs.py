"""What is wrong with the catalog or the state that the user gave."""

from __future__ import annotations

import difflib
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from singer_sdk.singerlib import Catalog

from tap_replies.fields import kind_of
from tap_replies.settings import parsed
from tap_replies.stream import ApiStream
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from singer_sdk.mapper import PluginMapper
    from singer_sdk.singerlib.catalog import CatalogEntry

    Kinds = Mapping[str, type[ApiStream]]

REMEDY = "remove it from the state, or start without a state"

VALUE = "replication_key_value"
TEXTS = ("overlap", "told", "filters", "start_date")
"""What a bookmark keeps beside its moment, and readings of all streams look at."""

KINDS = frozenset({"string", "integer", "number", "boolean", "object", "array"})

LATEST = timedelta(days=1)
"""How far ahead a bookmark may lie: further than any clock is wrong."""


def name_of(kind: type[ApiStream]) -> str:
    """The name of a stream class."""
    name: str = kind.name  # type: ignore[misc] # every subclass has it as a class attribute
    return name


def file_problem(name: str) -> str | None:
    """What is wrong with a file of settings, if anything."""
    try:
        document = parsed(Path(name).read_text("utf-8"))
    except OSError as error:
        return f"{name} cannot be read ({error.strerror}); name a file, or ENV"
    except ValueError:
        document = None
    return None if isinstance(document, dict) else f"{name} must hold a JSON object of settings"


def is_catalog(document: dict[str, Any]) -> bool:
    """Whether a JSON object has the form of a Singer catalog."""
    try:
        return bool(Catalog.from_dict(document)) or document["streams"] == []
    except (AttributeError, KeyError, TypeError, ValueError):
        return False


def is_selected(entry: CatalogEntry) -> bool:
    """Whether the SDK takes the stream for selected; it does where nothing is said."""
    return entry.metadata.resolve_selection().get((), True)


def register(mapper: PluginMapper, catalog: Catalog, kinds: Kinds) -> None:
    """Tell the mapper of the selected streams, and of those of `kinds` that must be selected.

    Others have no column left to map.
    """
    for name, entry in catalog.items():
        if is_selected(entry):
            mapper.register_raw_streams_from_catalog(Catalog([(name, entry)]))
        elif name in kinds and not kinds[name].selected_by_default:
            columns, keys = entry.schema.to_dict(), entry.key_properties
            mapper.register_raw_stream_schema(name, columns, keys)


def unread(catalog: Catalog, accounts: Mapping[str, int]) -> Iterator[str]:
    """A warning if what the catalog selects is not read."""
    names = [entry.tap_stream_id for entry in catalog.values() if is_selected(entry)]
    if not names:
        yield "catalog: selects no stream, so nothing is read"
    without = [name for name in names if not accounts.get(name)]
    if without and any(accounts.values()):
        yield f"catalog: no account is configured from which to read {', '.join(without)}"


def left_unread(catalog: Catalog, only: Mapping[str, Any]) -> Iterator[str]:
    """A warning if `only` names a stream that the catalog does not select."""
    selected = {entry.tap_stream_id for entry in catalog.values() if is_selected(entry)}
    for name in only:
        if name not in selected:
            yield f"only: the catalog does not select {name}, so nothing of it is read; select it"


def catalog_problems(catalog: Catalog, kinds: Kinds) -> Iterator[str]:
    """What the catalog selects although it does not exist."""
    for entry in catalog.values():
        if not is_selected(entry):
            continue
        name = entry.tap_stream_id
        if name not in kinds:
            yield f"catalog: there is no stream {name!r}{_nearest(str(name), kinds)}"
            continue
        if entry.stream not in (None, name):
            yield f"catalog: `stream` of {name} is another; write it so too, or use stream_maps"
            continue
        if not isinstance(entry.schema.properties, dict):
            yield f"catalog: {name} has no schema; run --discover again"
            continue
        columns = kinds[name].declared()["properties"]
        selected = {
            crumb[1]
            for crumb, metadata in entry.metadata.items()
            if len(crumb) == 2 and metadata.selected  # noqa: PLR2004 - ("properties", name)
        }
        keys = entry.key_properties or []
        if not isinstance(keys, list | tuple) or not all(isinstance(key, str) for key in keys):
            yield f"catalog: key_properties of {name} must be a list of columns"
            continue
        yield from _column_problems(kinds[name], entry)
        for column in sorted({*selected, *entry.schema.properties, *keys}):
            if column not in columns:
                near = _nearest(column, columns)
                yield f"catalog: {name} has no column {column!r}{near}; run --discover again"
        key = kinds[name].replication_key
        own = key if isinstance(key, str) else None
        if entry.replication_key not in (None, own):
            yield (
                f"catalog: {name} cannot be replicated by {entry.replication_key!r}, "
                f"{f'only by {own}' if own else 'it is read whole'}; run --discover again"
            )


def _column_problems(kind: type[ApiStream], entry: CatalogEntry) -> Iterator[str]:
    """What of a schema cannot be written, or would make rows lose what tells them apart."""
    selection = entry.metadata.resolve_selection()
    own = kind.declared()["properties"]
    fixed = {*cast("Sequence[str]", kind.primary_keys), kind.replication_key}
    for column, definition in entry.schema.to_dict()["properties"].items():
        if column not in fixed and not selection.get(("properties", column), True):
            continue
        what = f"catalog: {name_of(kind)}.{column}"
        if not _is_definition(definition):
            yield f"{what} has no type that could be written; run --discover again"
        elif column in fixed and column in own:
            wanted = kind_of(own[column])
            if kind_of(definition) != wanted:
                yield f"{what} must stay a {wanted}; run --discover again"


def _is_definition(definition: Any) -> bool:  # noqa: ANN401 - any JSON
    """Whether records can be made to fit: by one type, of objects and arrays all the way down."""
    kinds = definition.get("type") if isinstance(definition, dict) else None
    names = [kinds] if isinstance(kinds, str) else kinds
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return False
    found = {*names} - {"null"}
    if not found or not found <= KINDS:
        return False
    if "object" in found:
        columns = definition.get("properties")
        return isinstance(columns, dict) and all(map(_is_definition, columns.values()))
    return "array" not in found or _is_definition(definition.get("items"))


def state_problems(
    state: Any,  # noqa: ANN401 - any JSON
    kinds: Kinds,
    now: str,
    accounts: Mapping[str, int],
) -> Iterator[str]:
    """What is wrong with a state, so that it would lead to rows being missed.

    `accounts` is how many accounts each stream is read from.
    """
    if state and (not isinstance(state, dict) or not isinstance(state.get("bookmarks"), dict)):
        yield "state: must be an object with `bookmarks`; start without a state to read all"
        return
    for name, entry in state.get("bookmarks", {}).items():
        if name not in kinds:
            yield f"state: there is no stream {name!r}{_nearest(name, kinds)}; {REMEDY}"
            continue
        partitions = (
            entry.get("partitions", []) if isinstance(entry, dict) and _is_own(entry) else None
        )
        if not isinstance(partitions, list):
            yield f"state: the bookmark of {name} is not one of this tap; {REMEDY}"
            continue
        if VALUE in entry:
            if accounts[name] > 1:
                yield f"state: the bookmark of {name} does not say for which account; {REMEDY}"
            partitions = [*partitions, {**entry, "context": {"account_id": "its account"}}]
        contexts = [each.get("context") for each in partitions if isinstance(each, dict)]
        if any(contexts.count(each) > 1 for each in contexts):
            yield f"state: {name} has two bookmarks for one account; {REMEDY}"
        for partition in partitions:
            yield from _bookmark_problems(kinds[name], partition, now)


def _bookmark_problems(
    kind: type[ApiStream],
    partition: Any,  # noqa: ANN401 - any JSON
    now: str,
) -> Iterator[str]:
    name = name_of(kind)
    bookmark = partition if isinstance(partition, dict) else {}
    context = bookmark.get("context")
    context = context if isinstance(context, dict) else {}
    account = context.get("account_id")
    lacking = [key for key in sorted(kind.context_keys) if not isinstance(context.get(key), str)]
    if lacking:
        yield f"state: a bookmark of {name} names no {' and no '.join(lacking)}; {REMEDY}"
    elif context.keys() - kind.context_keys:
        yield f"state: the bookmark of {name} for {account} is of more than an account; {REMEDY}"
    elif (bookmark.get("replication_key") or kind.replication_key) != kind.replication_key:
        yield f"state: the bookmark of {name} for {account} is one of another column; {REMEDY}"
    elif not _is_own(bookmark):
        yield f"state: the bookmark of {name} for {account} is not one of this tap; {REMEDY}"
    else:
        feeds = bookmark.get("feeds") or {}
        for value in [each.get(VALUE) for each in (bookmark, *feeds.values())]:
            moment = utc(value)
            if value is not None and moment is None:
                yield f"state: the bookmark of {name} for {account} is no time; {REMEDY}"
            elif moment and datetime.fromisoformat(moment) - datetime.fromisoformat(now) > LATEST:
                yield f"state: the bookmark of {name} for {account} lies in the future; {REMEDY}"


def _is_own(bookmark: Mapping[str, Any]) -> bool:
    """Whether what is kept beside a moment has the form in which this tap, or the SDK, keeps it."""
    feeds, markers = bookmark.get("feeds"), bookmark.get("progress_markers", {})
    noted = feeds.values() if isinstance(feeds, dict) else ()
    return (
        isinstance(markers, dict)
        and _are_texts(bookmark, TEXTS)
        and all(isinstance(each, dict) and _are_texts(each, (VALUE, *TEXTS)) for each in noted)
    )


def _are_texts(values: Mapping[str, Any], names: Iterable[str]) -> bool:
    return all(isinstance(values.get(name, ""), str) for name in names)


def only_problems(
    only: Mapping[str, Any], kinds: Kinds, accounts: Mapping[str, int]
) -> Iterator[str]:
    """What is wrong with the setting `only`; `accounts` is how many each stream is read from."""
    for name, wanted in only.items():
        kind = kinds.get(name)
        if kind is None:
            yield f"only: there is no stream {name!r}{_nearest(name, kinds)}"
        elif kind.single is ApiStream.single:
            yield f"only: {name} has no objects to choose from; remove it from the setting"
        elif not accounts[name]:
            yield f"only: no account is configured that {name} could be read from"
        elif not isinstance(wanted, list) or not all(_fits(each, kind) for each in wanted):
            yield f"only: {name} must be a list of {_form(kind)}"


def _fits(wanted: Any, kind: type[ApiStream]) -> bool:  # noqa: ANN401 - any JSON
    """Whether an entry of `only` has the form that the stream reads."""
    if not kind.single_keys:
        return isinstance(wanted, str) and bool(wanted)
    return (
        isinstance(wanted, dict)
        and wanted.keys() <= kind.single_keys.keys()
        and all(name in wanted for name, is_needed in kind.single_keys.items() if is_needed)
        and all(isinstance(value, str) and value for value in wanted.values())
    )


def _form(kind: type[ApiStream]) -> str:
    if not kind.single_keys:
        return "ids, each a text"
    words = (name if must else f"{name} (optional)" for name, must in kind.single_keys.items())
    return f"objects with {' and '.join(words)}, each a text"


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
