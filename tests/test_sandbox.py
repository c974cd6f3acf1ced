"""The sandbox pages, filters, counts and changes as both vendors are known to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

CONVERSATION, LIST = "fa8c387539", "57afe96172"
NOW = "2026-03-01T12:00:00Z"


class Vendor:
    """A session with the credential of one account."""

    def __init__(self, sandbox: Sandbox, source: str, number: int = 0) -> None:
        """Log in."""
        self.session = requests.Session()
        if source == "mailchimp":
            self.base = f"{sandbox.url}/3.0"
            self.session.auth = ("x", sandbox.world.mailchimp[number].api_key)
        else:
            self.base = f"{sandbox.url}/api/v1"
            brand = sandbox.world.reamaze[number]
            self.session.auth = (brand.login, brand.api_token)

    def ask(self, path: str, **query: object) -> requests.Response:
        """Ask, whatever comes back."""
        return self.session.get(self.base + path, params=query, timeout=10)  # type: ignore[arg-type]

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401
        """Ask for JSON with status 200."""
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    """Serve data that no test changes."""
    with Sandbox(now=NOW, accounts=2, brands=2) as running:
        yield running


@pytest.fixture
def mailchimp(shared: Sandbox) -> Iterator[Vendor]:
    """Log in to the first Mailchimp account."""
    vendor = Vendor(shared, "mailchimp")
    with vendor.session:
        yield vendor


@pytest.fixture
def reamaze(shared: Sandbox) -> Iterator[Vendor]:
    """Log in to the first Re:amaze brand."""
    vendor = Vendor(shared, "reamaze")
    with vendor.session:
        yield vendor


def test_offset_pages_cover_the_collection_once(mailchimp: Vendor) -> None:
    """Pages of ten by default, no row twice, an empty page past the end, counts over 1,000 fine."""
    pages = [mailchimp.get("/conversations", offset=start) for start in range(0, 60, 10)]
    ids = [row["id"] for page in pages for row in page["conversations"]]
    assert len(ids) == len(set(ids)) == 40
    assert {page["total_items"] for page in pages} == {40}
    assert len(mailchimp.get("/conversations", count=100000)["conversations"]) == 40


def test_fields_and_exclude_fields_cut_answers_down(mailchimp: Vendor) -> None:
    """Dotted paths choose or drop fields, both at once and unknown ones are refused."""
    chosen = mailchimp.get("/conversations", fields="conversations.id,total_items")
    assert set(chosen) == {"conversations", "total_items"}
    assert {tuple(row) for row in chosen["conversations"]} == {("id",)}
    nested = mailchimp.get("/conversations", fields="conversations.last_message.timestamp")
    assert list(nested["conversations"][0]["last_message"]) == ["timestamp"]
    left = mailchimp.get("/conversations", exclude_fields="conversations._links,_links")
    assert "_links" not in left
    assert "_links" not in left["conversations"][0]
    assert "subject" in left["conversations"][0]
    bare = mailchimp.get("/conversations", exclude_fields="conversations,nothing.here")
    assert set(bare) == {"total_items", "_links"}
    assert mailchimp.get("/lists/" + LIST, fields="name").keys() == {"name"}
    both = mailchimp.ask("/lists", fields="lists", exclude_fields="_links")
    assert both.status_code == 400
    assert mailchimp.ask("/lists", fields="rows.id").status_code == 422


def test_since_is_exclusive_and_before_is_inclusive(mailchimp: Vendor) -> None:
    """A bound that equals a row's time leaves it out as since_, keeps it as before_."""
    rows = mailchimp.get("/campaigns", count=1000, sort_field="create_time")["campaigns"]
    times = [row["create_time"] for row in rows]
    assert times == sorted(times)
    later = mailchimp.get("/campaigns", count=1000, since_create_time=times[5])["campaigns"]
    earlier = mailchimp.get("/campaigns", count=1000, before_create_time=times[5])["campaigns"]
    assert {row["create_time"] for row in later} == set(times[6:])
    assert {row["create_time"] for row in earlier} == set(times[:6])
    path = f"/conversations/{CONVERSATION}/messages"
    said = mailchimp.get(path, count=100)["conversation_messages"]
    assert len(said) == 12
    after = mailchimp.get(path, count=100, since_timestamp=said[3]["timestamp"])
    assert after["conversation_messages"] == said[4:]
    assert after["total_items"] == 8
    fraction = mailchimp.ask("/campaigns", since_create_time="2025-01-01T00:00:00.5Z")
    assert fraction.status_code == 500
    assert (
        mailchimp.ask("/campaigns?since_create_time=2025-01-01T00:00:00+00:00").status_code == 400
    )


