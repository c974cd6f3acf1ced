"""BATCH: 100,000 records leave as files, at the rate of RECORD messages or more."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from benchmarks.harness import Figure, Outcome, fastest, server, tap

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "mailchimp_conversations"
ROWS = 100_000
ROUNDS = 3
PIPED, INTO_FILE = "RECORD, down a pipe", "RECORD, into a file"
ENCODINGS = (("jsonl", "gzip"), ("jsonl", "none"), ("parquet", "gzip"))


def figures() -> Iterator[Figure]:
    """The rate of each encoding, as a ratio to that of RECORD messages.

    They go down a pipe, as to a target; into a file no reader is waited for.
    """
    kinds = [f"BATCH, {kind}, {compression}" for kind, compression in ENCODINGS]
    outcomes: dict[str, list[Outcome]] = {case: [] for case in (PIPED, INTO_FILE, *kinds)}
    with server(conversations=ROWS, messages=1) as place:
        for _ in range(ROUNDS):  # in turns, so that whatever disturbs disturbs all
            outcomes[PIPED].append(tap(place, [STREAM], piped=True))
            outcomes[INTO_FILE].append(tap(place, [STREAM]))
            for case, (kind, compression) in zip(kinds, ENCODINGS, strict=True):
                with tempfile.TemporaryDirectory() as folder:
                    config = {
                        "encoding": {"format": kind, "compression": compression},
                        "storage": {"root": f"file://{folder}"},
                        "batch_size": 10_000,
                    }
                    outcome = tap(place, [STREAM], batch_config=config)
                assert outcome.count("BATCH") >= ROWS // 10_000
                outcomes[case].append(outcome)
    seconds = {case: fastest(iter(each)).seconds for case, each in outcomes.items()}
    for case, each in seconds.items():
        yield Figure(case, "rate", ROWS / each, "records/s")
    for case in kinds:
        yield Figure(case, "of RECORD down a pipe", seconds[PIPED] / seconds[case], "x", least=1)
        of_file = seconds[INTO_FILE] / seconds[case]
        yield Figure(case, "of RECORD into a file", of_file, "x", least=1)
