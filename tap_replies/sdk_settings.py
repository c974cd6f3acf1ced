"""What is wrong with the settings that singer-sdk adds: stream maps, flattening, batches."""

from __future__ import annotations

import fnmatch
import importlib
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from singer_sdk.exceptions import MappingError
from singer_sdk.helpers._batch import BatchConfig

from tap_replies.errors import masked
from tap_replies.settings import WORDS, value_problem
from tap_replies.source import Setting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

BATCH_FORM = (
    "batch_config: must be an object with `encoding` (`format` jsonl or parquet, `compression` "
    "gzip or none), `storage` (`root`, such as file:///tmp/batches, and maybe `prefix`, a text) "
    "and maybe `batch_size` (1 or more)"
)
NAMES = frozenset({"__alias__", "__source__"})
"""What in a map names a stream."""

NO_PYARROW = (
    "batch_config: the format parquet needs the extra `parquet`, which is not installed; add it "
    "(tap-replies[parquet]), or choose the format jsonl"
)


def problems(
    config: Mapping[str, Any], definitions: Mapping[str, Any], streams: Collection[str]
) -> list[str]:
    """What is wrong with these settings; `definitions` are their JSON schemas."""
    found = []
    for name, definition in definitions.items():
        kinds = tuple(kind for kind in definition["type"] if kind in WORDS)
        if problem := value_problem(name, Setting(name, kinds, ""), config.get(name)):
            found.append(problem)
    if not found:
        found += _map_problems(config.get("stream_maps") or {}, streams)
        found += _batch_problems(config)
    return found


def mapper_problem(error: Exception, config: Mapping[str, Any]) -> str:
    """What is wrong with the settings from which the SDK could make no mapper."""
    if isinstance(error, MappingError) or not config.get("flattening_enabled"):
        return f"stream_maps: {error}"
    return f"flattening_enabled: {error}; raise flattening_max_key_length, or remove it"


def _map_problems(maps: Mapping[str, Any], streams: Collection[str]) -> Iterator[str]:
    for name, definition in maps.items():
        if name == "__else__":
            continue
        columns = definition if isinstance(definition, dict) else {}
        if definition not in (None, "__NULL__") and not isinstance(definition, dict):
            yield f"stream_maps: {name} must be an object, or null to leave the stream out"
        for column, expression in columns.items():
            is_keys = column == "__key_properties__"
            kind, parts = ("a list of columns", expression) if is_keys else ("a text", [expression])
            is_text = isinstance(parts, list) and all(isinstance(part, str) for part in parts)
            or_null = "" if column in NAMES else ", or null"
            if not is_text and not (expression is None and or_null):
                yield f"stream_maps: {name}.{column} must be {kind}{or_null}"
        source = columns.get("__source__", name)
        if isinstance(source, str) and not fnmatch.filter(streams, source):
            yield f"stream_maps: there is no stream {source!r}; there are {', '.join(streams)}"


def _batch_problems(config: Mapping[str, Any]) -> Iterator[str]:
    if not (wanted := config.get("batch_config")):
        return
    try:
        batches = BatchConfig.from_dict(wanted)
        with suppress(ImportError):  # told below
            _ = batches.storage._root_path  # noqa: SLF001 - the one place that knows its kind
        encoding = batches.encoding
        is_known = (
            encoding.format in {"jsonl", "parquet"}
            and encoding.compression in {"gzip", "none", None}
            and type(batches.batch_size) is int
            and batches.batch_size > 0
            and isinstance(batches.storage.prefix, str | None)
        )
    except (TypeError, ValueError, AttributeError):
        is_known = False
    if not is_known:
        yield BATCH_FORM
        return
    if encoding.format == "parquet":
        try:
            for name in ("pyarrow.json", "pyarrow.parquet"):
                importlib.import_module(name)
        except ImportError:
            yield NO_PYARROW
    # The SDK writes the records as the stream gives them, beside the schema that the maps make.
    for name in ("stream_maps", "flattening_enabled"):
        if config.get(name):
            yield f"batch_config: batch files take no notice of {name}; remove one of the two"
    try:
        _ = batches.storage._root_path.fs  # noqa: SLF001 - see above
    except (ImportError, OSError, ValueError) as error:
        yield f"batch_config: storage.root cannot be used ({masked(str(error))})"
