"""Who said what, whichever tool they said it in."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from said import AGENTS, conversation, kinds, letter, truth
from support import Messages, Record, catalog_of, messages_in, run_cli
from then import run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = "2026-03-01T12:00:00+00:00"
BEGUN = "2026-02-27T08:00:00.000+00:00"
CATALOG = catalog_of("replies")
THREAD = "fa8c387539"
CUSTOMER = {"name": "Anna", "email": "anna@client.example", "mobile": None, "staff?": False}
ROBIN = {"name": "Robin Marsh", "email": "robin@sandbox.example", "mobile": None, "staff?": True}


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Sandbox, Messages]]:
    """Everything that a sandbox's accounts hold, notes too."""
    with Sandbox(now=NOW, conversations=12) as sandbox:
        yield sandbox, run(sandbox, include_internal_notes=True)


@pytest.fixture
def desk() -> Iterator[Sandbox]:
    """A sandbox of few words, to add some."""
    with Sandbox(now=NOW, conversations=2, reamaze_conversations=2, campaigns=2) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: object) -> list[Record]:
    """The rows of a run that selects `replies` alone."""
    return run(sandbox, state, CATALOG, **settings).records["replies"]


def said(
    sandbox: Sandbox, *letters: tuple[dict[str, Any], dict[str, Any]], **settings: object
) -> list[Record]:
    """The rows of a new thread of Re:amaze with these authors and what else their letters hold."""
    lines = [
        letter("lamp", place, f"2026-02-27T08:0{place}:00.000+00:00", BEGUN, user, **row)
        for place, (user, row) in enumerate(letters)
    ]
    sandbox.mutate(conversation("lamp", BEGUN), *lines)
    rows = [row for row in read(sandbox, None, **settings) if row["conversation_id"] == "lamp"]
    return sorted(rows, key=lambda row: str(row["sent_at"]))


def ways(rows: list[Record]) -> list[tuple[str, str, str | None]]:
    """What kind each row is, who wrote it, and which way it went."""
    return [(row["kind"], row["author_role"], row["direction"]) for row in rows]


def test_everything_that_was_said_is_there(whole: tuple[Sandbox, Messages]) -> None:
    """Messages, notes and reasons of both sources come once, with author and direction."""
    sandbox, found = whole
    rows = found.records["replies"]
    assert kinds(rows) == truth(sandbox, notes=True)
    assert len({(row["account_id"], row["reply_id"]) for row in rows}) == len(rows)
    assert {row["author_role"] for row in rows} == {"customer", "staff", "bot"}


def test_notes_are_left_out_unless_asked_for(whole: tuple[Sandbox, Messages]) -> None:
    """Internal notes are not what customers see, so they need a setting."""
    sandbox, found = whole
    rows = read(sandbox)
    assert kinds(rows) == truth(sandbox)
    with_notes = [row for row in found.records["replies"] if row["kind"] != "note"]
    assert sorted(rows, key=lambda row: str(row["reply_id"])) == sorted(
        with_notes, key=lambda row: str(row["reply_id"])
    )


def test_the_new_part_is_part_of_the_text(whole: tuple[Sandbox, Messages]) -> None:
    """`body_new` lies within `body_text`, which holds no markup, and a flag tells what was cut."""
    rows = [row for row in whole[1].records["replies"] if row["body_text"]]
    assert all(row["body_new"] in row["body_text"] for row in rows)
    assert all(
        row["quote_stripped"] == (row["body_new"] != row["body_text"].rstrip()) for row in rows
    )
    assert {row["quote_stripped"] for row in rows} == {True, False}
    assert any("<p>" in row["body"] for row in rows)
    assert not any("<p>" in row["body_text"] for row in rows)


def test_a_person_has_one_key_in_both_tools(whole: tuple[Sandbox, Messages]) -> None:
    """The key is Mailchimp's subscriber hash, also for an address with capitals and of Re:amaze."""
    rows = whole[1].records["replies"]
    keys = {
        source: {row["author_key"] for row in rows if row["source"] == source and row["author_key"]}
        for source in ("mailchimp", "reamaze")
    }
    assert keys["mailchimp"] & keys["reamaze"]
    for row in rows:
        address = row["author_email"]
        known = address.strip().lower().encode() if address else None
        assert row["author_key"] == (known and hashlib.md5(known).hexdigest())  # noqa: S324
        assert row["author_domain"] == (address.rpartition("@")[2].lower() if address else None)


