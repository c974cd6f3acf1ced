"""Re:amaze's conversations: all of them once, then those that changed, at few requests."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from support import Messages, asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "reamaze_conversations"
LISTED = "/api/v1/conversations"


@pytest.fixture
def brand() -> Iterator[Sandbox]:
    """A brand with several pages of conversations at a known time, to change."""
    with Sandbox(now="2026-03-01T12:00:00Z", reamaze_conversations=200) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: Any) -> Messages:  # noqa: ANN401
    """The conversations of the brand, with the requests counted anew."""
    sandbox.reset_stats()
    config = {**sandbox.config(), **settings}
    messages = sync(config, catalog=catalog_of(STREAM), state=state)
    assert messages.failures == []
    return messages


def slugs(messages: Messages) -> list[str]:
    """The conversations that came."""
    return [row["slug"] for row in messages.records[STREAM]]


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_first_run_reads_all(brand: Sandbox, order: str) -> None:
    """All conversations come, in whichever order the vendor lists them."""
    brand.control(reamaze_order=order)
    messages = read(brand)
    assert emitted(messages.records[STREAM], STREAM) == held(brand, STREAM)
    assert brand.stats()["endpoints"][LISTED] == 1 + 7


def test_a_later_run_reads_down_to_the_bookmark(brand: Sandbox) -> None:
    """Changes of any kind come by a list that is newest first, of which a few pages are read."""
    first = read(brand)
    oldest = str(next(iter(held(brand, STREAM)))[0])
    brand.mutate(
        {"op": "archive", "source": "reamaze", "key": oldest},
        {"op": "new_conversation", "source": "reamaze", "key": "brand-new"},
    )
    second = read(brand, first.state)
    assert sorted(slugs(second)) == sorted(["brand-new", oldest])
    archived = next(row for row in second.records[STREAM] if row["slug"] == oldest)
    assert (archived["status_name"], archived["read_only"]) == ("archived", True)
    queries = asked(brand, LISTED)
    assert {query["sort"] for query in queries} == {"changed"}
    assert {query["filter"] for query in queries} == {"all"}
    assert len(queries) <= 1 + 4


def test_a_sort_of_the_user_is_for_the_first_run(brand: Sandbox) -> None:
    """Later runs need the vendor's order of changes, and so do not heed `sort`."""
    settings = {"reamaze_filters": {"sort": "updated"}}
    first = read(brand, **settings)
    sorts = Counter(query["sort"] for query in asked(brand, LISTED))
    assert sorts == {"changed": 1, "updated": sorts["updated"]}  # one looks the account up
    brand.mutate({"op": "archive", "source": "reamaze", "key": "knock-knock"})
    second = read(brand, first.state, **settings)
    assert slugs(second) == ["knock-knock"]
    assert {query["sort"] for query in asked(brand, LISTED)} == {"changed"}


def test_without_a_time_of_change_nothing_is_left_out(brand: Sandbox) -> None:
    """Where the API hides `updated_at`, an archived conversation could not be told: all come."""
    brand.control(reamaze_updated_at=False)
    first = read(brand)
    assert all(row["updated_at"] for row in first.records[STREAM])
    oldest = str(next(iter(held(brand, STREAM)))[0])
    brand.mutate({"op": "archive", "source": "reamaze", "key": oldest})
    second = read(brand, first.state)
    assert emitted(second.records[STREAM], STREAM) == held(brand, STREAM)
    row = next(row for row in second.records[STREAM] if row["slug"] == oldest)
    assert row["status_name"] == "archived"


def test_attributes_of_a_filter_are_sent_as_they_are_meant(brand: Sandbox) -> None:
    """One that is null is not asked for, and each of several values is."""
    read(brand, reamaze_filters={"data": {"tier": ["gold", "blue"], "plan": None}})
    queries = [visit.query for visit in brand.app.stats.visits if "page=" in visit.query]
    assert queries
    for query in queries:
        sent = parse_qs(query, keep_blank_values=True)
        assert sent["data[tier]"] == ["gold", "blue"]
        assert "data[plan]" not in sent


def test_an_empty_brand(brand: Sandbox) -> None:
    """A filter that nothing fits gives no row, no failure and no bookmark."""
    messages = read(brand, reamaze_filters={"tag": "never-used"})
    assert messages.records == {}
    assert messages.bookmark(STREAM) is None
