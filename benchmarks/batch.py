"""BATCH: 100,000 records leave as files, at the rate of RECORD messages or more."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "mailchimp_conversations"
ROWS = 100_000
ROUNDS = 2
ENCODINGS = (("jsonl", "gzip"), ("jsonl", "none"), ("parquet", "gzip"))


def figures() -> Iterator[Figure]:
    """The rate of each encoding, as a ratio to that of RECORD messages."""
    with server(conversations=ROWS, messages=1) as place:
        records = fastest(tap(place, [STREAM]) for _ in range(ROUNDS))
        rate = ROWS / records.seconds
        yield Figure("RECORD messages", "rate", rate, "records/s")
        for kind, compression in ENCODINGS:
            with tempfile.TemporaryDirectory() as folder:
                config = {
                    "encoding": {"format": kind, "compression": compression},
                    "storage": {"root": f"file://{folder}"},
                    "batch_size": 10_000,
                }
                files = fastest(tap(place, [STREAM], batch_config=config) for _ in range(ROUNDS))
            case = f"BATCH, {kind}, {compression}"
            yield Figure(case, "rate", ROWS / files.seconds, "records/s")
            yield Figure(case, "of RECORD", records.seconds / files.seconds, "x", least=1)
