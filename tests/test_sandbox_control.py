"""The sandbox refuses, misbehaves, changes and counts as it is told to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONVERSATION, CAMPAIGN = "fa8c387539", "42694e9e57"
NOW = "2026-03-01T12:00:00Z"


class Vendor:
    """One vendor's API with the credential of its first account."""

    def __init__(self, sandbox: Sandbox, source: str) -> None:
        """Log in."""
        config = sandbox.config()
        self._base, self._auth = f"{sandbox.url}/3.0", ("x", config["mailchimp_api_key"])
        if source == "reamaze":
            self._base = f"{sandbox.url}/api/v1"
            self._auth = (config["reamaze_login"], config["reamaze_api_token"])

    def ask(self, path: str, **query: Any) -> requests.Response:  # noqa: ANN401
        """Ask, whatever comes back."""
        return requests.get(self._base + path, params=query, auth=self._auth, timeout=10)

    def get(self, path: str, **query: Any) -> Any:  # noqa: ANN401
        """Ask for JSON with status 200."""
        answer = self.ask(path, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def own() -> Iterator[Sandbox]:
    """Serve data that the test may change."""
    with Sandbox(now=NOW, conversations=25, reamaze_conversations=45) as running:
        yield running


def test_at_most_ten_requests_at_once(own: Sandbox) -> None:
    """The eleventh simultaneous request of a credential is answered with 429."""
    own.control(latency_ms=300)
    vendor = Vendor(own, "mailchimp")
    with ThreadPoolExecutor(14) as pool:
        codes = list(pool.map(lambda _: vendor.ask("/ping").status_code, range(14)))
    assert codes.count(429) == 4
    assert own.stats()["most_in_flight"] > 10


def test_reamaze_quota_per_minute(own: Sandbox) -> None:
    """More requests in a minute than the quota are answered with 429."""
    own.control(max_per_minute=3)
    vendor = Vendor(own, "reamaze")
    assert [vendor.ask("/staff").status_code for _ in range(5)] == [200, 200, 200, 429, 429]


def test_standing_switches(own: Sandbox) -> None:
    """Accounts without conversations, without the plan, deactivated; totals that lie."""
    vendor, brand = Vendor(own, "mailchimp"), Vendor(own, "reamaze")
    own.control(no_conversations=True)
    assert vendor.get("/conversations")["total_items"] == 0
    own.control(no_conversations=False, plan_without_conversations=True)
    assert vendor.ask("/conversations").status_code == 403
    assert vendor.ask("/lists").status_code == 200
    own.control(user_disabled=True, html_errors=True)
    assert vendor.ask("/ping").headers["Content-Type"] == "text/html"
    own.control(user_disabled=False, plan_without_conversations=False, total_delta=-3)
    assert vendor.get("/conversations")["total_items"] == 22
    own.control(total_delta=0, reamaze_updated_at=False)
    assert "updated_at" not in brand.get("/conversations")["conversations"][0]
    own.control(initial_messages="brand_hides")
    assert brand.get("/messages")["total_count"] == 45 * 3
    assert brand.get("/conversations/knock-knock/messages")["total_count"] == 4
    own.control(initial_messages="count_hides")
    counted = brand.get("/messages", page=5)
    assert counted["page_count"] == 5
    assert len(brand.get("/messages", page=6)["messages"]) == 30
    with pytest.raises(ValueError, match="unknown"):
        own.control(no_such_switch=1)


def test_changes_leave_the_data_consistent(own: Sandbox) -> None:
    """New messages, threads and archiving move every figure that depends on them."""
    vendor, brand = Vendor(own, "mailchimp"), Vendor(own, "reamaze")
    before = vendor.get(f"/conversations/{CONVERSATION}")
    own.mutate({"source": "mailchimp", "op": "new_message", "key": CONVERSATION})
    after = vendor.get(f"/conversations/{CONVERSATION}")
    assert after["message_count"] == before["message_count"] + 1
    assert after["last_message"]["timestamp"] == "2026-03-01T12:00:01+00:00"
    own.mutate({"source": "mailchimp", "op": "new_conversation", "key": "aaaaaaaaaa"})
    assert vendor.get("/conversations")["conversations"][0]["id"] == "aaaaaaaaaa"
    own.mutate({"source": "mailchimp", "op": "new_unsubscribe", "key": CAMPAIGN})
    assert vendor.get(f"/reports/{CAMPAIGN}")["unsubscribed"] == 6
    own.mutate(
        {"source": "reamaze", "op": "new_message", "key": "knock-knock", "when": NOW},
        {"source": "reamaze", "op": "new_conversation", "key": "brand-new"},
        {"source": "reamaze", "op": "archive", "key": "brand-new"},
    )
    thread = brand.get("/conversations/knock-knock/messages")
    assert thread["total_count"] == brand.get("/conversations/knock-knock")["message_count"] == 5
    changed = brand.get("/conversations", filter="all", sort="changed")["conversations"]
    assert [row["slug"] for row in changed[:2]] == ["brand-new", "knock-knock"]
    assert changed[0]["status"] == 4
    own.mutate({"op": "delete", "collection": "mailchimp.conversations", "key": CONVERSATION})
    assert vendor.ask(f"/conversations/{CONVERSATION}").status_code == 404
    row = {"id": "bbbbbbbbbb", "message_count": 0}
    own.mutate({"op": "insert", "collection": "mailchimp.conversations", "row": row})
    own.mutate(
        {
            "op": "update",
            "collection": "mailchimp.conversations",
            "key": "bbbbbbbbbb",
            "row": {"subject": "changed", "last_message": {"read": True}},
        }
    )
    assert vendor.get("/conversations/bbbbbbbbbb")["subject"] == "changed"
    assert own.truth()[own.world.mailchimp[0].name]["mailchimp_conversations"]["count"] == 26
    answer = requests.post(f"{own.url}/__mutate", json={"op": "delete"}, timeout=10)
    assert answer.status_code == 400


def test_stats_tell_what_was_asked(own: Sandbox) -> None:
    """Counts by endpoint and the requests in order, until reset."""
    vendor = Vendor(own, "mailchimp")
    vendor.ask("/conversations", count=3)
    vendor.ask("/conversations/nope")
    stats = requests.get(f"{own.url}/__stats", timeout=10).json()
    assert stats["total"] == 2
    assert stats["endpoints"] == {"/3.0/conversations": 1, "/3.0/conversations/{id}": 1}
    assert stats["requests"] == [
        ["/3.0/conversations", "count=3", 200],
        ["/3.0/conversations/nope", "", 404],
    ]
    assert stats["most_in_flight_by_account"] == {own.world.mailchimp[0].name: 1}
    requests.post(f"{own.url}/__reset", timeout=10).raise_for_status()
    assert own.stats()["total"] == 0


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    """Two processes with one seed and moment serve equal pages, and end quietly on SIGTERM."""
    pages = []
    for number in range(2):
        config = tmp_path / f"{number}.json"
        command = [sys.executable, "-m", "tap_replies.sandbox", "--seed", "7", "--now", NOW]
        command += ["--conversations", "30", "--config", str(config)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            assert json.loads(config.read_text("utf-8")) == ready["config"]
            auth = ("x", ready["config"]["mailchimp_api_key"])
            page = requests.get(
                f"{ready['url']}/3.0/conversations?count=1000", auth=auth, timeout=10
            )
            login = (ready["config"]["reamaze_login"], ready["config"]["reamaze_api_token"])
            other = requests.get(f"{ready['url']}/api/v1/messages", auth=login, timeout=10)
            pages.append((page.content, other.content))
            process.send_signal(signal.SIGTERM)
            rest, errors = process.communicate(timeout=10)
            assert (process.returncode, rest, errors) == (0, b"", b"")
    assert pages[0] == pages[1]
