"""What is refused for good is left out or fails alone: an object, a stream, an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

THREAD = "fa8c387539"
CHILD = {
    "mailchimp_conversation_messages": f"/3.0/conversations/{THREAD}/messages",
    "mailchimp_unsubscribes": "/3.0/reports/42694e9e57/unsubscribed",
    "mailchimp_list_unsubscribes": "/3.0/lists/57afe96172/members",
}
LISTED = {
    "mailchimp_lists": "/3.0/lists",
    "mailchimp_campaigns": "/3.0/campaigns",
    "mailchimp_conversations": "/3.0/conversations",
    "mailchimp_conversation_messages": "/3.0/conversations",
    "mailchimp_unsubscribes": "/3.0/reports",
    "mailchimp_list_unsubscribes": "/3.0/lists",
    "reamaze_messages": "/api/v1/messages",
}


@pytest.fixture(scope="module")
def two_each() -> Iterator[Sandbox]:
    """A sandbox with two accounts of each vendor."""
    with Sandbox(accounts=2, brands=2, conversations=12, reamaze_conversations=35) as sandbox:
        yield sandbox


@pytest.fixture
def pairs(two_each: Sandbox) -> Sandbox:
    """The same, before anything goes wrong."""
    two_each.reset()
    return two_each


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("stream", CHILD)
def test_what_was_listed_and_is_gone_is_skipped(pairs: Sandbox, stream: str, status: int) -> None:
    """An object that vanished after it was listed is counted as skipped; all others come."""
    pairs.control(faults=[{"kind": "status", "status": status, "path": CHILD[stream]}])
    run = sync(pairs.config(), catalog=catalog_of(stream))
    assert run.failures == []
    account = pairs.world.mailchimp[0].name
    lost = held(pairs, stream, account) - emitted(run.records[stream], stream)
    assert lost
    assert {key[0] for key in lost} == {CHILD[stream].split("/")[3]}
    assert any(line.startswith(stream) and " 1 " in line and "skipped" in line for line in run.log)
    strict = sync({**pairs.config(), "strict": True}, catalog=catalog_of(stream))
    (failure,) = strict.failures
    assert "skipped" in failure


@pytest.mark.parametrize("connections", [1, 8])
@pytest.mark.parametrize("stream", CHILD)
def test_what_is_said_to_be_gone_is_asked_for_again(
    pairs: Sandbox, stream: str, connections: int
) -> None:
    """An object that seems to have vanished, by a server's mistake, comes after all others."""
    account = pairs.world.mailchimp[0].name
    pairs.control(faults=[{"kind": "status", "status": 404, "path": CHILD[stream], "times": 1}])
    config = {**pairs.config(), "max_connections": connections, "strict": True}
    run = sync(config, catalog=catalog_of(stream))
    assert run.failures == []
    own = [record for record in run.records[stream] if record["account_id"] == account]
    assert emitted(own, stream) == held(pairs, stream, account)
    parent = CHILD[stream].split("/")[3]
    is_child = [parent in map(str, record.values()) for record in own]
    assert is_child == sorted(is_child)


@pytest.mark.parametrize("stream", LISTED)
def test_a_list_that_is_gone_fails_its_stream(pairs: Sandbox, stream: str) -> None:
    """A list that does not exist is no empty list: the stream fails, and says so."""
    pairs.control(faults=[{"kind": "status", "status": 404, "path": LISTED[stream]}])
    run = sync(pairs.config(), catalog=catalog_of(stream, "reamaze_conversations"))
    (failure,) = run.failures
    assert failure.startswith(stream)
    assert run.bookmark(stream) is None
    other = "reamaze_conversations"
    brand = pairs.world.reamaze[0].name
    assert emitted(run.records[other], other) == held(pairs, other, brand)


@pytest.mark.parametrize("stream", LISTED)
def test_a_stream_that_is_not_allowed_is_skipped(pairs: Sandbox, stream: str) -> None:
    """403 skips a stream with advice and no failure, unless `strict`; its bookmark stays."""
    fault = {"kind": "status", "status": 403, "path": LISTED[stream]}
    pairs.control(faults=[fault])
    catalog = catalog_of(stream, "reamaze_conversations")
    run = sync(pairs.config(), catalog=catalog)
    assert run.failures == []
    assert any(line.startswith(f"{stream}: skipped") for line in run.log)
    assert run.records[stream] == []
    assert run.bookmark(stream) is None
    assert run.records["reamaze_conversations"]
    assert sync({**pairs.config(), "strict": True}, catalog=catalog).failures


@pytest.mark.parametrize("connections", [1, 8])
def test_a_stream_of_which_the_first_objects_are_refused(connections: int) -> None:
    """A few leave the others to be read; if twice as many as go side by side, so is all of it."""
    stream, most = "mailchimp_conversation_messages", max(5, 2 * connections)
    with Sandbox(conversations=60, messages=2) as sandbox:
        config = sandbox.config() | {"max_connections": connections}
        threads = sync(config, catalog=catalog_of("mailchimp_conversations"))
        names = [row["id"] for row in threads.records["mailchimp_conversations"]]
        for count in (most - 1, most, 60):
            refused = {f"/3.0/conversations/{name}/messages" for name in names[:count]}
            sandbox.control(
                faults=[{"kind": "status", "status": 403, "path": path} for path in refused]
            )
            sandbox.reset_stats()
            run = sync(config, catalog=catalog_of(stream))
            assert run.failures == []
            assert run.bookmark(stream) is None
            is_whole = count >= most
            read = {row["conversation_id"] for row in run.records[stream]}
            assert (read == set(names[count:])) is (not is_whole or count == 60)
            assert any("read in part" in line for line in run.log) is not is_whole
            assert sandbox.stats()["total"] < (most + 3 * connections + 5 if is_whole else 70)


