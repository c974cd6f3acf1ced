"""`only` reads just the objects that it names, whole, and leaves every bookmark alone."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest
from support import TRUTH_COLUMNS, Messages, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

THREAD, TICKET = "fa8c387539", "knock-knock"
CAMPAIGN, LIST = "42694e9e57", "57afe96172"
ADDRESS, HASH = "urist.mcvankab@freddiesjokes.com", "62eeb292278cc15f5817cb78f7790b08"

OBJECTS: dict[str, tuple[Any, dict[str, str], set[str]]] = {
    "mailchimp_lists": (LIST, {"id": LIST}, {f"/3.0/lists/{LIST}"}),
    "mailchimp_campaigns": (CAMPAIGN, {"id": CAMPAIGN}, {f"/3.0/campaigns/{CAMPAIGN}"}),
    "mailchimp_conversations": (THREAD, {"id": THREAD}, {f"/3.0/conversations/{THREAD}"}),
    "mailchimp_conversation_messages": (
        THREAD,
        {"conversation_id": THREAD},
        {f"/3.0/conversations/{THREAD}/messages"},
    ),
    "mailchimp_unsubscribes": (
        {"campaign_id": CAMPAIGN, "email": ADDRESS},
        {"campaign_id": CAMPAIGN, "email_id": HASH},
        {f"/3.0/reports/{CAMPAIGN}/unsubscribed/{HASH}", f"/3.0/reports/{CAMPAIGN}"},
    ),
    "mailchimp_list_unsubscribes": (
        {"list_id": LIST, "email": ADDRESS},
        {"list_id": LIST, "id": HASH},
        {f"/3.0/lists/{LIST}/members/{HASH}"},
    ),
    "reamaze_conversations": (TICKET, {"slug": TICKET}, {f"/api/v1/conversations/{TICKET}"}),
    "reamaze_messages": (
        TICKET,
        {"conversation_slug": TICKET},
        {f"/api/v1/conversations/{TICKET}/messages"},
    ),
}
"""For each stream an object, the columns by which its rows are known, and what may be asked."""

GREETINGS = {"/3.0/", "/api/v1/conversations"}
"""What a run begins with, to see whether the credentials work."""

UNKNOWN: dict[str, Any] = {
    "mailchimp_lists": "0000000000",
    "mailchimp_campaigns": "0000000000",
    "mailchimp_conversations": "0000000000",
    "mailchimp_conversation_messages": "0000000000",
    "mailchimp_unsubscribes": {"campaign_id": CAMPAIGN, "email": "nobody@nowhere.example"},
    "mailchimp_list_unsubscribes": {"list_id": LIST, "email": "nobody@nowhere.example"},
    "reamaze_conversations": "no-such-thread",
    "reamaze_messages": "no-such-thread",
}


@pytest.fixture(scope="module")
def everything(still: Sandbox) -> Messages:
    """A whole run."""
    return sync(still.config())


@pytest.fixture(scope="module")
def pair() -> Iterator[Sandbox]:
    """Two accounts and two brands; a thread of each is only in the second."""
    with Sandbox(accounts=2, brands=2) as sandbox:
        for source, one in (
            ("mailchimp", sandbox.world.mailchimp),
            ("reamaze", sandbox.world.reamaze),
        ):
            sandbox.mutate(
                {
                    "op": "new_conversation",
                    "source": source,
                    "account": one[1].name,
                    "key": "only-here",
                }
            )
        yield sandbox


def bookmarks(messages: Messages) -> dict[str, Any]:
    """The bookmarks of the last state; an empty entry is none."""
    return {name: entry for name, entry in messages.state["bookmarks"].items() if entry}


def test_every_stream_with_objects_is_here() -> None:
    """All streams but the list of accounts know single objects."""
    assert OBJECTS.keys() == UNKNOWN.keys() == TRUTH_COLUMNS.keys()


@pytest.mark.parametrize("stream", OBJECTS)
@pytest.mark.parametrize("dated", [False, True], ids=["", "start_date"])
def test_an_object_comes_whole(
    still: Sandbox,
    everything: Messages,
    stream: str,
    dated: bool,  # noqa: FBT001
) -> None:
    """The rows are those of a whole run, whatever bookmark or start_date would leave out."""
    wanted, columns, paths = OBJECTS[stream]
    still.reset_stats()
    config = {**still.config(), "only": {stream: [wanted]}}
    if dated:
        config["start_date"] = "2036-01-01"
    messages = sync(config, state=everything.state)
    assert messages.failures == []
    expected = [row for row in everything.records[stream] if columns.items() <= row.items()]
    assert expected
    assert emitted(messages.records[stream], stream) == emitted(expected, stream)
    key = itemgetter(*messages.schemas[0]["key_properties"])
    found = sorted(messages.records[stream], key=key)
    for row, other in zip(found, sorted(expected, key=key), strict=True):
        assert {name for name in row if row[name] != other[name]} <= {"data", "last_staff_message"}
    asked = {path for path, _, _ in still.stats()["requests"]} - GREETINGS
    assert asked == paths
    assert {name for kind, name in messages.kinds if kind != "STATE"} == {stream}
    assert bookmarks(messages) == bookmarks(everything)


@pytest.mark.parametrize("stream", OBJECTS)
def test_without_a_state_no_bookmark_is_made(still: Sandbox, stream: str) -> None:
    """A repair before the first whole run must not make that run skip anything."""
    messages = sync({**still.config(), "only": {stream: [OBJECTS[stream][0]]}})
    assert messages.records[stream]
    assert "replication_key_value" not in str(messages.states)
    whole = sync(still.config(), catalog=catalog_of(stream), state=messages.state)
    assert emitted(whole.records[stream], stream) == held(still, stream)


@pytest.mark.parametrize("stream", OBJECTS)
def test_an_unknown_object_fails_the_run(still: Sandbox, stream: str) -> None:
    """What does not exist is told, without an address, and the objects beside it come."""
    known = OBJECTS[stream][0]
    messages = sync({**still.config(), "only": {stream: [UNKNOWN[stream], known]}})
    (failure,) = messages.failures
    assert failure.startswith(f"only: {stream}")
    assert "does not exist" in failure
    assert messages.records[stream]
    assert "nobody@" not in failure + str(messages.log)


def test_several_streams_at_once(still: Sandbox) -> None:
    """All named streams are read, in one run, and no other."""
    only = {stream: [wanted] for stream, (wanted, _, _) in OBJECTS.items()}
    messages = sync({**still.config(), "only": only})
    assert messages.failures == []
    assert messages.records.keys() == OBJECTS.keys()
    assert {name for kind, name in messages.kinds if kind == "SCHEMA"} == OBJECTS.keys()


@pytest.mark.parametrize(
    "address", [ADDRESS.upper(), f"  {ADDRESS}\t", "Urist.McVankab@FreddiesJokes.com\n"]
)
def test_an_address_may_be_written_as_people_do(still: Sandbox, address: str) -> None:
    """The vendor's hash is of the trimmed, lower-cased address; the address is never sent."""
    still.reset_stats()
    only = {
        "mailchimp_unsubscribes": [{"campaign_id": CAMPAIGN, "email": address}],
        "mailchimp_list_unsubscribes": [{"list_id": LIST, "email": address}],
    }
    messages = sync({**still.config(), "only": only})
    assert messages.failures == []
    (left,), (member,) = (messages.records[stream] for stream in only)
    assert left["email_id"] == member["id"] == HASH
    assert "urist" not in str(still.stats()["requests"]).lower()


