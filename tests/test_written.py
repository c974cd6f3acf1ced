"""What people wrote in surveys, and what contacts' feeds show, once somebody selects it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import Messages, catalog_of, instant, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

NOW = "2026-03-01T12:00:00+00:00"
SURVEYS, FEEDS, REPLIES = "mailchimp_survey_responses", "mailchimp_member_activity", "replies"
SURVEY = "/3.0/reporting/surveys/{id}/responses/{response_id}"
FEED = "/3.0/lists/{id}/members/{hash}/activity-feed"


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """An account of one audience whose present is known."""
    with Sandbox(now=NOW, conversations=8, lists=1, members=6, campaigns=4) as sandbox:
        yield sandbox


def run(
    sandbox: Sandbox,
    *streams: str,
    state: dict[str, Any] | None = None,
    hours: float = 1,
    **settings: object,
) -> Messages:
    """A run of some streams of Mailchimp so many hours after the sandbox's present."""
    sandbox.reset_stats()
    tap = tap_with(ScriptedClock(instant(NOW).timestamp() + hours * 3600))
    own = {name: each for name, each in sandbox.config().items() if name.startswith("mailchimp")}
    return sync(own | settings, catalog=catalog_of(*streams), state=state, tap_class=tap)


def requests(sandbox: Sandbox, endpoint: str) -> int:
    """How often an endpoint was asked."""
    return int(sandbox.stats()["endpoints"].get(endpoint, 0))


def answered(sandbox: Sandbox, moment: str, text: str) -> None:
    """One more response to the first survey."""
    rows = sandbox.world.account("", "mailchimp").rows("responses")
    pattern = next(iter(rows))
    results = [{**each, "answer": text} for each in pattern["results"]]
    row = {"response_id": "123456", "submitted_at": moment, "results": results}
    row["survey_id"] = pattern["survey_id"]
    sandbox.mutate({"op": "insert", "collection": "mailchimp.responses", "row": row})


def told(found: Messages) -> list[tuple[str, str]]:
    """The responses that a run told."""
    return sorted((row["survey_id"], row["response_id"]) for row in found.records[SURVEYS])


def responses(sandbox: Sandbox) -> list[tuple[str, str]]:
    """The responses that there are."""
    rows = sandbox.world.account("", "mailchimp").rows("responses")
    return sorted((row["survey_id"], row["response_id"]) for row in rows)


def listed(sandbox: Sandbox) -> list[dict[str, Any]]:
    """The contacts that lists show: archived ones are not among them."""
    rows = sandbox.world.account("", "mailchimp").rows("members")
    return [row for row in rows if row["status"] != "archived"]


def shown(sandbox: Sandbox) -> int:
    """How many events the feeds of all contacts hold."""
    account = sandbox.world.account("", "mailchimp")
    members = [row["email_address"].lower() for row in listed(sandbox)]
    threads = {row["id"]: row["list_id"] for row in account.rows("conversations")}
    lists = {row["id"] for row in account.rows("lists")}
    said = [
        row
        for row in account.rows("messages")
        if row["from_email"].lower() in members and threads[row["conversation_id"]] in lists
    ]
    told = [row for row in account.rows("responses") if row["contact"]["email"].lower() in members]
    return len(said) + len(told)


def test_they_must_be_selected(shop: Sandbox) -> None:
    """Who selects nothing gets neither, and pays for neither."""
    shop.reset_stats()
    found = sync(shop.config())
    assert SURVEYS not in found.records
    assert FEEDS not in found.records
    assert requests(shop, FEED) == requests(shop, "/3.0/reporting/surveys") == 0


def test_all_responses_with_their_answers(shop: Sandbox) -> None:
    """A first run reads every response; later ones ask only for the answers of new ones."""
    first = run(shop, SURVEYS, on_count_mismatch="fail")
    assert first.failures == []
    assert told(first) == responses(shop)
    assert all(len(record["results"]) == 3 for record in first.records[SURVEYS])
    assert {record["survey_title"] for record in first.records[SURVEYS]} == {"How did we do?"}
    second = run(shop, SURVEYS, state=first.state, hours=2)
    assert not second.records[SURVEYS]
    assert requests(shop, SURVEY) <= 2
    answered(shop, "2026-03-01T13:30:00+00:00", "Lovely")
    third = run(shop, SURVEYS, state=second.state, hours=3)
    assert [record["response_id"] for record in third.records[SURVEYS]] == ["123456"]
    assert not run(shop, SURVEYS, state=third.state, hours=4).records[SURVEYS]


def test_all_feeds_of_contacts(shop: Sandbox) -> None:
    """A first run asks for each contact's feed, later ones for those of contacts that changed."""
    members = len(listed(shop))
    first = run(shop, FEEDS, on_count_mismatch="fail")
    assert first.failures == []
    assert requests(shop, FEED) == members
    assert len(first.records[FEEDS]) == shown(shop) > 0
    kinds = {record["activity_type"] for record in first.records[FEEDS]}
    assert kinds == {"conversation", "survey_response"}
    keys = {
        tuple(record[key] for key in first.schemas[0]["key_properties"])
        for record in first.records[FEEDS]
    }
    assert len(keys) == len(first.records[FEEDS])
    second = run(shop, FEEDS, state=first.state, hours=2)
    assert not second.records[FEEDS]
    assert requests(shop, FEED) <= 2
    changed = first.records[FEEDS][0]
    key = [changed["list_id"], changed["email_id"]]
    row = {"last_changed": "2026-03-01T13:30:00+00:00"}
    shop.mutate({"op": "update", "collection": "mailchimp.members", "key": key, "row": row})
    third = run(shop, FEEDS, state=second.state, hours=3)
    assert {record["email_id"] for record in third.records[FEEDS]} == {changed["email_id"]}


