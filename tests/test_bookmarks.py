"""A row that shows late arrives, one that is known does not come again."""

from __future__ import annotations

from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from support import Messages, Record, catalog_of, instant
from then import NOW, run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

Mutation = dict[str, Any]

HOUR, MONTH, SECOND = timedelta(hours=1), timedelta(days=30), timedelta(seconds=1)
LIST = "57afe96172"


@pytest.fixture
def then() -> Iterator[Sandbox]:
    """A sandbox whose present is known."""
    with Sandbox(now=NOW, conversations=12, reamaze_conversations=35) as sandbox:
        yield sandbox


class Way(NamedTuple):
    """Of a stream: its date, its overlap, how a row is made, and how its newest one is edited."""

    date: str
    overlap: timedelta
    make: Callable[[Messages, str], Mutation] | None
    edit: Callable[[Sandbox, Record], Mutation]


def _inserted(collection: str, **row: object) -> Mutation:
    return {"op": "insert", "collection": collection, "row": row}


def _edited(collection: str, key: str | list[str], **row: object) -> Mutation:
    return {"op": "update", "collection": collection, "key": key, "row": row}


def _opt_out(run: Messages, moment: str) -> Mutation:
    sent = [row for row in run.records["mailchimp_campaigns"] if row["status"] == "sent"]
    newest = max(sent, key=itemgetter("send_time"))["id"]
    return {"op": "new_unsubscribe", "source": "mailchimp", "key": newest, "when": moment}


def _message_key(sandbox: Sandbox, row: Record) -> list[str]:
    """The sandbox's key of a Re:amaze message, to which the API gives none."""
    keys = sandbox.truth("sandbox")["reamaze_messages"]["keys"]
    found = (row["conversation_slug"], instant(row["created_at"]))
    return next([slug, place] for slug, at, place in keys if (slug, instant(at)) == found)


def _oldest(run: Messages) -> str:
    slug: str = min(run.records["reamaze_conversations"], key=itemgetter("updated_at"))["slug"]
    return slug


WAYS = {
    "mailchimp_campaigns": Way(
        "create_time",
        MONTH,
        lambda _, at: _inserted("mailchimp.campaigns", id="0123456789", create_time=at),
        lambda _, row: _edited("mailchimp.campaigns", row["id"], emails_sent=7),
    ),
    "mailchimp_conversations": Way(
        "last_message_at",
        HOUR,
        lambda _, at: {"op": "new_conversation", "source": "mailchimp", "when": at},
        lambda _, row: _edited("mailchimp.conversations", row["id"], unread_messages=7),
    ),
    "mailchimp_conversation_messages": Way(
        "timestamp",
        HOUR,
        None,  # a new conversation brings its message
        lambda _, row: _edited(
            "mailchimp.messages", [row["conversation_id"], row["id"]], message="Corrected."
        ),
    ),
    "mailchimp_unsubscribes": Way(
        "timestamp",
        timedelta(days=1),  # a report may count an opt-out hours after its list shows it
        _opt_out,
        # The newest is one of an automation: campaigns are read again only when they gain some.
        lambda sandbox, row: _edited(
            "mailchimp.unsubscribes",
            next(
                key
                for key in sandbox.truth()[row["account_id"]]["mailchimp_unsubscribes"]["keys"]
                if key[0] == row["campaign_id"] and instant(key[2]) == instant(row["timestamp"])
            ),
            reason="Corrected.",
        ),
    ),
    "mailchimp_list_unsubscribes": Way(
        "last_changed",
        HOUR,
        lambda _, at: _inserted(
            "mailchimp.members", id="0" * 32, list_id=LIST, status="unsubscribed", last_changed=at
        ),
        lambda _, row: _edited(
            "mailchimp.members", [row["list_id"], row["id"]], unsubscribe_reason="Corrected."
        ),
    ),
    "reamaze_conversations": Way(
        "updated_at",
        HOUR,
        lambda run, at: _edited("reamaze.conversations", _oldest(run), updated_at=at),
        lambda _, row: _edited("reamaze.conversations", row["slug"], display_subject="Corrected."),
    ),
    "reamaze_messages": Way(
        "created_at",
        HOUR,
        lambda _, at: {"op": "new_conversation", "source": "reamaze", "when": at},
        lambda sandbox, row: _edited(
            "reamaze.messages", _message_key(sandbox, row), body="Corrected."
        ),
    ),
}