def test_members_follow_their_documented_filters(mailchimp: Vendor) -> None:
    """Bare lists hide archived people, unsubscribed_since needs its status, sorts go both ways."""
    path = f"/lists/{LIST}/members"
    everybody = mailchimp.get(path, count=1000)["members"]
    assert "archived" not in {row["status"] for row in everybody}
    assert mailchimp.get(path, status="archived")["total_items"] == 3
    assert mailchimp.get(path, status="nonsense")["total_items"] == 0
    assert mailchimp.ask(path, unsubscribed_since=NOW).status_code == 400
    left = {"status": "unsubscribed", "sort_field": "last_changed", "count": 1000}
    falling = mailchimp.get(path, sort_dir="DESC", **left)["members"]
    assert falling == mailchimp.get(path, **left)["members"][::-1]
    since = mailchimp.get(path, unsubscribed_since=falling[1]["last_changed"], **left)
    assert [row["id"] for row in since["members"]] == [falling[0]["id"]]


def test_opt_outs_agree_with_reports(mailchimp: Vendor) -> None:
    """Each report counts its own opt-outs; children and automations have theirs elsewhere."""
    found = 0
    reports = mailchimp.get("/reports", count=1000)["reports"]
    for parent in list(reports):
        if parent["type"] in ("rss", "variate"):
            reports += mailchimp.get(f"/reports/{parent['id']}/sub-reports")["reports"]
    for flow in mailchimp.get("/automations")["automations"]:
        for email in mailchimp.get(f"/automations/{flow['id']}/emails")["emails"]:
            reports.append(mailchimp.get(f"/reports/{email['id']}"))
    for report in reports:
        rows = mailchimp.get(f"/reports/{report['id']}/unsubscribed", count=1000)["unsubscribes"]
        assert len(rows) == report["unsubscribed"]
        found += len(rows)
    drafts = mailchimp.get("/campaigns", status="save")["campaigns"]
    assert mailchimp.get(f"/reports/{drafts[0]['id']}/unsubscribed")["total_items"] == 0
    assert mailchimp.ask(f"/reports/{drafts[0]['id']}").status_code == 404
    account = mailchimp.get("/")["account_id"]
    truth = mailchimp.session.get(
        mailchimp.base.replace("/3.0", "/__truth"), params={"account": account}, timeout=10
    ).json()
    assert truth["mailchimp_unsubscribes"]["count"] == found
    keys = [tuple(key) for key in truth["mailchimp_unsubscribes"]["keys"]]
    assert len(set(keys)) == found
    assert len({key[:2] for key in keys}) < found


def test_conversations_agree_with_their_messages(mailchimp: Vendor) -> None:
    """message_count and last_message are those of the thread; list_id is the numeric web id."""
    webs = {row["id"]: row["web_id"] for row in mailchimp.get("/lists")["lists"]}
    for row in mailchimp.get("/conversations", count=5)["conversations"]:
        thread = mailchimp.get(f"/conversations/{row['id']}/messages", count=100)
        said = thread["conversation_messages"]
        assert len(said) == row["message_count"] == thread["total_items"]
        assert said[-1]["timestamp"] == row["last_message"]["timestamp"]
        assert {one["list_id"] for one in said} == {webs[row["list_id"]]}


def test_activity_feed_shows_what_a_person_wrote(mailchimp: Vendor) -> None:
    """Survey responses and conversations of one member, filtered by type."""
    path = f"/lists/{LIST}/members/62eeb292278cc15f5817cb78f7790b08/activity-feed"
    kinds = {item["activity_type"] for item in mailchimp.get(path)["activity"]}
    assert kinds == {"survey_response", "unsub"}
    only = mailchimp.get(path, activity_filters="survey_response")["activity"]
    assert {item["activity_type"] for item in only} == {"survey_response"}
    written = []
    for row in mailchimp.get(f"/lists/{LIST}/members", count=1000)["members"]:
        feed = f"/lists/{LIST}/members/{row['id']}/activity-feed"
        written += mailchimp.get(feed, activity_filters="conversation")["activity"]
    threads = {item["thread_id"] for item in written}
    assert threads
    assert {item["is_user"] for item in written} == {False}
    assert mailchimp.get(f"/conversations/{threads.pop()}")["list_id"] == LIST