def test_all_opt_outs_of_a_campaign(still: Sandbox, everything: Messages) -> None:
    """Without an address all who left because of a campaign come."""
    only = {"mailchimp_unsubscribes": [{"campaign_id": CAMPAIGN}]}
    messages = sync({**still.config(), "only": only})
    rows = everything.records["mailchimp_unsubscribes"]
    expected = [row for row in rows if row["campaign_id"] == CAMPAIGN]
    assert messages.records["mailchimp_unsubscribes"] == expected != []


@pytest.mark.parametrize("kind", ["campaign", "sub_report", "automation"])
@pytest.mark.parametrize("whole", [False, True], ids=["one person", "all"])
def test_a_repaired_opt_out_tells_what_had_been_sent(
    still: Sandbox,
    everything: Messages,
    kind: str,
    whole: bool,  # noqa: FBT001
) -> None:
    """Its source and parent are those of a whole run, so that a repair loses nothing."""
    rows = everything.records["mailchimp_unsubscribes"]
    row = [row for row in rows if row["unsubscribe_source"] == kind][-1]
    wanted = {"campaign_id": row["campaign_id"]}
    if not whole:
        wanted["email"] = row["email_address"]
    messages = sync({**still.config(), "only": {"mailchimp_unsubscribes": [wanted]}})
    assert messages.failures == []
    assert row in messages.records["mailchimp_unsubscribes"]


def test_a_number_is_no_slug(still: Sandbox) -> None:
    """Re:amaze takes an unknown slug for a number of its own and answers with another thread."""
    only = {"reamaze_conversations": ["900000001"]}
    messages = sync({**still.config(), "only": only})
    assert not messages.records
    assert "does not exist" in messages.failures[0]


@pytest.mark.parametrize(
    ("stream", "column"),
    [
        ("mailchimp_conversations", "id"),
        ("mailchimp_conversation_messages", "conversation_id"),
        ("reamaze_conversations", "slug"),
        ("reamaze_messages", "conversation_slug"),
    ],
)
def test_an_object_of_one_of_several_accounts(pair: Sandbox, stream: str, column: str) -> None:
    """It comes from the account that has it; only what no account has is a failure."""
    config = {**pair.config(accounts=True), "only": {stream: ["only-here"]}}
    messages = sync(config)
    assert messages.failures == []
    (row,) = messages.records[stream]
    assert row[column] == "only-here"
    both = sync({**config, "only": {stream: [UNKNOWN[stream]]}})
    assert len(both.failures) == 1
