"""Which part of an answer is wanted: Mailchimp's fields and exclude_fields."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tap_replies.sandbox.table import Row

# A tree of names; an empty branch stands for everything below it.
Tree = dict[str, Any]


class Projection:
    """A compiled choice of fields; equal choices are the same object (see `for_rows`)."""

    def __init__(self, wanted: Tree | None, unwanted: Tree) -> None:
        """Keep only `wanted` (None: all), then drop `unwanted`."""
        self._wanted = wanted
        self._unwanted = unwanted
        self.hides_links = "_links" in unwanted and not unwanted["_links"]
        self.is_plain = wanted is None and not set(unwanted) - {"_links"}

    def apply(self, document: Row) -> Row:
        """Return the part of the document that is wanted."""
        kept = document if self._wanted is None else _only(document, self._wanted)
        result: Row = _without(kept, self._unwanted) if self._unwanted else kept
        return result


def tree(paths: str) -> Tree:
    """Compile a comma-separated list of dotted paths."""
    root: Tree = {}
    for path in filter(None, (part.strip() for part in paths.split(","))):
        *parents, leaf = path.split(".")
        branch = root
        for name in parents:
            if branch.get(name) == {}:
                break
            branch = branch.setdefault(name, {})
        else:
            branch[leaf] = {}
    return root


@lru_cache(maxsize=512)
def for_rows(key: str, fields: str, exclude_fields: str, hidden: str = "") -> Projection | None:
    """Compile what is wanted of each row listed under `key`; None when no row is wanted at all."""
    wanted = tree(fields) if fields else None
    excluded = exclude_fields.split(",")
    if (wanted is not None and key not in wanted) or key in excluded:
        return None
    below = [path[len(key) + 1 :] for path in excluded if path.startswith(f"{key}.")]
    return Projection(
        (wanted[key] or None) if wanted else None,
        tree(",".join([*below, hidden])),
    )


@lru_cache(maxsize=512)
def for_document(fields: str, exclude_fields: str, hidden: str = "") -> Projection:
    """Compile what is wanted of a whole answer."""
    return Projection(tree(fields) if fields else None, tree(f"{exclude_fields},{hidden}"))


def _only(value: Any, wanted: Tree) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_only(item, wanted) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _only(value[name], below) if below else value[name]
        for name, below in wanted.items()
        if name in value
    }


def _without(value: Any, unwanted: Tree) -> Any:  # noqa: ANN401
    if isinstance(value, list):
        return [_without(item, unwanted) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without(inner, unwanted[name]) if name in unwanted else inner
        for name, inner in value.items()
        if unwanted.get(name) != {}
    }
