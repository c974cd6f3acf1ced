"""What Mailchimp says about a refused call reaches the user; a slow answer is not waited for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
from support import asked, catalog_of, emitted, held, sync

from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from tap_replies.sandbox import Sandbox

STREAM = "mailchimp_conversations"
LISTED = "/3.0/conversations"
MEMBERS = ("type", "title", "status", "detail", "instance")


def document(sandbox: Sandbox, path: str) -> dict[str, Any]:
    """The error document that a path answers with."""
    key = sandbox.config()["mailchimp_api_key"]
    answer = requests.get(f"{sandbox.url}{path}", auth=("any", key), timeout=10)
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    found: dict[str, Any] = answer.json()
    assert found.keys() == set(MEMBERS)
    return found


@pytest.mark.parametrize("status", [400, 405, 422])
def test_a_refused_call_fails_its_stream_with_all_that_is_known(
    sandbox: Sandbox, status: int
) -> None:
    """Type, title, status, detail and instance of the error document are told, and who asked."""
    sandbox.control(faults=[{"kind": "status", "status": status, "path": LISTED}])
    told = document(sandbox, LISTED)
    messages = sync(sandbox.config(), catalog=catalog_of(STREAM, "mailchimp_lists"))
    (failure,) = messages.failures
    assert failure.startswith(STREAM)
    for name in MEMBERS:
        assert str(told[name]) in failure, name
    assert messages.records["mailchimp_lists"]


def test_a_stream_that_is_not_allowed_tells_why(sandbox: Sandbox) -> None:
    """The advice that goes with a 403 quotes the error document."""
    sandbox.control(plan_without_conversations=True)
    told = document(sandbox, LISTED)
    messages = sync(sandbox.config(), catalog=catalog_of(STREAM))
    (line,) = [line for line in messages.log if "does not allow it" in line]
    for name in MEMBERS:
        assert str(told[name]) in line, name


def test_a_refused_account_tells_why(sandbox: Sandbox) -> None:
    """A deactivated account fails with the error document and the setting to look at."""
    sandbox.control(user_disabled=True)
    told = document(sandbox, "/3.0/")
    messages = sync(sandbox.config(), catalog=catalog_of(STREAM))
    (failure,) = messages.failures
    assert "mailchimp_api_key" in failure
    for name in MEMBERS:
        assert str(told[name]) in failure, name


def test_an_error_that_is_no_document_is_told_by_its_status(sandbox: Sandbox) -> None:
    """A page in HTML, as a proxy sends it, is not quoted."""
    fault = {"kind": "status", "status": 400, "body": "html", "path": LISTED}
    sandbox.control(faults=[fault])
    messages = sync(sandbox.config(), catalog=catalog_of(STREAM))
    (failure,) = messages.failures
    assert "(400)" in failure
    assert "<" not in failure


def test_the_default_limit_is_the_vendors() -> None:
    """Mailchimp cuts a call at 120 s, and no longer does the tap wait for an answer."""
    assert TapReplies(config={}).config["request_timeout"] == 120
    about = json.loads(json.dumps(TapReplies.config_jsonschema))
    assert about["properties"]["request_timeout"]["default"] == 120


@pytest.mark.parametrize("what", ["no answer in time", "a gateway's timeout"])
def test_an_answer_that_takes_too_long_is_asked_for_in_halves(sandbox: Sandbox, what: str) -> None:
    """At the limit a page is given up and asked for again as smaller ones."""
    fault: dict[str, Any] = {"kind": "status", "status": 504}
    if what == "no answer in time":
        fault = {"kind": "stall", "seconds": 30}
    sandbox.control(faults=[{**fault, "path": LISTED, "query": {"count": "1000"}}])
    config = {**sandbox.config(), "request_timeout": 1}
    messages = sync(config, catalog=catalog_of(STREAM))
    assert messages.failures == []
    assert emitted(messages.records[STREAM], STREAM) == held(sandbox, STREAM)
    whole, *halves = [
        range(int(query["offset"]), int(query["offset"]) + int(query["count"]))
        for query in asked(sandbox, LISTED)
    ]
    assert whole == range(1000)
    assert max(map(len, halves)) <= 501
    assert set(whole) == {place for half in halves for place in half}
