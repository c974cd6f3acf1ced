"""History can be read in parts, with `start_date`, `end_date` and states of their own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import TRUTH_COLUMNS, Messages, catalog_of
from then import NOW, run
from whole import UNDATED

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DATED = [stream for stream in TRUTH_COLUMNS if stream not in UNDATED]
CATALOG = catalog_of(*DATED)
EVERY_OPT_OUT: dict[str, Any] = {"unsubscribe_refresh_days": 36_500}


@pytest.fixture(scope="module")
def past() -> Iterator[Sandbox]:
    """A sandbox that nobody changes."""
    sizes: dict[str, Any] = {
        "conversations": 12,
        "campaigns": 12,
        "members": 10,
        "reamaze_conversations": 35,
    }
    with Sandbox(now=NOW, seed=5, **sizes) as sandbox:
        yield sandbox


@dataclass(frozen=True)
class Whole:
    """All that there is, from a single run; without a repr, which hypothesis would print."""

    rows: Counter[tuple[Any, ...]] = field(repr=False)
    dates: list[str] = field(repr=False)


@pytest.fixture(scope="module")
def whole(past: Sandbox) -> Whole:
    """All of it in one run."""
    found = run(past, catalog=CATALOG)
    dates = [
        row[schema["bookmark_properties"][0]]
        for schema in found.schemas
        for row in found.records[schema["stream"]]
    ]
    return Whole(_rows(found), sorted(dates))


def _rows(*runs: Messages) -> Counter[tuple[Any, ...]]:
    """How often the primary keys of all records came."""
    found: Counter[tuple[Any, ...]] = Counter()
    for each in runs:
        for schema in each.schemas:
            name, keys = schema["stream"], schema["key_properties"]
            found.update((name, *(row[key] for key in keys)) for row in each.records[name])
    return found


ZONES = [timezone(timedelta(hours=hours)) for hours in (0, 2, -7)]
CUT = st.tuples(st.integers(0, 999), st.sampled_from([-1, 0, 1]), st.sampled_from(ZONES))
"""The place of a record in the order of their dates, some milliseconds beside, and a zone."""


def _in_parts(past: Sandbox, whole: Whole, places: Iterable[tuple[int, int, timezone]]) -> None:
    """Read each part under a state of its own, and all of them under one state."""
    cuts = {}
    for place, beside, zone in places:
        date = datetime.fromisoformat(whole.dates[place * len(whole.dates) // 1000])
        moment = date + timedelta(milliseconds=beside)
        cuts[moment] = moment.astimezone(zone).isoformat()
    ends = [*(cuts[moment] for moment in sorted(cuts)), None]
    parts = [
        run(past, catalog=CATALOG, start_date=start, end_date=end)
        for start, end in zip([None, *ends], ends, strict=False)
    ]
    assert _rows(*parts) == whole.rows
    parts = []
    for end in ends:
        state = parts[-1].state if parts else None
        parts.append(run(past, state, CATALOG, end_date=end, **EVERY_OPT_OUT))
    assert _rows(*parts) == whole.rows


@settings(max_examples=4, deadline=None, derandomize=True)
@given(places=st.tuples(CUT, CUT))
def test_parts_of_history_fit_together(
    past: Sandbox, whole: Whole, places: tuple[tuple[int, int, timezone], ...]
) -> None:
    """Windows that meet hold everything together, and nothing twice."""
    _in_parts(past, whole, places)


@pytest.mark.long
@settings(max_examples=100, deadline=None)
@given(places=st.tuples(CUT, CUT))
def test_many_parts_of_history_fit_together(
    past: Sandbox, whole: Whole, places: tuple[tuple[int, int, timezone], ...]
) -> None:
    """The same for many windows."""
    _in_parts(past, whole, places)


def test_an_earlier_start_is_told_with_its_remedy(past: Sandbox) -> None:
    """Who moves `start_date` back is told the command that reads what lies between."""
    early, late = "2024-06-01", "2024-10-01T00:00:00+02:00"
    first = run(past, catalog=CATALOG, start_date=late)
    assert not any("earlier" in line for line in first.log)
    second = run(past, first.state, CATALOG, start_date=early)
    told = [line for line in second.log if "start_date is earlier" in line]
    assert len(told) == len(DATED)
    command = r"TAP_REPLIES_END_DATE=(\S+) meltano run --state-id-suffix=backfill tap-replies "
    (end,) = {found[1] for line in told if (found := re.search(command, line))}
    between = run(past, catalog=CATALOG, start_date=early, end_date=end)
    assert any(between.records.values())
    assert _rows(first, second, between) == _rows(run(past, catalog=CATALOG, start_date=early))


def test_a_later_start_needs_no_remedy(past: Sandbox) -> None:
    """Who moves `start_date` forward misses nothing, and is told nothing."""
    first = run(past, catalog=CATALOG, start_date="2025-01-01")
    second = run(past, first.state, CATALOG, start_date="2025-06-01")
    assert not any("earlier" in line for line in second.log)
    assert not any(second.records.values())
