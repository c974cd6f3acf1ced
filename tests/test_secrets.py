"""Whatever goes wrong, log, metrics and state tell nothing of people, their words or the keys."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
import socketserver
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import Messages, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URIST = "urist.mcvankab@freddiesjokes.com"
"""Somebody whom the sandbox always knows."""

STRANGER = "jane.doe.1871@nowhere.example"
ADDRESS = re.compile(r"[^\s<>()\"',;:/]+@[^\s<>()\"',;:/]+")
PERSON = {"email", "email_address", "from_email", "staff?", "FNAME"}
"""Fields that only an object about a person has, a channel apart."""

NAMES = {"name", "from_label", "full_name", "FNAME", "LNAME", "display_name", "friendly_name"}
WORDS = {"body", "original_body", "message", "subject", "reason", "unsubscribe_reason", "note"}
SHORTEST_NAME, SHORTEST_TEXT = 6, 12
"""What is shorter may stand in a log by chance."""


@pytest.fixture(scope="module")
def world() -> Iterator[Sandbox]:
    """Two accounts of each vendor; each test ends the trouble that it made."""
    sizes: dict[str, Any] = {"conversations": 10, "campaigns": 6, "members": 4}
    with Sandbox(accounts=2, brands=2, **sizes, reamaze_conversations=35) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(world: Sandbox) -> Iterator[Sandbox]:
    """The same, back to good behaviour after the test."""
    yield world
    world.control(faults=[], hostile=0)
    world.reset()


def _objects(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any JSON
    """Every object within a value."""
    if isinstance(value, dict):
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _objects(each)


def _of_people(row: dict[str, Any]) -> Iterator[str]:
    """What an object tells of people, without what lies deeper."""
    is_person = row.keys() & PERSON and "channel" not in row
    for name, value in row.items():
        if not isinstance(value, str):
            continue
        yield from ADDRESS.findall(value)
        if is_person and name in NAMES:
            yield from (part for part in {value, *value.split()} if len(part) >= SHORTEST_NAME)
        if name in WORDS:
            parts = re.split(r"[\n<>]|(?<=[.!?]) ", value)
            yield from (part.strip() for part in parts if len(part.strip()) >= SHORTEST_TEXT)


@pytest.fixture(scope="module")
def hidden(world: Sandbox) -> set[str]:
    """All that must not be told, in every form in which it travels."""
    found = set()
    config = world.config(accounts=True)
    for account in world.world.accounts:
        for table in account.collections:
            for row in account.rows(table):
                found |= {text for each in _objects(row) for text in _of_people(each)}
    addresses = {each for each in found if ADDRESS.fullmatch(each)} | {STRANGER}
    found |= addresses | {hashlib.md5(each.lower().encode()).hexdigest() for each in addresses}  # noqa: S324
    found |= {each.replace("@", "%40") for each in addresses}
    for each in config["accounts"]:
        secret = each.get("api_key") or each["api_token"]
        user = each.get("login", "tap")
        found |= {secret, secret[:20], base64.b64encode(f"{user}:{secret}".encode()).decode()}
    return found


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Callable[[Messages], str]]:
    """All that a run told beside its records: every logger at level DEBUG, metrics and state."""
    with caplog.at_level(logging.DEBUG):
        yield lambda run: caplog.text + json.dumps([run.states, run.failures], ensure_ascii=False)


def leaks(text: str, hidden: set[str]) -> list[str]:
    """What of it the text tells."""
    return sorted(each for each in hidden if each in text)


def run(config: dict[str, Any], **options: Any) -> Messages:  # noqa: ANN401
    """A run that waits for nothing."""
    return sync(config, tap_class=tap_with(ScriptedClock(time.time())), **options)


def test_the_sandbox_is_full_of_what_is_hidden(hidden: set[str]) -> None:
    """Names, addresses, hashes, words and keys are all looked for."""
    assert {URIST, "Raghunathan", "Соколов", "Robin Marsh", "Where is my order"} <= hidden
    assert "The parcel came, but the blue one is missing." in hidden
    assert "62eeb292278cc15f5817cb78f7790b08" in hidden
    assert len(hidden) > 300


def test_good_runs(sandbox: Sandbox, hidden: set[str], told: Callable[[Messages], str]) -> None:
    """A first run and a later one."""
    config = sandbox.config(accounts=True)
    first = run(config)
    sandbox.mutate({"op": "new_message", "source": "mailchimp", "key": "fa8c387539"})
    later = run(config, state=first.state)
    assert first.failures == later.failures == []
    assert leaks(told(first), hidden) == leaks(told(later), hidden) == []
    assert '"metric":"records_emitted"' in told(later)


FAULTS: dict[str, dict[str, Any]] = {
    **{str(status): {"kind": "status", "status": status} for status in (400, 401, 403, 404, 429)},
    "500": {"kind": "status", "status": 500},
    "504 as HTML": {"kind": "status", "status": 504, "body": "html"},
    "a redirect to another host": {"kind": "redirect", "to": "https://nowhere.example/?for=x"},
    "a redirect without end": {"kind": "redirect", "to": "/3.0/conversations"},
    "no answer in time": {"kind": "stall", "seconds": 3.0, "times": 1},
    "a slow body": {"kind": "slow_body", "seconds": 12.0, "times": 1},
    **{
        kind: {"kind": kind} for kind in ("cut", "reset", "html200", "garbage200", "truncated_json")
    },
    **{kind: {"kind": kind} for kind in ("duplicate_rows", "foreign", "hostile", "total")},
    "revoke": {"kind": "revoke", "at": 5},
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_runs_in_which_something_fails(
    sandbox: Sandbox, hidden: set[str], told: Callable[[Messages], str], fault: dict[str, Any]
) -> None:
    """Each way in which requests with an address in their query can fail."""
    paths = ("/3.0/conversations*", "/api/v1/conversations*")
    sandbox.control(faults=[{**fault, "path": path} for path in paths])
    config = sandbox.config() | {"retry_seconds": 5, "request_timeout": 1, "strict": True}
    found = run(config | {"reamaze_filters": {"for": URIST}})
    assert sandbox.stats()["endpoints"]["/api/v1/conversations"]
    assert leaks(told(found), hidden) == []


@pytest.mark.parametrize("address", [URIST, STRANGER])
def test_addresses_in_the_settings(
    sandbox: Sandbox, hidden: set[str], told: Callable[[Messages], str], address: str
) -> None:
    """`only` and `for` with the address of somebody who is there, and of somebody who is not."""
    campaign, audience = "42694e9e57", "57afe96172"
    config = sandbox.config(accounts=True) | {
        "only": {
            "mailchimp_unsubscribes": [{"campaign_id": campaign, "email": address}],
            "mailchimp_list_unsubscribes": [{"list_id": audience, "email": address}],
        }
    }
    found = run(config)
    assert bool(found.failures) == (address == STRANGER)
    assert leaks(told(found), hidden) == []
    sandbox.control(faults=[{"kind": "status", "status": 400, "path": "*/unsubscribed/*"}])
    assert leaks(told(run(config)), hidden) == []
    del config["only"]
    config["accounts"][2]["filters"] = {"for": address}
    assert leaks(told(run(config)), hidden) == []


def test_bad_credentials(
    sandbox: Sandbox, hidden: set[str], told: Callable[[Messages], str]
) -> None:
    """Keys that are refused, and the login that comes with one, are not told either."""
    config = sandbox.config()
    wrong = {"mailchimp_api_key": f"{'c0ffee' * 6}-us6", "reamaze_api_token": "not-the-token-0"}
    found = run(config | wrong)
    assert len(found.failures) == 2
    assert leaks(told(found), hidden | set(wrong.values())) == []


class _Broken(socketserver.StreamRequestHandler):
    """Answers with a header that is none."""

    def handle(self) -> None:
        """Answer one request."""
        while self.rfile.readline().strip():
            pass
        body = b'{"page_size":30,"page_count":0,"total_count":0,"conversations":[],"messages":[]}'
        head = b"HTTP/1.1 200 OK\r\nno header at all\r\nConnection: close\r\nContent-Length: %d"
        self.wfile.write(head % len(body) + b"\r\n\r\n" + body)


def test_answers_with_broken_headers(
    sandbox: Sandbox, hidden: set[str], told: Callable[[Messages], str]
) -> None:
    """The HTTP library's complaint about a header does not quote the query."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Broken) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        config = {
            "reamaze_brand": "acme",
            "reamaze_login": "staff@sandbox.example",
            "reamaze_api_token": sandbox.config()["reamaze_api_token"],
            "reamaze_api_url": f"http://127.0.0.1:{server.server_address[1]}",
            "reamaze_filters": {"for": URIST},
            "retry_seconds": 0,
        }
        found = run(config)
        server.shutdown()
    assert leaks(told(found), hidden) == []