@pytest.mark.parametrize(("stream", "what"), [(FEEDS, "contacts"), (SURVEYS, "responses")])
def test_what_vanished_is_skipped(shop: Sandbox, stream: str, what: str) -> None:
    """A contact or a response that is gone when it is asked for, twice, is skipped and counted."""
    whole = run(shop, stream)
    paths = [visit.path for visit in shop.app.stats.visits]
    path = next(each for each in paths if "/activity-feed" in each or "/responses/" in each)
    fault = {"kind": "status", "status": 404, "path": path}
    shop.control(faults=[fault])
    found = run(shop, stream)
    assert found.failures == []
    assert 0 < len(found.records[stream]) < len(whole.records[stream])
    assert [visit.path for visit in shop.app.stats.visits].count(path) == 2
    assert any(f"1 {what} skipped" in line for line in found.log)
    shop.control(faults=[{**fault, "times": 1}])
    assert len(run(shop, stream, strict=True).records[stream]) == len(whole.records[stream])


@pytest.mark.parametrize(
    ("stream", "path"), [(FEEDS, "/3.0/lists/*/activity-feed"), (SURVEYS, "/3.0/reporting/surveys")]
)
def test_a_plan_without_them(shop: Sandbox, stream: str, path: str) -> None:
    """A refusal skips the stream with advice, and leaves no bookmark."""
    shop.control(faults=[{"kind": "status", "status": 403, "path": path}])
    found = run(shop, stream)
    assert found.failures == []
    assert any(line.startswith(f"{stream}:") and "deselect it" in line for line in found.log)
    assert found.bookmark(stream) is None


def test_a_response_that_is_refused_comes_later(shop: Sandbox) -> None:
    """The others are told, and the bookmark waits for it."""
    whole = run(shop, SURVEYS)
    refused = {"kind": "status", "status": 403, "path": "*/responses/*", "at": 2}
    shop.control(faults=[refused])
    found = run(shop, SURVEYS, on_count_mismatch="fail")
    assert len(told(found)) == len(told(whole)) - 1
    assert found.bookmark(SURVEYS) is None
    assert any("1 refused responses skipped" in line for line in found.log)
    shop.reset()
    assert told(run(shop, SURVEYS, state=found.state)) == told(whole)


@pytest.mark.parametrize("column", ["results", "contact", "is_new_contact", "survey_title"])
def test_responses_without_a_column(shop: Sandbox, column: str) -> None:
    """A column that is not selected is not asked for, and all else comes."""
    whole = run(shop, SURVEYS)
    catalog = catalog_of(SURVEYS, without={SURVEYS: [column]})
    tap = tap_with(ScriptedClock(instant(NOW).timestamp() + 3600))
    found = sync(shop.config(), catalog=catalog, tap_class=tap)
    assert found.failures == []
    assert told(found) == told(whole)
    assert all(column not in row for row in found.records[SURVEYS])


@pytest.mark.parametrize("stream", [SURVEYS, FEEDS])
def test_replies_that_are_selected_later_hold_them(shop: Sandbox, stream: str) -> None:
    """Who selects `replies` after a run of the raw streams gets all of them."""
    whole = run(shop, stream, REPLIES).records[REPLIES]
    first = run(shop, stream)
    second = run(shop, stream, REPLIES, state=first.state, hours=2)
    assert second.failures == []
    assert sorted(map(said, second.records[REPLIES])) == sorted(map(said, whole))


def said(row: dict[str, Any]) -> tuple[str, str]:
    """A reply and its text."""
    return row["reply_id"], str(row["body"])


def test_they_are_part_of_replies(shop: Sandbox) -> None:
    """What was written in surveys is told, and what is in feeds too unless a thread has it."""
    without = run(shop, REPLIES)
    assert requests(shop, FEED) == requests(shop, "/3.0/reporting/surveys") == 0
    found = run(shop, REPLIES, FEEDS, SURVEYS)
    assert found.failures == []
    surveys = [record for record in found.records[REPLIES] if record["channel"] == "survey"]
    assert len(surveys) == len(responses(shop))
    assert all(record["author_role"] == "customer" for record in surveys)
    assert all("Anything else?" in record["body"] for record in surveys)
    assert len(found.records[REPLIES]) == len(without.records[REPLIES]) + len(surveys)
    ids = [record["reply_id"] for record in found.records[REPLIES]]
    assert len(ids) == len(set(ids))
    assert {record["reply_id"] for record in without.records[REPLIES]} <= set(ids)


def test_a_feed_tells_what_no_thread_has(shop: Sandbox) -> None:
    """A message whose thread is not among the Conversations comes from its author's feed."""
    before = run(shop, REPLIES).records[REPLIES]
    path = "/3.0/conversations"
    shop.control(faults=[{"kind": "status", "status": 403, "path": f"{path}*"}])
    found = run(shop, REPLIES, FEEDS)
    said = [record for record in found.records[REPLIES] if record["kind"] == "message"]
    assert said
    names = ("body", "sent_at", "author_key", "author_role", "direction", "campaign_id")
    known = {tuple(record[name] for name in names) for record in before}
    assert {tuple(record[name] for name in names) for record in said} <= known


def test_single_responses(shop: Sandbox) -> None:
    """`only` reads one response again."""
    survey, response = responses(shop)[0]
    only = {SURVEYS: [{"survey_id": survey, "response_id": response}]}
    found = run(shop, SURVEYS, only=only)
    assert told(found) == [(survey, response)]
