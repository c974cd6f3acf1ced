"""One flat list of 100,000 rows at no latency: how much of a bare loop's rate is left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Figure, Outcome, Server, contest, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 100_000
ROUNDS = 3
SCHEMAS = Path(__file__).parents[1] / "schemas"
MORE = {"time_extracted": "2026-01-01T00:00:00+00:00"}

CASES: dict[str, dict[str, Any]] = {
    "mailchimp_conversations": {
        "sizes": {"conversations": ROWS, "messages": 1},
        "path": "conversations",
        "rows_key": "conversations",
        "params": {},
    },
    "mailchimp_list_unsubscribes": {
        "sizes": {"lists": 1, "members": ROWS},
        "path": "lists/57afe96172/members",
        "rows_key": "members",
        "params": {"status": "unsubscribed"},
    },
}


def bare(place: Server, case: dict[str, Any], **more: object) -> dict[str, Any]:
    """The settings of a contestant that reads the same list."""
    rows_key = case["rows_key"]
    return {
        "url": f"{place.config['mailchimp_api_url']}/3.0/{case['path']}",
        "key": place.config["mailchimp_api_key"],
        "rows_key": rows_key,
        "params": {**case["params"], "exclude_fields": f"_links,{rows_key}._links"},
        "more": MORE,
        **more,
    }


def rate(outcome: Outcome) -> float:
    """Records a second."""
    return outcome.count("RECORD") / outcome.seconds


def figures() -> Iterator[Figure]:
    """The tap's rate, and as a ratio to those of a bare loop and of a plain SDK tap."""
    for stream, case in CASES.items():
        schema = json.loads((SCHEMAS / f"{stream}.json").read_text())
        with server(**case["sizes"]) as place:
            plain = contest("plain_tap", bare(place, case, schema=schema))
            loops, taps = [], []
            for _ in range(ROUNDS):  # in turns, so that whatever disturbs disturbs both
                loops.append(contest("bare_loop", bare(place, case)))
                taps.append(tap(place, [stream]))
        loop, ours = fastest(iter(loops)), fastest(iter(taps))
        assert loop.count("RECORD") == ours.count("RECORD") == plain.count("RECORD") >= ROWS
        yield Figure(stream, "rate", rate(ours), "records/s")
        yield Figure(stream, "rate of the bare loop", rate(loop), "records/s")
        yield Figure(stream, "rate of a plain SDK tap", rate(plain), "records/s")
        yield Figure(stream, "of the bare loop", rate(ours) / rate(loop), "x", least=0.5)
        yield Figure(stream, "of a plain SDK tap", rate(ours) / rate(plain), "x", least=5)