def test_reamaze_hides_archived_conversations_by_default(reamaze: Vendor) -> None:
    """Without a filter archived ones are missing, with `all` they are there."""
    default = walk(reamaze, "conversations")
    everything = walk(reamaze, "conversations", filter="all")
    archived = walk(reamaze, "conversations", filter="archived")
    assert len(everything) == 60
    assert {row["status"] for row in archived} == {4}
    assert len(default) + len(archived) == len(everything)
    assert "knock-knock" in {row["slug"] for row in everything}


def test_reamaze_sorts_and_filters(reamaze: Vendor) -> None:
    """`changed` falls by update, dates bound the customer's last message, words narrow."""
    changed = walk(reamaze, "conversations", filter="all", sort="changed")
    moments = [instant(row["updated_at"]) for row in changed]
    assert moments == sorted(moments, reverse=True)
    said = "2025-06-01T00:00:00Z"
    late = walk(reamaze, "conversations", filter="all", start_date=said)
    assert 0 < len(late) < 60
    assert all(instant(row["last_customer_message"]["created_at"]) >= instant(said) for row in late)
    chats = walk(reamaze, "conversations", filter="all", category="chat")
    assert {row["category"]["slug"] for row in chats} == {"chat"}
    detail = reamaze.get("/conversations/" + chats[0]["slug"])
    data = {"data[plan]": detail["data"]["plan"]}
    assert 0 < len(walk(reamaze, "conversations", filter="all", **data)) < 60
    assert "data" not in chats[0]
    assert "last_staff_message" in detail
    assert reamaze.ask("/conversations/nobody").json()["error"]


def test_reamaze_messages_of_all_threads_are_those_of_each(reamaze: Vendor) -> None:
    """The brand-wide list and the threads hold the same rows, newest first, .json or not."""
    everywhere = walk(reamaze, "messages")
    moments = [instant(row["created_at"]) for row in everywhere]
    assert moments == sorted(moments, reverse=True)
    assert len(everywhere) == 240
    for row in walk(reamaze, "conversations", filter="all")[:5]:
        thread = reamaze.get(f"/conversations/{row['slug']}/messages.json")
        assert thread["total_count"] == row["message_count"]
        mine = [one for one in everywhere if one["conversation"]["slug"] == row["slug"]]
        assert thread["messages"] == mine
    ties = [(row["conversation"]["slug"], instant(row["created_at"])) for row in everywhere]
    assert len(set(ties)) < len(ties)
    assert {row["visibility"] for row in everywhere} == {0, 1, 2}
    assert any(row["user"]["email"] is None for row in everywhere)
    assert any(row["attachments"] for row in everywhere)
    assert "original_body" in walk(reamaze, "messages", include="original_body")[0]
    assert "original_body" not in everywhere[0]
    staff = walk(reamaze, "messages", filter="staff")
    assert {row["user"]["staff?"] for row in staff} == {True}
    bounds = {"start_date": everywhere[9]["created_at"], "end_date": everywhere[2]["created_at"]}
    assert walk(reamaze, "messages", **bounds) == everywhere[2:10]


def test_credentials_choose_the_account(shared: Sandbox) -> None:
    """Every account has its own rows under the same ids, and strangers get 401."""
    first, second = (Vendor(shared, "mailchimp", number) for number in (0, 1))
    path = f"/conversations/{CONVERSATION}"
    assert first.get("/")["account_id"] != second.get("/")["account_id"]
    assert first.get(path) != second.get(path)
    brands = [Vendor(shared, "reamaze", number) for number in (0, 1)]
    bodies = [brand.get("/conversations/knock-knock") for brand in brands]
    assert bodies[0] != bodies[1]
    for vendor in (first, brands[0]):
        vendor.session.auth = ("x", "wrong")
        assert vendor.ask("/conversations").status_code == 401
    token = shared.world.mailchimp[1].access_token
    metadata = f"{shared.url}/oauth2/metadata"
    for secret, name in ((token, "api_endpoint"), ("wrong", "error")):
        answer = requests.get(metadata, headers={"Authorization": f"OAuth {secret}"}, timeout=10)
        assert answer.status_code == 200
        assert name in answer.json()
    assert len(shared.config(accounts=True)["accounts"]) == 4


def walk(vendor: Vendor, name: str, **query: object) -> list[dict[str, Any]]:
    """Read a Re:amaze list until a page is short."""
    rows: list[dict[str, Any]] = []
    while True:
        page = vendor.get(f"/{name}", page=len(rows) // 30 + 1, **query)
        rows += page[name]
        if len(page[name]) < page["page_size"]:
            assert page["total_count"] == len(rows)
            return rows


def instant(text: str) -> float:
    """Read a moment."""
    return datetime.fromisoformat(text).timestamp()
