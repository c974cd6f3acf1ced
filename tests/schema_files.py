"""The stream schemas as tests look at them."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

TESTS = Path(__file__).parent
FILES = {file.stem: file for file in sorted((TESTS.parent / "schemas").glob("*.json"))}


def no_duplicates(pairs: list[tuple[str, Any]]) -> Schema:
    """Return the JSON object, refusing a key that occurs twice."""
    repeated = [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]
    assert not repeated, f"declared twice: {repeated}"
    return dict(pairs)


def load(stream: str) -> Schema:
    """Return the schema of a stream."""
    text = FILES[stream].read_text(encoding="utf-8")
    schema: Schema = json.loads(text, object_pairs_hook=no_duplicates)
    return schema


def columns(
    schema: Schema, parents: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield every property at every level with its path, looking into arrays."""
    for name, prop in schema.get("properties", {}).items():
        path = (*parents, name)
        yield path, prop
        yield from columns(prop.get("items", prop), path)


def dotted(schema: Schema) -> dict[str, Schema]:
    """Return every property by its dotted path."""
    return {".".join(path): prop for path, prop in columns(schema)}


def nodes(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield every property and every array's items, each with a path to show."""
    for path, prop in dotted(schema).items():
        yield path, prop
        if "items" in prop:
            yield f"{path}[]", prop["items"]


def kind(node: Schema) -> str:
    """Return the one type of a property beside null."""
    declared = node["type"]
    name: str = declared if isinstance(declared, str) else declared[0]
    return name


def is_json_text(node: Schema) -> bool:
    """Tell whether a property holds JSON as text."""
    return node.get("contentMediaType") == "application/json"
