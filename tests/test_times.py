"""Times come in any zone and form, and leave in one; a state that a person edited is understood."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_sdk.exceptions import ConfigValidationError
from support import Messages, Record, catalog_of, instant, sync
from then import run
from whole import astray, bookmarks, loaded

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

THREAD, SLUG = "fa8c387539", "knock-knock"
STREAMS = (
    "mailchimp_conversations",
    "mailchimp_conversation_messages",
    "reamaze_conversations",
    "reamaze_messages",
)
CATALOG = catalog_of(*STREAMS)
BEFORE = "2025-03-29T00:00:00+00:00"
NIGHTS = ("2025-03-30T00:30:00+00:00", "2025-10-26T00:30:00+00:00", "2025-11-02T08:30:00+00:00")
"""Nights in which clocks are put forward or back, in Europe or in America."""

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PLACES = [ZoneInfo(name) for name in ("Europe/Zurich", "America/Los_Angeles", "Asia/Kathmandu")]
FORMS: list[Callable[[datetime], str]] = [
    datetime.isoformat,
    lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}",
    lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    *(lambda moment, place=place: moment.astimezone(place).isoformat() for place in PLACES),
]
Row = tuple[int, Callable[[datetime], str]]
ROW: st.SearchStrategy[Row] = st.tuples(st.integers(-55 * 60, 90 * 60), st.sampled_from(FORMS))
"""Seconds after the newest row so far, less than the overlap before it, and how it is written."""


def _news(newest: datetime, rows: list[Row]) -> Iterator[dict[str, Any]]:
    """A message in each inbox for every row."""
    for seconds, form in rows:
        moment = newest + timedelta(seconds=seconds)
        text, common = form(moment), {"op": "new_message", "when": moment.isoformat()}
        yield {**common, "source": "mailchimp", "key": THREAD, "row": {"timestamp": text}}
        yield {**common, "source": "reamaze", "key": SLUG, "row": {"created_at": text}}
        changed = {"updated_at": text}
        yield {"op": "update", "collection": "reamaze.conversations", "key": SLUG, "row": changed}


Batches = list[list[Row]]
BATCHES = st.lists(st.lists(ROW, min_size=1, max_size=3), max_size=3)


@settings(max_examples=6, deadline=None, derandomize=True)
@given(st.sampled_from(NIGHTS), BATCHES)
def test_bookmarks_only_move_forward(night: str, batches: Batches) -> None:
    """Rows of any zone arrive, and the bookmark is their newest, in nights of change too."""
    _in_batches(night, batches)


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(st.sampled_from(NIGHTS), BATCHES)
def test_bookmarks_only_move_forward_for_long(night: str, batches: Batches) -> None:
    """The same of many nights."""
    _in_batches(night, batches)


def _in_batches(night: str, batches: Batches) -> None:
    """Read after each batch of messages, and compare the bookmarks with them."""
    with Sandbox(now=BEFORE, conversations=2, reamaze_conversations=2) as sandbox:
        runs = [run(sandbox, catalog=CATALOG)]
        newest, moments = datetime.fromisoformat(night), []
        for rows in batches:
            sandbox.mutate(*_news(newest, rows))
            moments += [newest + timedelta(seconds=seconds) for seconds, _ in rows]
            newest = max(newest, *moments)
            runs.append(run(sandbox, runs[-1].state, CATALOG))
        assert _astray(sandbox, runs) == {}
    for earlier, later in pairwise(runs):
        for stream in STREAMS:
            assert TIME.fullmatch(str(later.bookmark(stream)))
            assert str(later.bookmark(stream)) >= str(earlier.bookmark(stream))
    for stream in (STREAMS[1], STREAMS[3]) if moments else ():
        assert runs[-1].bookmark(stream) == f"{max(moments):%FT%T}.000Z"


def _astray(sandbox: Sandbox, runs: list[Messages]) -> dict[tuple[str, str], object]:
    found = astray(sandbox, loaded(*runs))
    return {name: rows for name, rows in found.items() if name[1] in STREAMS}


def by_key(rows: list[Record]) -> dict[str, Record]:
    """Messages by their keys, each of them once."""
    found = {row["message_key"]: row for row in rows}
    assert len(found) == len(rows)
    return found


WRITTEN: dict[str, Callable[[datetime], str]] = {
    "in UTC": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%S.000Z}",
    "without milliseconds": lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
    "without a zone": lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}",
    "with +02:00": lambda moment: (moment + timedelta(hours=2)).strftime("%FT%T+02:00"),
    "with -0700": lambda moment: (moment - timedelta(hours=7)).strftime("%FT%T-0700"),
}


@pytest.mark.parametrize(
    ("form", "has_account"),
    [*((form, True) for form in WRITTEN.values()), (WRITTEN["with +02:00"], False)],
    ids=[*WRITTEN, "of no account"],
)
def test_a_bookmark_that_a_person_wrote(
    still: Sandbox, form: Callable[[datetime], str], *, has_account: bool
) -> None:
    """A bookmark in any form, or of no account, means its moment and leaves in our form."""
    catalog = catalog_of("reamaze_messages")
    first = sync(still.config(), catalog=catalog)
    rows = first.records["reamaze_messages"]
    middle = instant(rows[len(rows) // 2]["created_at"]).replace(microsecond=0)
    bookmark: dict[str, Any] = {
        "replication_key": "created_at",
        "replication_key_value": form(middle),
    }
    entry = {"partitions": [{"context": {"account_id": "sandbox"}, **bookmark}]}
    state = {"bookmarks": {"reamaze_messages": entry if has_account else bookmark}}
    found = sync(still.config(), catalog=catalog, state=state)
    since = middle - timedelta(hours=1)
    wanted = [row for row in rows if instant(row["created_at"]) >= since]
    assert by_key(found.records["reamaze_messages"]) == by_key(wanted)
    assert found.bookmark("reamaze_messages") == first.bookmark("reamaze_messages")
    assert all(TIME.fullmatch(value) for *_, value in bookmarks(found.state))
    entry = found.state["bookmarks"]["reamaze_messages"]
    assert entry.keys() == {"partitions"}
    assert len(entry["partitions"]) == 1


def test_a_bookmark_beyond_all_rows_is_put_into_our_form(still: Sandbox) -> None:
    """A bookmark that no new row moves stays the same moment."""
    catalog = catalog_of("mailchimp_conversation_messages")
    account = next(name for name in still.truth() if name != "sandbox")
    today = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
    partition = {
        "context": {"account_id": account},
        "replication_key": "timestamp",
        "replication_key_value": today.astimezone(PLACES[1]).isoformat(),
    }
    state = {"bookmarks": {"mailchimp_conversation_messages": {"partitions": [partition]}}}
    found = sync(still.config(), catalog=catalog, state=state)
    assert found.records == {}
    assert found.bookmark("mailchimp_conversation_messages") == f"{today:%FT%T}.000Z"


def test_a_bookmark_of_no_account_needs_a_single_account(sandbox: Sandbox) -> None:
    """With two accounts nobody can tell whose bookmark it is, so the run does not begin."""
    value = {"replication_key": "created_at", "replication_key_value": "2025-01-01T00:00:00Z"}
    state = {"bookmarks": {"reamaze_messages": value}}
    brand = {
        "source": "reamaze",
        "login": "a@example.com",
        "api_token": "0",
        "api_url": sandbox.url,
    }
    config = sandbox.config() | {"accounts": [{**brand, "brand": "other"}]}
    with pytest.raises(ConfigValidationError, match="reamaze_messages does not say for which acc"):
        sync(config, state=state)
    assert sandbox.stats()["total"] == 0
