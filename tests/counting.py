"""What a run says of its own figures, read from its log and its metrics."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clock import ScriptedClock, tap_with
from support import Messages, catalog_of, sync

if TYPE_CHECKING:
    import pytest

    from tap_replies.sandbox import Sandbox

LINE = re.compile(
    r"(\w+), account (\S+): (\d+) emitted; (\d+) read of (\d+) by ([\w ]+); "
    r"(\d+) requests; (\d+) retries(.*); \d+\.\d s"
)


@dataclass(frozen=True)
class Summary:
    """The figures of one stream and account, as the line and the metric tell them."""

    stream: str
    account: str
    emitted: int
    read: int
    expected: int
    figure: str
    requests: int
    retries: int
    rest: str
    metric: dict[str, Any]

    @property
    def is_calm(self) -> bool:
        """Whether nothing was out of order."""
        return self.rest == "" and not any(
            self.metric[name] for name in ("missing", "skipped", "cleaned", "unknown_fields")
        )


def summaries(run: Messages, caplog: pytest.LogCaptureFixture) -> list[Summary]:
    """All that a run said, each line with its metric; the two must agree."""
    metrics = [
        json.loads(record.getMessage().removeprefix("METRIC: "))
        for record in caplog.records
        if record.name == "singer_sdk.metrics" and "records_emitted" in record.getMessage()
    ]
    lines = [found for line in run.log if (found := LINE.fullmatch(line))]
    assert len(lines) == len(metrics)
    return [_summary(line, metric) for line, metric in zip(lines, metrics, strict=True)]


def _summary(line: re.Match[str], metric: dict[str, Any]) -> Summary:
    stream, account, emitted, read, expected, figure, requests, retries, rest = line.groups()
    tags = metric["tags"]
    summary = Summary(
        stream,
        account,
        int(emitted),
        int(read),
        int(expected),
        figure,
        int(requests),
        int(retries),
        rest,
        tags,
    )
    assert (tags["stream"], tags["context"]) == (stream, {"account_id": account})
    assert metric["value"] == summary.emitted
    for name in ("read", "expected", "requests", "retries"):
        assert tags[name] == getattr(summary, name)
    return summary


def counted(
    sandbox: Sandbox,
    caplog: pytest.LogCaptureFixture,
    stream: str,
    state: dict[str, Any] | None = None,
    **options: object,
) -> tuple[Messages, Summary]:
    """A run of one stream and account, with the requests counted anew; waits take no time."""
    sandbox.reset_stats()
    caplog.clear()
    tap = tap_with(ScriptedClock(sandbox.world.now + 600))
    config = {**sandbox.config(), **options}
    run = sync(config, catalog=catalog_of(stream), state=state, tap_class=tap)
    [summary] = summaries(run, caplog)
    return run, summary
