"""A run in which nothing changed is cheap, and one in which little did costs little more."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import TRUTH_COLUMNS, Messages, catalog_of, sync
from then import NOW, run

from tap_replies.sandbox import Sandbox
from tap_replies.times import utc

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
OPT_OUTS = "mailchimp_unsubscribes"
WALKED = "/3.0/reports/{id}/unsubscribed"
PARTS = "/3.0/reports/{id}/sub-reports"
EVERYTHING = catalog_of("accounts", *TRUTH_COLUMNS, "replies")
MOST, MOST_MORE, CHANGED = 40, 20, 10


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """An account whose newest campaign is an RSS series, to change."""
    with Sandbox(now=NOW, campaigns=17) as sandbox:
        yield sandbox


def _later(sandbox: Sandbox, hours: int, state: dict[str, Any] | None = None) -> Messages:
    """The opt-outs of a run so many hours later, with the requests counted anew."""
    sandbox.reset_stats()
    begun = sandbox.world.now + hours * HOUR
    config = sandbox.config() | {"unsubscribe_refresh_days": 1000}
    found = sync(
        config, state=state, catalog=catalog_of(OPT_OUTS), tap_class=tap_with(ScriptedClock(begun))
    )
    assert found.failures == []
    return found


def _asked(sandbox: Sandbox) -> Counter[str]:
    """The requests by endpoint."""
    return Counter(sandbox.stats()["endpoints"])


def test_a_large_account_at_rest_takes_few_requests() -> None:
    """The second run over 10,000 threads, 1,000 campaigns and 20,000 messages takes at most 40."""
    sizes: dict[str, Any] = {"conversations": 10_000, "messages": 1, "campaigns": 1000}
    sizes |= {"reamaze_conversations": 5000, "reamaze_messages": 4}
    with Sandbox(now=NOW, **sizes) as sandbox:
        first = run(sandbox, None, EVERYTHING)
        sandbox.reset_stats()
        second = run(sandbox, first.state, EVERYTHING)
        at_rest = sandbox.stats()["total"]
        assert at_rest <= MOST
        assert {name for name, rows in second.records.items() if rows} <= {
            "accounts",
            "mailchimp_lists",
        }
        threads = [row["id"] for row in first.records["mailchimp_conversations"][:CHANGED]]
        for thread in threads:
            sandbox.mutate({"op": "new_message", "source": "mailchimp", "key": thread})
        sandbox.reset_stats()
        third = run(sandbox, second.state, EVERYTHING)
        assert sandbox.stats()["total"] <= at_rest + MOST_MORE
        changed = third.records["mailchimp_conversation_messages"]
        assert {row["conversation_id"] for row in changed} >= set(threads)


def test_only_what_moved_is_walked_again() -> None:
    """Of a hundred campaigns that one more person left, hardly another than that is asked."""
    with Sandbox(now=NOW, campaigns=100, unsubscribes=2) as sandbox:
        state = _later(sandbox, 30 * 24).state
        rested = _later(sandbox, 30 * 24 + 1, state)
        at_rest = _asked(sandbox)[WALKED]
        moved, unmoved = 0, []
        for number, row in enumerate(list(sandbox.world.account("", "mailchimp").rows("reports"))):
            if number % 10 == 0 and row["type"] == "regular":
                left = {"op": "new_unsubscribe", "source": "mailchimp", "key": row["id"]}
                sandbox.mutate(left)
                found = _later(sandbox, 30 * 24 + 2 + number, rested.state)
                assert row["id"] in {each["campaign_id"] for each in found.records[OPT_OUTS]}
                moved += 1
                unmoved.append(_asked(sandbox)[WALKED] - at_rest - moved)
        assert moved >= 5
        assert max(unmoved) <= 3 + 1  # what has no report of its own, and one by chance


def test_parts_are_asked_for_once_a_day_at_rest(shop: Sandbox) -> None:
    """Where no audience and no report moved, the reports of parts are asked for a day later."""
    state = _later(shop, 1).state
    asked = []
    for hour in (2, 24, 25, 26, 48, 49):
        state = _later(shop, hour, state).state
        asked.append(_asked(shop)[PARTS] > 0)
    assert asked == [False, False, True, False, False, True]


@pytest.mark.parametrize("collection", ["reports", "lists"])
def test_whatever_moves_has_parts_asked_for(shop: Sandbox, collection: str) -> None:
    """A figure of any report or audience that moved makes the next run look at all parts."""
    state = _later(shop, 1).state
    row = next(iter(shop.world.account("", "mailchimp").rows(collection)))
    moved: dict[str, Any] = {"emails_sent": row.get("emails_sent", 0) + 1}
    if collection == "lists":
        moved = {"stats": row["stats"] | {"last_unsub_date": utc(NOW)}}
    shop.mutate(
        {"op": "update", "collection": f"mailchimp.{collection}", "key": row["id"], "row": moved}
    )
    state = _later(shop, 2, state).state
    assert _asked(shop)[PARTS] > 0
    _later(shop, 3, state)
    assert _asked(shop)[PARTS] == 0


def test_audiences_that_may_not_be_read_cost_requests_and_no_rows(shop: Sandbox) -> None:
    """Without the figures of audiences, parts are looked at in every run."""
    refused = {"kind": "status", "status": 403, "path": "/3.0/lists"}
    shop.control(faults=[refused])
    state = _later(shop, 1).state
    again = _later(shop, 2, state)
    assert _asked(shop)[PARTS] > 0
    assert again.records[OPT_OUTS] == []
