"""The properties of an object: their columns, their kinds, and the work that odd values need."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    FieldsOf = Callable[[Sequence[str]], "Sequence[Field | None] | None"]


class Field:
    """What becomes of one property: its column, its kind, and the work that odd values need.

    Objects and arrays are seen to by `fit`, all that is not of the kind by `convert`. Of an
    object `fields_of` tells the fields of keys, None if they need more care than `fit`'s.
    """

    __slots__ = ("column", "convert", "fields_of", "fit", "is_exact", "kind")

    def __init__(
        self,
        column: str,
        kind: str,
        convert: Callable[[Any], Any],
        fit: Callable[[Any], Any] | None = None,
        fields_of: FieldsOf | None = None,
    ) -> None:
        """Describe a property."""
        self.column = column
        self.kind = kind
        self.convert = convert
        self.fit = fit
        self.fields_of = fields_of
        self.is_exact = True

    def renamed(self) -> Field:
        """The same for a key that is not the column's own name."""
        field = Field(self.column, self.kind, self.convert)
        field.is_exact = False
        return field


def column_name(key: str) -> str:
    """The column for an API's key: `image?` is `is_image`, `readOnly` is `read_only`."""
    name = f"is_{key[:-1]}" if key.endswith("?") else key
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return re.sub(r"[^a-z0-9]+", "_", name).strip("_")[:60]


def kind_of(definition: Mapping[str, Any]) -> str:
    """What a property's schema asks for: its type, `date-time`, or `json`."""
    kinds = definition["type"]
    kind: str = next(k for k in ([kinds] if isinstance(kinds, str) else kinds) if k != "null")
    if definition.get("format") == "date-time":
        return "date-time"
    if definition.get("contentMediaType") == "application/json":
        return "json"
    return kind