def added(sandbox: Sandbox, run: Messages, late: Callable[[Way], timedelta]) -> dict[str, datetime]:
    """Add a row to each stream, so late; return their dates."""
    moments = {}
    for stream, way in WAYS.items():
        bookmark = run.bookmark(stream)
        assert bookmark
        moments[stream] = instant(bookmark) - late(way)
        if way.make:
            sandbox.mutate(way.make(run, moments[stream].isoformat()))
    return moments


def fresh(first: Messages, second: Messages) -> dict[str, list[Record]]:
    """What the second run emitted that the first did not, in the same words."""
    return {
        stream: [row for row in second.records[stream] if row not in first.records[stream]]
        for stream in WAYS
    }


def nothing(run: Messages) -> bool:
    """Whether a run emitted no record of a stream with a bookmark."""
    return not any(run.records[stream] for stream in WAYS)


@pytest.mark.parametrize("part", [0, 0.5, 1])
def test_a_row_that_shows_late_arrives_once(then: Sandbox, part: float) -> None:
    """A row dated at the bookmark, or before it within the overlap, comes with the next run."""
    first = run(then)
    moments = added(then, first, lambda way: way.overlap * part)
    second = run(then, first.state)
    found = {
        stream: [instant(row[WAYS[stream].date]) for row in rows]
        for stream, rows in fresh(first, second).items()
    }
    assert found == {stream: [moment] for stream, moment in moments.items()}
    third = run(then, second.state)
    # Which sendings are read differs from run to run, so opt-outs may come a second time.
    assert {stream for stream in WAYS if third.records[stream]} <= {"mailchimp_unsubscribes"}
    assert not any(fresh(first, third).values())
    assert nothing(run(then, third.state))


def test_the_overlap_can_be_longer(then: Sandbox) -> None:
    """A row that shows later than the overlap is long comes only where the overlap is longer."""
    first = run(then)
    added(then, first, lambda way: way.overlap + 2 * SECOND)
    assert nothing(run(then, first.state))
    second = run(then, first.state, lookback_minutes=24 * 60 + 1, campaign_refresh_days=31)
    assert {stream: len(rows) for stream, rows in fresh(first, second).items()} == dict.fromkeys(
        WAYS, 1
    )


def test_what_is_known_does_not_come_again(then: Sandbox) -> None:
    """A run that finds nothing new emits nothing, and leaves the bookmarks as they are."""
    first = run(then)
    second = run(then, first.state)
    assert nothing(second)
    assert second.state == first.state


def test_an_edit_within_the_overlap_arrives_once(then: Sandbox) -> None:
    """A row that changes without a new date is emitted again as long as it is in the overlap."""
    first = run(then)
    edited = {
        stream: max(first.records[stream], key=lambda row: str(row[way.date]))
        for stream, way in WAYS.items()
    }
    then.mutate(*(WAYS[stream].edit(then, row) for stream, row in edited.items()))
    second = run(then, first.state)
    keys = {each["stream"]: each["key_properties"] for each in first.schemas}
    for stream, rows in fresh(first, second).items():
        assert [[row[key] for key in keys[stream]] for row in rows] == [
            [edited[stream][key] for key in keys[stream]]
        ], stream
    assert nothing(run(then, second.state))


def test_a_bookmark_of_a_time_before_computers() -> None:
    """Where every row has an odd date, the next run takes the bookmark, and a new row comes."""
    moment = "1969-12-31T23:59:59+00:00"
    stream, catalog = "mailchimp_campaigns", catalog_of("mailchimp_campaigns")
    with Sandbox(now=NOW, campaigns=2) as sandbox:
        campaigns = [row["id"] for row in run(sandbox, None, catalog).records[stream]]
        for campaign in campaigns:
            sandbox.mutate(_edited("mailchimp.campaigns", campaign, create_time=moment))
        first = run(sandbox, None, catalog)
        assert {row["id"] for row in first.records[stream]} == set(campaigns)
        sandbox.mutate(_edited("mailchimp.campaigns", campaigns[0], create_time=NOW))
        second = run(sandbox, first.state, catalog)
        assert [row["id"] for row in second.records[stream]] == campaigns[:1]
