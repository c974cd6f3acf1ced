"""Each stream and account ends with one line of figures, which a metric repeats."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from support import TRUTH_COLUMNS, Messages, catalog_of, sync

if TYPE_CHECKING:
    from tap_replies.sandbox import Sandbox

LINE = re.compile(
    r"(?P<stream>[a-z_]+), account (?P<account>\S+): (?P<emitted>\d+) emitted; "
    r"(?P<read>\d+) read of (?P<expected>\d+) by (?P<by>[\w ]+); "
    r"(?P<requests>\d+) requests; (?P<retries>\d+) retries(?P<rest>.*)"
)
FIGURES = ("read", "expected", "requests", "retries")
PROBES = 2
"""One request per account asks who it is, before any stream."""


def lines(messages: Messages) -> list[re.Match[str]]:
    """The summary lines of a run."""
    return [found for line in messages.log if (found := LINE.fullmatch(line))]


def test_each_stream_has_one_line(sandbox: Sandbox) -> None:
    """What a line calls emitted is what left, and all requests are in one of the lines."""
    messages = sync(sandbox.config())
    found = lines(messages)
    told = Counter(line["stream"] for line in found)
    assert told["accounts"] == len(sandbox.truth())
    assert {name: told[name] for name in TRUTH_COLUMNS} == dict.fromkeys(TRUTH_COLUMNS, 1)
    emitted: Counter[str] = Counter()
    for line in found:
        emitted[line["stream"]] += int(line["emitted"])
    assert emitted == {name: len(records) for name, records in messages.records.items()}
    asked = sum(int(line["requests"]) for line in found)
    assert asked == sandbox.stats()["total"] - PROBES


@pytest.mark.parametrize(
    ("stream", "figure"),
    [
        ("mailchimp_lists", "total_items"),
        ("mailchimp_campaigns", "total_items"),
        ("mailchimp_conversations", "total_items"),
        ("mailchimp_conversation_messages", "total_items"),
        ("mailchimp_unsubscribes", "total_items"),
        ("mailchimp_list_unsubscribes", "total_items"),
        ("reamaze_conversations", "total_count"),
        ("reamaze_messages", "total_count"),
    ],
)
def test_the_expected_comes_from_the_api(still: Sandbox, stream: str, figure: str) -> None:
    """The line names the figure that says how many rows there should be, and all were read."""
    messages = sync(still.config(), catalog=catalog_of(stream))
    (line,) = lines(messages)
    assert line["by"] == figure
    assert line["expected"] == line["read"] == line["emitted"] == str(len(messages.records[stream]))


def test_retries_are_counted(sandbox: Sandbox) -> None:
    """Each try that had to be repeated is a retry and a request."""
    calm = lines(sync(sandbox.config(), catalog=catalog_of("mailchimp_conversations")))[0]
    fault = {"kind": "status", "status": 503, "retry_after": "0.01", "times": 2}
    sandbox.control(faults=[fault | {"path": "/3.0/conversations"}])
    (line,) = lines(sync(sandbox.config(), catalog=catalog_of("mailchimp_conversations")))
    assert int(line["retries"]) == 2
    assert int(line["requests"]) == int(calm["requests"]) + 2


def test_what_is_cleaned_or_unknown_is_named(sandbox: Sandbox) -> None:
    """Odd values are counted by rule and field, and fields without a column are named."""
    sandbox.control(faults=[{"kind": "hostile", "path": "/3.0/conversations"}])
    (line,) = lines(sync(sandbox.config(), catalog=catalog_of("mailchimp_conversations")))
    assert "cleaned: " in line["rest"]
    assert "text " in line["rest"]
    assert "fields without a column: " in line["rest"]


def test_the_metric_has_the_same_figures(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    """The figures go out as a metric of the SDK too, one per line."""
    with caplog.at_level("INFO", "singer_sdk.metrics"):
        messages = sync(sandbox.config())
    points = [
        json.loads(record.getMessage().removeprefix("METRIC: "))
        for record in caplog.records
        if '"records_emitted"' in record.getMessage()
    ]
    metrics = Counter(
        (
            point["tags"]["stream"],
            point["value"],
            *(point["tags"][name] for name in FIGURES),
        )
        for point in points
    )
    assert metrics == Counter(
        (line["stream"], int(line["emitted"]), *(int(line[name]) for name in FIGURES))
        for line in lines(messages)
    )
    assert points
