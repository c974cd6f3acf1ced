"""BATCH: 100,000 records leave as files, at the rate of RECORD messages or more."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, Outcome, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "mailchimp_conversations"
ROWS = 100_000
ROUNDS = 4
ENCODINGS = (("jsonl", "gzip"), ("jsonl", "none"), ("parquet", "gzip"))


def figures() -> Iterator[Figure]:
    """The rate of each encoding, as a ratio to that of RECORD messages."""
    records: list[Outcome] = []
    files: dict[str, list[Outcome]] = {}
    with server(conversations=ROWS, messages=1) as place:
        for _ in range(ROUNDS):  # in turns, so that whatever disturbs disturbs all
            records.append(tap(place, [STREAM]))
            for kind, compression in ENCODINGS:
                with tempfile.TemporaryDirectory() as folder:
                    config = {
                        "encoding": {"format": kind, "compression": compression},
                        "storage": {"root": f"file://{folder}"},
                        "batch_size": 10_000,
                    }
                    outcome = tap(place, [STREAM], batch_config=config)
                assert outcome.count("BATCH") >= ROWS // 10_000
                files.setdefault(f"BATCH, {kind}, {compression}", []).append(outcome)
    plain = fastest(iter(records)).seconds
    yield Figure("RECORD messages", "rate", ROWS / plain, "records/s")
    for case, outcomes in files.items():
        seconds = fastest(iter(outcomes)).seconds
        yield Figure(case, "rate", ROWS / seconds, "records/s")
        yield Figure(case, "of RECORD", plain / seconds, "x", least=1)
