"""The log tells nothing that is secret or personal, not even at level DEBUG."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from command_line import Outcome, forked, secrets
from support import messages_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tap_replies.sandbox import Sandbox

ADDRESS = re.compile(r"[^\s<>()\"',;:]+@[^\s<>()\"',;:]+")
URIST = "urist.mcvankab@freddiesjokes.com"
"""Somebody whom the sandbox always knows."""

LONG = 16
"""Letters from which on a text with a space in it is somebody's words."""


def run(folder: Path, config: dict[str, Any], state: dict[str, Any] | None = None) -> Outcome:
    """Run the command with all its talk."""
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "state.json").write_text(json.dumps(state or {}))
    outcome = forked(
        "--config=config.json",
        "--state=state.json",
        folder=folder,
        environment={"TAP_REPLIES_LOGLEVEL": "DEBUG"},
    )
    assert "| DEBUG" in outcome.stderr
    assert "Traceback" not in outcome.stderr, outcome.stderr
    return outcome


def texts_in(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Every text in a record."""
    if isinstance(value, dict):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from texts_in(each)
    elif isinstance(value, str):
        yield value


def personal(outcome: Outcome) -> set[str]:
    """The addresses in what was emitted, and what people wrote."""
    found = set()
    for rows in messages_in(outcome.stdout).records.values():
        for text in texts_in(rows):
            found |= set(ADDRESS.findall(text))
            found |= {line for line in text.splitlines() if " " in line and len(line) >= LONG}
    return found


def credentials(config: dict[str, Any]) -> set[str]:
    """The secrets, and how they travel."""
    found = set(secrets(config))
    pairs = [f"tap:{config['mailchimp_api_key']}"]
    pairs.append(f"{config['reamaze_login']}:{config['reamaze_api_token']}")
    return found | {base64.b64encode(pair.encode()).decode() for pair in pairs}


def leaks(outcome: Outcome, hidden: set[str]) -> list[str]:
    """What of it is in the log, as it is or as a URL holds it."""
    return [
        each
        for each in hidden
        if any(form in outcome.stderr for form in (each, quote(each, safe=""), quote_plus(each)))
    ]


def test_a_whole_run(sandbox: Sandbox, tmp_path: Path) -> None:
    """A first and a later run of all streams."""
    config = sandbox.config()
    first = run(tmp_path, config)
    hidden = personal(first) | credentials(config)
    assert len(hidden) > 100
    assert URIST in hidden
    sandbox.mutate({"op": "new_message", "source": "mailchimp", "key": "fa8c387539"})
    later = run(tmp_path, config, messages_in(first.stdout).state)
    assert first.status == later.status == 0
    assert leaks(first, hidden) == leaks(later, hidden) == []


def test_a_run_with_trouble(sandbox: Sandbox, tmp_path: Path) -> None:
    """Odd values, retries, skipped objects and a failed stream."""
    config = sandbox.config() | {"retry_seconds": 1}
    hidden = personal(run(tmp_path, config)) | credentials(config)
    sandbox.control(
        hostile=1,
        faults=[
            {"kind": "status", "status": 500, "path": "/3.0/lists", "times": 1},
            {"kind": "garbage200", "path": "/3.0/conversations", "times": 1},
            {"kind": "cut", "path": "/api/v1/messages", "at": 2},
            {"kind": "status", "status": 404, "path": "/3.0/conversations/*", "times": 2},
            {"kind": "status", "status": 400, "path": "/3.0/campaigns"},
        ],
    )
    outcome = run(tmp_path, config)
    assert outcome.status == 1
    assert leaks(outcome, hidden | personal(outcome)) == []


def test_what_the_settings_hold(sandbox: Sandbox, tmp_path: Path) -> None:
    """Addresses in filters and in `only`, those that lead to nothing too, and refused keys."""
    config = sandbox.config() | {
        "reamaze_filters": {"for": URIST},
        "only": {
            "mailchimp_unsubscribes": [{"campaign_id": "nothing", "email": URIST}],
            "reamaze_conversations": ["knock-knock"],
        },
    }
    hidden = credentials(config) | {URIST}
    outcome = run(tmp_path, config)
    assert outcome.told("ERROR")
    assert leaks(outcome, hidden) == []
    del config["only"]
    assert leaks(run(tmp_path, config), hidden) == []
    sandbox.control(faults=[{"kind": "status", "status": 401}])
    refused = run(tmp_path, config)
    assert len(refused.told("ERROR")) == 2
    assert leaks(refused, hidden) == []