def test_it_is_the_order_of_the_objects_that_counts() -> None:
    """One among the first that is gone, told late, does not have a refused stream read in part."""
    stream = "mailchimp_conversation_messages"
    with Sandbox(conversations=60, messages=2) as sandbox:
        config = sandbox.config() | {"max_connections": 2}
        threads = sync(config, catalog=catalog_of("mailchimp_conversations"))
        names = [row["id"] for row in threads.records["mailchimp_conversations"]]
        paths = [f"/3.0/conversations/{name}/messages" for name in names[:6]]
        gone = paths.pop(2)
        late = {"kind": "status", "status": 503, "times": 1, "retry_after": "1", "path": gone}
        answers = [{"kind": "status", "status": 403, "path": path} for path in paths]
        sandbox.control(faults=[late, *answers, late | {"status": 404, "times": 99}])
        run = sync(config, catalog=catalog_of(stream))
        assert run.failures == []
        assert any(f"{stream}: skipped for account" in line for line in run.log)
        assert not any("read in part" in line for line in run.log)


@pytest.mark.parametrize("path", ["/3.0/conversations", f"/3.0/conversations/{THREAD}/messages"])
def test_a_revoked_credential_fails_its_account_only(pairs: Sandbox, path: str) -> None:
    """401 in the middle ends one account: nothing more is asked with it, the others go on."""
    first, second = (account.name for account in pairs.world.mailchimp)
    pairs.control(faults=[{"kind": "revoke", "path": path, "account": first}])
    streams = (
        "mailchimp_conversation_messages",
        "mailchimp_list_unsubscribes",
        "reamaze_conversations",
    )
    catalog = catalog_of(*streams)
    run = sync(pairs.config(accounts=True), catalog=catalog)
    (failure,) = run.failures
    assert "accounts[0]" in failure
    assert "401" in failure
    partitions = run.state["bookmarks"][streams[0]]["partitions"]
    reached = {
        part["context"]["account_id"]: part.get("replication_key_value") for part in partitions
    }
    assert reached.get(first) is None
    assert reached[second] is not None
    for stream in streams[:2]:
        rows = [row for row in run.records[stream] if row["account_id"] == second]
        assert emitted(rows, stream) == held(pairs, stream, second)
    assert {row["account_id"] for row in run.records["mailchimp_list_unsubscribes"]} == {second}
    brands = {row["account_id"] for row in run.records["reamaze_conversations"]}
    assert brands == {brand.name for brand in pairs.world.reamaze}
    pairs.reset()
    repair = sync(pairs.config(accounts=True), catalog=catalog, state=run.state)
    rows = [row for row in repair.records[streams[0]] if row["account_id"] == first]
    assert emitted(rows, streams[0]) == held(pairs, streams[0], first)


@pytest.mark.parametrize("is_relative", [True, False])
def test_a_redirect_within_the_host_is_followed(pairs: Sandbox, *, is_relative: bool) -> None:
    """The answer is taken from where the same host says it is."""
    place = "/3.0/conversations?count=1000&offset=0"
    to = place if is_relative else pairs.url + place
    fault = {"kind": "redirect", "to": to, "path": "/3.0/conversations", "at": 1}
    pairs.control(faults=[fault])
    stream = "mailchimp_conversations"
    run = sync(pairs.config(), catalog=catalog_of(stream))
    assert run.failures == []
    account = pairs.world.mailchimp[0].name
    assert emitted(run.records[stream], stream) == held(pairs, stream, account)
    assert len(asked(pairs, "/3.0/conversations")) == 2


def test_a_circle_of_redirects_ends(pairs: Sandbox) -> None:
    """Redirects without end fail the stream."""
    place = "/3.0/conversations"
    pairs.control(faults=[{"kind": "redirect", "to": place, "path": place}])
    run = sync(pairs.config(), catalog=catalog_of("mailchimp_conversations"))
    (failure,) = run.failures
    assert "redirected" in failure
    assert len(asked(pairs, place)) <= 10


def test_a_redirect_to_another_host_is_refused(pairs: Sandbox) -> None:
    """Another host is never asked, so the credential does not travel; other sources go on."""
    with Sandbox(conversations=1) as elsewhere:
        fault: dict[str, Any] = {"kind": "redirect", "path": "/3.0/*", "at": 2, "times": 99}
        pairs.control(faults=[{**fault, "to": f"{elsewhere.url}/3.0/conversations"}])
        streams = ("mailchimp_conversations", "reamaze_conversations")
        run = sync(pairs.config(), catalog=catalog_of(*streams))
        (failure,) = run.failures
        assert "another host" in failure
        assert run.records["mailchimp_conversations"] == []
        assert run.records["reamaze_conversations"]
        assert elsewhere.stats()["total"] == 0
