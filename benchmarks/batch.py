"""BATCH: 100,000 records leave as files, at the rate of RECORD messages or more."""

from __future__ import annotations

import tempfile
from statistics import mean
from typing import TYPE_CHECKING

from benchmarks.harness import PARSED, THROWN_AWAY, Figure, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "mailchimp_conversations"
ROWS = 100_000
ROUNDS = 7
STEADY = 4
"""So many of the fastest rounds count: the fastest alone tells of the hour more than of the tap."""

RECORDS = {
    "RECORD, parsed by a reader": PARSED,
    "RECORD, thrown away by a reader": THROWN_AWAY,
    "RECORD, into a file": None,
}
"""Where RECORD messages go: the first as to a target, the others as fast as they can leave."""

ENCODINGS = (("jsonl", "gzip"), ("jsonl", "none"), ("parquet", "gzip"))


def figures() -> Iterator[Figure]:
    """The rate of each encoding, as a ratio to that of RECORD messages."""
    kinds = [f"BATCH, {kind}, {compression}" for kind, compression in ENCODINGS]
    runs: dict[str, list[float]] = {case: [] for case in (*RECORDS, *kinds)}
    with server(conversations=ROWS, messages=1) as place:
        for _ in range(ROUNDS):  # in turns, so that whatever disturbs disturbs all
            for case, reader in RECORDS.items():
                runs[case].append(tap(place, [STREAM], reader=reader).seconds)
            for case, (kind, compression) in zip(kinds, ENCODINGS, strict=True):
                with tempfile.TemporaryDirectory() as folder:
                    config = {
                        "encoding": {"format": kind, "compression": compression},
                        "storage": {"root": f"file://{folder}"},
                        "batch_size": 10_000,
                    }
                    outcome = tap(place, [STREAM], batch_config=config)
                assert outcome.count("BATCH") >= ROWS // 10_000
                runs[case].append(outcome.seconds)
    seconds = {case: mean(sorted(each)[:STEADY]) for case, each in runs.items()}
    for case, each in seconds.items():
        yield Figure(case, "rate", ROWS / each, "records/s")
    for case in kinds:
        for end in RECORDS:
            yield Figure(case, f"of {end}", seconds[end] / seconds[case], "x", least=1)
