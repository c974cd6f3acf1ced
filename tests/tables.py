"""The tables of README that are made from the code; `python tests/tables.py` writes them anew."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_replies import clean, privacy
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Sequence

README = Path(__file__).parents[1] / "README.md"

ROWS_FROM: dict[str, tuple[tuple[str, ...], str]] = {
    "accounts": (("/3.0", "/api/v1/conversations"), "one row per account, each run"),
    "mailchimp_lists": (("/3.0/lists",), "all of them, each run"),
    "mailchimp_campaigns": (
        ("/3.0/campaigns",),
        "made since the bookmark, less `campaign_refresh_days`",
    ),
    "mailchimp_conversations": (
        ("/3.0/conversations",),
        "all are listed, 1,000 per request; changed ones are emitted",
    ),
    "mailchimp_conversation_messages": (
        ("/3.0/conversations/{id}/messages",),
        "threads with a newer message than the bookmark",
    ),
    "mailchimp_unsubscribes": (
        ("/3.0/reports/{id}/unsubscribed",),
        "recent sendings whose count of opt-outs moved",
    ),
    "mailchimp_list_unsubscribes": (
        ("/3.0/lists/{id}/members",),
        "unsubscribed members that changed since the bookmark",
    ),
    "mailchimp_survey_responses": (
        ("/3.0/reporting/surveys/{id}/responses/{response_id}",),
        "all responses are listed; the answers of new ones are read",
    ),
    "mailchimp_member_activity": (
        ("/3.0/lists/{id}/members/{hash}/activity-feed",),
        "the feeds of contacts that changed since the bookmark",
    ),
    "reamaze_conversations": (
        ("/api/v1/conversations",),
        "newest change first, down to the bookmark",
    ),
    "reamaze_messages": (
        ("/api/v1/messages", "/api/v1/conversations/{slug}/messages"),
        "windows of time since the bookmark, or changed threads",
    ),
    "replies": (
        ("/3.0/campaigns", "/api/v1/staff"),
        "what the streams with messages and opt-outs read, by a bookmark of its own",
    ),
}
"""Where the rows of a stream come from, and how it finds out what is new."""


def about() -> dict[str, Any]:
    """What `--about` tells."""
    command = [sys.executable, "-m", "tap_replies", "--about", "--format=json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[" ".join(cell.split()).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def streams_table() -> str:
    """The streams with what identifies their rows and how they are read."""
    rows = []
    for name, stream in TapReplies(validate_config=False).streams.items():
        paths, way = ROWS_FROM[name]
        keys = [key for key in stream.primary_keys if key != "account_id"]
        bookmark = f"`{stream.replication_key}`" if stream.replication_key else "none"
        note = "" if stream.selected_by_default else " (only if selected)"
        rows.append((f"`{name}`{note}", _code(keys) or "itself", bookmark, _code(paths), way))
    return table(("Stream", "Key, after `account_id`", "Bookmark", "Endpoint", "New rows"), rows)


def settings_table() -> str:
    """All settings, as `--about` tells them."""
    rows = []
    for name, definition in about()["settings"]["properties"].items():
        default = json.dumps(definition["default"]).strip('"') if "default" in definition else ""
        text = definition["description"] + (" *Secret.*" if definition.get("secret") else "")
        rows.append((f"`{name}`", f"`{default}`" if default else "", text))
    return table(("Setting", "Default", "Meaning"), rows)


def rules_table() -> str:
    """The rules of cleaning, as the cleaner's own description tells them."""
    return table(("Rule", "What happens"), _told(clean.__doc__))


def kinds_table() -> str:
    """The kinds of personal data, as the veil's own description tells them."""
    return table(("Kind", "What happens"), _told(privacy.__doc__))


def _told(text: str | None) -> list[tuple[str, str]]:
    """The words that a module's description explains, each in a line of its own."""
    found = re.findall(r"^``(\w+)``\s+(.*)$", str(text), re.MULTILINE)
    return [(f"`{word}`", meaning) for word, meaning in found]


def _code(words: Sequence[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


TABLES = {
    "streams": streams_table,
    "settings": settings_table,
    "rules": rules_table,
    "kinds": kinds_table,
}


def with_tables(text: str) -> str:
    """README's text with its tables as the code gives them."""
    for name, make in TABLES.items():
        head, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, tail = rest.partition("<!-- end -->")
        if not start or not end:
            sys.exit(f"README.md must hold <!-- {name} --> and after it <!-- end -->")
        text = f"{head}{start}\n{make()}\n\n{end}{tail}"
    return text


if __name__ == "__main__":
    README.write_text(with_tables(README.read_text("utf-8")), "utf-8")
