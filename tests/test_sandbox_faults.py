"""Every fault of the sandbox reaches the client as what it is called."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Get = Callable[..., requests.Response]

LIST, THREAD = "/3.0/conversations", "/3.0/conversations/fa8c387539/messages"
BROKEN = (
    requests.exceptions.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    """Serve one set of data for all tests of this file."""
    with Sandbox(conversations=25) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    """Serve without faults."""
    running.control(hostile=0)
    running.reset()
    return running


@pytest.fixture
def get(sandbox: Sandbox) -> Iterator[Get]:
    """Return a function that asks for a path as the first Mailchimp account."""
    with requests.Session() as session:
        session.auth = ("x", sandbox.config()["mailchimp_api_key"])

        def ask(path: str = LIST, **query: object) -> requests.Response:
            return session.get(
                sandbox.url + path,
                params=query,  # type: ignore[arg-type]
                timeout=10,
                allow_redirects=False,
            )

        yield ask


def fault(kind: str, **details: Any) -> dict[str, Any]:  # noqa: ANN401
    """Describe a fault of the first listing of conversations."""
    return {"kind": kind, "path": LIST, "at": 1, **details}


def test_status_with_retry_after(sandbox: Sandbox, get: Get) -> None:
    """A status strikes the chosen requests only, with any Retry-After and kind of body."""
    sandbox.control(faults=[fault("status", at=2, times=2, status=429, retry_after="soon")])
    answers = [get() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 429, 429, 200]
    assert answers[1].headers["Retry-After"] == "soon"
    assert answers[1].json()["status"] == 429
    for body, start in (("html", b"<!DOCTYPE"), ("empty", b"")):
        sandbox.control(faults=[fault("status", status=503, body=body)])
        answer = get()
        assert (answer.status_code, answer.content[:9]) == (503, start)


def test_faults_can_strike_every_request_or_one_query(sandbox: Sandbox, get: Get) -> None:
    """Without `at` all requests are struck; `query` narrows; `*` spans slashes."""
    sandbox.control(faults=[{"kind": "status", "path": "/3.0/conv*"}])
    assert [get().status_code, get(THREAD).status_code, get("/3.0/ping").status_code] == [
        500,
        500,
        200,
    ]
    sandbox.control(faults=[{"kind": "status", "path": LIST, "query": {"offset": "10"}}])
    assert [get(offset=offset).status_code for offset in (0, 10)] == [200, 500]
    sandbox.reset()
    assert get(offset=10).status_code == 200


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_connections_break(sandbox: Sandbox, get: Get, kind: str) -> None:
    """A body cut short or a reset connection is an error of the client, then all is well."""
    sandbox.control(faults=[fault(kind)])
    with pytest.raises(BROKEN):
        get()
    assert get().status_code == 200


def test_a_stalled_answer_is_waited_for(sandbox: Sandbox, get: Get) -> None:
    """A client that waits less than the stall has no answer; one that waits has the right one."""
    stall = fault("stall", seconds=1)
    sandbox.control(faults=[stall])
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(
            f"{sandbox.url}/3.0/conversations",
            auth=("x", sandbox.config()["mailchimp_api_key"]),
            timeout=0.2,
        )
    sandbox.control(faults=[stall])
    assert len(get(count=25).json()["conversations"]) == 25


def test_a_dribbled_answer_is_right_in_the_end(sandbox: Sandbox, get: Get) -> None:
    """A body that comes bit by bit is whole when it has come."""
    sandbox.control(faults=[fault("slow_body", seconds=0.3)])
    assert len(get(count=25).json()["conversations"]) == 25


@pytest.mark.parametrize("kind", ["html200", "garbage200", "truncated_json"])
def test_success_without_json(sandbox: Sandbox, get: Get, kind: str) -> None:
    """Status 200 with something that is no JSON."""
    sandbox.control(faults=[fault(kind)])
    answer = get()
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(answer.content)
    assert get().json()["total_items"] == 25


def test_pages_lie(sandbox: Sandbox, get: Get) -> None:
    """Rows come twice, totals are wrong, a thread holds a message of another."""
    foreign = {"kind": "foreign", "path": THREAD, "at": 1}
    sandbox.control(faults=[fault("duplicate_rows"), fault("total", at=2, delta=-4), foreign])
    ids = [row["id"] for row in get().json()["conversations"]]
    assert len(ids) == 15
    assert len(set(ids)) == 10
    assert get().json()["total_items"] == 21
    sandbox.control(faults=[fault("missing_rows")])
    assert [row["id"] for row in get().json()["conversations"]] == ids[:5]
    sandbox.control(faults=[foreign])
    threads = {row["conversation_id"] for row in get(THREAD).json()["conversation_messages"]}
    assert threads == {"fa8c387539", "0000000000"}


def test_hostile_rows_keep_their_keys(sandbox: Sandbox, get: Get) -> None:
    """NUL, lone surrogates, unknown fields and wrong types come with the right keys."""
    right = get(count=25).json()["conversations"]
    sandbox.control(faults=[fault("hostile")])
    answer = get(count=25)
    assert rb"\u0000" in answer.content
    assert rb"\ud83d" in answer.content
    rows = json.loads(answer.content)["conversations"]
    assert [row["id"] for row in rows] == [row["id"] for row in right]
    assert any("brand_new" in row for row in rows)
    assert any(not isinstance(row["unread_messages"], int) for row in rows)
    sandbox.control(faults=[], hostile=0.5)
    some = json.loads(get(count=25).content)["conversations"]
    changed = sum(one != other for one, other in zip(some, right, strict=True))
    assert 3 < changed < 22


def test_rows_move_while_they_are_paged(running: Sandbox, get: Get) -> None:
    """Mutations can come right before a chosen request."""
    gone = get(count=1).json()["conversations"][0]["id"]
    mutation = {"op": "delete", "collection": "mailchimp.conversations", "key": gone}
    back = {"op": "insert", "collection": "mailchimp.conversations", "row": {"id": gone}}
    faults = [fault("mutate", at=2, mutations=[mutation]), fault("mutate", at=3, mutations=[back])]
    running.control(faults=faults)
    assert [get().json()["total_items"] for _ in range(3)] == [25, 24, 25]


def test_credentials_are_revoked_until_reset(sandbox: Sandbox, get: Get) -> None:
    """From the chosen request on the credential is refused, everywhere."""
    sandbox.control(faults=[fault("revoke", at=2)])
    codes = [get().status_code, get().status_code, get("/3.0/ping").status_code]
    assert codes == [200, 401, 401]
    sandbox.reset()
    assert get().status_code == 200


def test_redirects(sandbox: Sandbox, get: Get) -> None:
    """The answer sends the client elsewhere."""
    sandbox.control(faults=[fault("redirect", to="http://elsewhere.example/3.0")])
    answer = get()
    assert answer.status_code == 302
    assert answer.headers["Location"] == "http://elsewhere.example/3.0"


def test_reamaze_fails_in_its_own_words(sandbox: Sandbox) -> None:
    """A fault of Re:amaze has Re:amaze's body."""
    config = sandbox.config()
    auth = (config["reamaze_login"], config["reamaze_api_token"])
    sandbox.control(faults=[{"kind": "status", "path": "/api/*", "status": 502}])
    answer = requests.get(f"{sandbox.url}/api/v1/messages", auth=auth, timeout=10)
    assert (answer.status_code, list(answer.json())) == (502, ["error"])


def test_control_over_http_is_that_of_the_object(sandbox: Sandbox, get: Get) -> None:
    """POST /__control merges switches, and refuses what it does not know."""
    control = f"{sandbox.url}/__control"
    posted = requests.post(control, json={"faults": [fault("status")]}, timeout=10)
    assert posted.json()["faults"][0]["kind"] == "status"
    requests.post(control, json={"latency_ms": 1}, timeout=10).raise_for_status()
    assert get().status_code == 500
    requests.post(control, json={"latency_ms": 0}, timeout=10).raise_for_status()
    for wrong in ({"nonsense": 1}, {"faults": [{"kind": "nonsense"}]}):
        assert requests.post(control, json=wrong, timeout=10).status_code == 400