def test_channels_have_words(whole: tuple[Sandbox, Messages]) -> None:
    """Re:amaze's origins are words with the code beside them; Mailchimp's threads are e-mail."""
    pairs = {
        (row["source"], row["channel"], row["channel_code"])
        for row in whole[1].records["replies"]
        if row["kind"] == "message"
    }
    assert pairs == {
        ("mailchimp", "email", None),
        ("reamaze", "chat", "0"),
        ("reamaze", "email", "1"),
        ("reamaze", "instagram", "8"),
        ("reamaze", "sms", "9"),
        ("reamaze", "staff_outbound", "16"),
        ("reamaze", "contact_form", "17"),
    }


def test_an_unknown_channel_keeps_its_code(desk: Sandbox) -> None:
    """A code that no documentation names is told as it is."""
    (row,) = said(desk, (CUSTOMER, {"origin": 77}))
    assert (row["channel"], row["channel_code"]) == ("77", "77")


PRIVATE = {"name": "Robin", "email": "Robin.Marsh.Private@example.org", "staff?": False}
SOMEBODY = {"name": "Somebody", "email": "some@body.example", "staff?": None}
NOBODY = {"name": "Nobody", "email": None, "mobile": None, "staff?": None}


@pytest.mark.parametrize(
    ("user", "row", "expected"),
    [
        pytest.param(CUSTOMER, {}, ("message", "customer", "inbound"), id="first mail"),
        pytest.param(ROBIN, {}, ("message", "staff", "outbound"), id="staff starts"),
        pytest.param(ROBIN, {"visibility": 1}, ("note", "staff", "internal"), id="note"),
        pytest.param(ROBIN, {"visibility": 2}, ("message", "staff", "internal"), id="collision"),
        pytest.param(
            CUSTOMER, {"visibility": 2}, ("message", "customer", "inbound"), id="customer collides"
        ),
        pytest.param(
            {**ROBIN, "bot?": True}, {}, ("message", "bot", "outbound"), id="bot among staff"
        ),
        pytest.param(PRIVATE, {}, ("message", "staff", "outbound"), id="private address"),
        pytest.param({**NOBODY, "mobile": "+41790000000", "staff?": False}, {"origin": 9},
                     ("message", "customer", "inbound"), id="SMS"),
        pytest.param({**NOBODY, "staff?": False}, {"origin": 0},
                     ("message", "customer", "inbound"), id="chat"),
        pytest.param({**NOBODY, "staff?": True}, {"origin": 8},
                     ("message", "staff", "outbound"), id="staff on Instagram"),
        pytest.param(SOMEBODY, {}, ("message", "unknown", None), id="no flag"),
        pytest.param(NOBODY, {}, ("message", "unknown", None), id="nobody"),
        pytest.param(
            CUSTOMER,
            {"body": "<p>FYI</p><p>---------- Forwarded message ---------<br>From: B &lt;b@c.d&gt;"
             "<br>Date: Mon<br>Subject: Lamp<br>To: me</p><p>It broke.</p>"},
            ("message", "customer", "inbound"),
            id="forwarded",
        ),
    ],
)  # fmt: skip
def test_who_wrote_in_reamaze(
    desk: Sandbox, user: Record, row: Record, expected: tuple[str, str, str | None]
) -> None:
    """Flags come first, then the staff list; where nothing tells, the author is unknown."""
    (found,) = said(desk, (user, row), include_internal_notes=True)
    assert ways([found]) == [expected]
    if "body" in row:
        assert "It broke." in found["body_new"]


def test_a_bot_that_follows_is_a_bot(desk: Sandbox) -> None:
    """Messages do not flag bots, but the followers of their conversation do."""
    bot = {"name": "Answer Bot", "email": None, "staff?": True}
    thread = {"slug": "lamp", "created_at": BEGUN, "followers": [{**bot, "bot?": True}]}
    (row,) = said(desk, (bot, {"conversation": thread}))
    assert ways([row]) == [("message", "bot", "outbound")]


@pytest.mark.parametrize("as_text", [False, True])
def test_settings_tell_staff_and_machines(desk: Sandbox, as_text: bool) -> None:  # noqa: FBT001
    """`staff_domains` and `system_senders` come after flags, as arrays or as JSON."""
    machine = {"name": "Mail", "email": "MAILER-DAEMON@mx.client.example", "staff?": False}
    own_machine = {"name": "Shop", "email": "no-reply@acme.example", "staff?": False}
    agent = {"name": "Kim", "email": "kim@Acme.example", "staff?": False}
    settings: dict[str, Any] = {
        "staff_domains": ["acme.example"],
        "system_senders": ["mailer-daemon@*", "no-reply@acme.example"],
    }
    if as_text:
        settings = {name: str(value).replace("'", '"') for name, value in settings.items()}
    people = (machine, own_machine, agent, CUSTOMER, {**ROBIN, "email": "mailer-daemon@a.b"})
    rows = said(desk, *((each, {}) for each in people), **settings)
    assert ways(rows) == [
        ("message", "bot", "inbound"),
        ("message", "bot", "outbound"),
        ("message", "staff", "outbound"),
        ("message", "customer", "inbound"),
        ("message", "staff", "outbound"),
    ]


