"""The command with documents: settings, a catalog, a state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from command_line import Outcome, forked

if TYPE_CHECKING:
    from pathlib import Path

CAMPAIGNS = "mailchimp_campaigns"
LISTS = "mailchimp_lists"
SETTINGS = {"mailchimp_api_key": "0123456789abcdef0123456789abcdef-us6"}
SECRETS = [*SETTINGS.values()]


def run(folder: Path, *, config: Any = SETTINGS, **documents: Any) -> Outcome:  # noqa: ANN401
    """Run the tap with some files; what is not a text is written as JSON."""
    arguments = []
    for name, document in {"config": config, **documents}.items():
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / name).write_text(text)
        arguments += [f"--{name}", name]
    return forked(*arguments, folder=folder)


def entry_of(catalog: dict[str, Any], stream: str) -> dict[str, Any]:
    """A stream's entry in a catalog."""
    entry: dict[str, Any]
    [entry] = [each for each in catalog["streams"] if each["tap_stream_id"] == stream]
    return entry