@pytest.mark.parametrize("value", ["acme.example", '{"a": 1}', [1], '["a", 2]'])
@pytest.mark.parametrize("name", ["staff_domains", "system_senders"])
def test_a_list_that_is_none_is_refused(
    desk: Sandbox, tmp_path: Path, name: str, value: object
) -> None:
    """The message names the setting and what it must be, and nothing is read."""
    done = run_cli(config=desk.config() | {name: value}, folder=tmp_path)
    assert done.returncode == 1
    assert f"{name}: " in done.stderr
    assert "array of texts" in done.stderr
    assert "Traceback" not in done.stderr
    assert messages_in(done.stdout).records == {}


def test_who_wrote_in_mailchimp(desk: Sandbox) -> None:
    """Who began the thread is a customer, the campaign's sender is staff, others are unknown."""
    message = {"op": "new_message", "source": "mailchimp", "key": THREAD}
    others = {"from_email": "Friend@client.example", "from_label": "Friend"}
    sender = {"from_email": AGENTS.upper(), "from_label": "News"}
    desk.mutate(*({**message, "row": row} for row in ({}, others, sender)))
    rows = [row for row in read(desk) if row["conversation_id"] == THREAD]
    rows.sort(key=lambda row: int(row["position"]))
    assert ways(rows[-3:]) == [
        ("message", "customer", "inbound"),
        ("message", "unknown", None),
        ("message", "staff", "outbound"),
    ]
    assert all(row["campaign_id"] and row["list_id"] for row in rows)
    assert {row["is_read"] for row in rows} == {True, False}
    known = [row for row in read(desk, staff_domains=["client.example"])
             if row["author_name"] == "Friend"]  # fmt: skip
    assert ways(known) == [("message", "staff", "outbound")]


def test_a_staff_list_that_is_refused_is_told_once(desk: Sandbox) -> None:
    """Without it `replies` goes on by flags and settings."""
    desk.control(faults=[{"kind": "status", "status": 403, "path": "/api/v1/staff", "times": 99}])
    desk.mutate(conversation("lamp", BEGUN), letter("lamp", 0, BEGUN, BEGUN, PRIVATE))
    found = run(desk, None, CATALOG)
    assert len([line for line in found.log if "the list of staff may not be read" in line]) == 1
    (row,) = [row for row in found.records["replies"] if row["conversation_id"] == "lamp"]
    assert row["author_role"] == "customer"


def test_messages_of_one_second(desk: Sandbox) -> None:
    """Mailchimp's times are whole seconds; all that was said in one of them is there."""
    thread = next(iter(desk.world.account("", "mailchimp").rows("conversations")))["id"]
    bodies = [f"line {number}" for number in range(60)]
    for number, body in enumerate(bodies):
        when = BEGUN.replace("00", f"{number // 10:02}", 1)
        said = {"op": "new_message", "source": "mailchimp", "key": thread, "when": when}
        desk.mutate({**said, "row": {"message": body}})
    found = run(desk, None, CATALOG)
    assert found.failures == []
    rows = [row for row in found.records["replies"] if row["body"] in bodies]
    assert len({row["reply_id"] for row in rows}) == len(rows) == len(bodies)


def test_ids_outlive_edits_and_full_refreshes(desk: Sandbox) -> None:
    """A row whose text was edited comes again under its id; a new reading gives the same ids."""
    desk.mutate(conversation("lamp", BEGUN), letter("lamp", 0, BEGUN, BEGUN, CUSTOMER))
    before = {row["reply_id"]: row for row in read(desk)}
    (slug_key,) = [
        key for key in desk.truth("sandbox")["reamaze_messages"]["keys"] if key[0] == "lamp"
    ]
    (thread_key,) = [
        [row["conversation_id"], row["id"]]
        for row in desk.world.account("", "mailchimp").rows("messages")
        if row["conversation_id"] == THREAD and row["id"] == "10003"
    ]
    edit = {"op": "update"}
    desk.mutate(
        {**edit, "collection": "reamaze.messages", "key": ["lamp", slug_key[-1]],
         "row": {"body": "Corrected."}},
        {**edit, "collection": "mailchimp.messages", "key": thread_key,
         "row": {"message": "Corrected."}},
    )  # fmt: skip
    after = {row["reply_id"]: row for row in read(desk)}
    assert after.keys() == before.keys()
    assert [row["body"] for row in after.values() if row != before[row["reply_id"]]] == [
        "Corrected."
    ] * 2
