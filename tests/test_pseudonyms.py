"""What stands for a person joins like the person, tells nothing, and is the same every time."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hiding import (
    DROP,
    HASH,
    MEMBERS,
    MESSAGES,
    NO_BODIES,
    PERSONS,
    THREADS,
    TICKETS,
    URIST,
    known_people,
    leaves,
    stands_for,
    stands_for_address,
)
from hypothesis import given
from hypothesis import strategies as st
from oddities import texts
from schema_files import load
from support import Messages, catalog_of, held, in_order, sync

from tap_replies.clean import Cleaner
from tap_replies.privacy import Privacy
from tap_replies.source import Account
from tap_replies.sources import SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.sandbox import Sandbox


@pytest.fixture(scope="module")
def people() -> Iterator[Sandbox]:
    """The accounts with people known in every way."""
    with known_people() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def open_run(people: Sandbox) -> Messages:
    """What the same accounts give when nothing is hidden."""
    return sync(people.config(accounts=True))


def test_the_same_person_is_the_same_everywhere(people: Sandbox) -> None:
    """An address gives one value in all columns, sources and accounts, its MD5 the same."""
    records = sync(people.config(accounts=True) | HASH).records
    urist = stands_for_address(URIST)
    for account in people.world.accounts:
        rows = [each for each in records[MEMBERS] if each["account_id"] == account.name]
        tickets = [each for each in records[TICKETS] if each["account_id"] == account.name]
        if account.source == "mailchimp":
            assert urist in {each["id"] for each in rows if each["email_address"] == urist}
        else:
            [ticket] = [each for each in tickets if each["slug"] == "knock-knock"]
            assert ticket["author"]["email"] == ticket["author"]["display_name"] == urist
    left = {each["email_id"]: each["email_address"] for each in records["mailchimp_unsubscribes"]}
    assert all(key == address for key, address in left.items())
    written = {each["from_email"] for each in records[THREADS]}
    asked = {each["user"]["email"] for each in records[MESSAGES]}
    assert written & asked - {None}


def test_free_objects_keep_their_shape(people: Sandbox) -> None:
    """Texts and numbers in a free object are hashed by what they look like, telling keys too."""
    wanted = {"only": {TICKETS: ["knock-knock"]}}
    [ticket] = sync(people.config() | HASH | wanted).records[TICKETS]
    urist, number = stands_for_address(URIST), stands_for("+15550001234")
    expected = {
        "Mail": urist,
        "hash": urist,
        stands_for_address("Zoë.Key@example.org"): {
            "since": None,
            "vip": True,
            "Phone": [number, number],
        },
        stands_for("+442079460958"): stands_for("203.0.113.9"),
        "Name": stands_for("zebulon quartermain"),
    }
    follower = ticket["followers"][1]
    assert json.loads(follower["data"]) == expected
    assert json.loads(ticket["author"]["data"]).items() >= expected.items()
    assert follower["name"] == stands_for("zebulon quartermain")
    assert follower["mobile"] == stands_for("+15550009999")
    assert follower["twitter"] == stands_for("zq_on_x")


FREE_SCHEMA = {
    "properties": {
        "free": {
            "type": ["string", "null"],
            "contentMediaType": "application/json",
            "x-personal": "free",
        }
    }
}
ADDRESSES = st.sampled_from([URIST, "Zoë@example.org", "+41 79 123 45 67", "::1", "10.0.0.1"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | ADDRESSES,
    lambda inner: st.lists(inner) | st.dictionaries(texts | ADDRESSES, inner),
)


@given(JSON)
def test_free_json_of_any_shape(value: Any) -> None:  # noqa: ANN401 - any JSON
    """Whatever is in a free object, no text and no number is left, and the shape stays."""
    cleaner = Cleaner(FREE_SCHEMA)
    record = cleaner({"free": value}, {}, is_dirty=True)
    plain = record["free"]
    account = Account(SOURCES[0], "any", None, {})
    privacy = Privacy(HASH | {"bodies": "keep"})
    veil = privacy.veil(FREE_SCHEMA, FREE_SCHEMA, account, cleaner.changed)
    assert veil is not None
    hidden = veil(record)["free"]
    assert record["free"] is plain
    if plain is None:
        assert hidden is None
    else:
        check_hidden(json.loads(plain), json.loads(hidden))
        assert veil(record)["free"] == hidden


def check_hidden(plain: Any, hidden: Any) -> None:  # noqa: ANN401 - any JSON
    """The same shape, with something else for each text and number."""
    if isinstance(plain, dict):
        assert not [key for key in hidden if "@" in key]
        assert len(hidden) <= len(plain)
        for key in plain.keys() & hidden.keys():
            check_hidden(plain[key], hidden[key])
    elif isinstance(plain, list):
        assert len(plain) == len(hidden)
        for each, other in zip(plain, hidden, strict=True):
            check_hidden(each, other)
    elif plain is None or isinstance(plain, bool):
        assert plain is hidden
    else:
        assert re.fullmatch("[0-9a-f]{64}", hidden)
        assert plain != hidden


def test_what_is_nested_too_deep_becomes_null() -> None:
    """A free object deeper than can be gone through is not shown at all, and is counted."""
    cleaner = Cleaner(FREE_SCHEMA)
    account = Account(SOURCES[0], "any", None, {})
    privacy = Privacy(HASH | {"bodies": "keep"})
    veil = privacy.veil(FREE_SCHEMA, FREE_SCHEMA, account, cleaner.changed)
    assert veil is not None
    depth = 100_000
    assert veil({"free": "[" * depth + f'"{URIST}"' + "]" * depth}) == {"free": None}
    assert cleaner.changed == {"depth free": 1}


def test_dropped_is_null_but_keys_are_hashed(people: Sandbox) -> None:
    """With `drop` all of a person is null except keys, which tell rows apart and join."""
    messages = sync(people.config() | DROP)
    for stream, records in messages.records.items():
        schema = load(stream)
        keys = {name for name, each in schema["properties"].items() if each["type"] == "string"}
        for record in records:
            rest = {name: value for name, value in record.items() if name not in keys}
            kinds = {kind for kind, _ in leaves(schema, rest)}
            assert not kinds & (PERSONS | {"free", "location"})
    for stream in (MEMBERS, MESSAGES):
        assert len(messages.records[stream]) == held(people, stream, first(people, stream)).total()
    assert {row["id"] for row in messages.records[MEMBERS]} > {stands_for_address(URIST)}
    joined = {row["email_id"] for row in messages.records["mailchimp_unsubscribes"]}
    assert joined & {row["id"] for row in messages.records[MEMBERS]}


def first(sandbox: Sandbox, stream: str) -> str:
    """The first account that has a stream."""
    world = sandbox.world
    return (world.mailchimp if stream.startswith("mailchimp") else world.reamaze)[0].name


def test_keys_cannot_be_searched_without_a_salt(people: Sandbox) -> None:
    """Without a salt the credential takes its place: keys differ by account, and a line says so."""
    messages = sync(people.config(accounts=True) | {"personal_data": "drop"})
    assert [line for line in messages.log if line.startswith("personal_data_salt: is not set")]
    ids = {(row["list_id"], row["id"]) for row in messages.records[MEMBERS]}
    assert len(ids) == len(messages.records[MEMBERS])
    known = hashlib.md5(URIST.encode(), usedforsecurity=False).hexdigest()
    guesses = {hashlib.sha256(each.encode()).hexdigest() for each in (URIST, known)}
    guesses |= {hmac.new(b"", known.encode(), "sha256").hexdigest(), known}
    assert not guesses & {each for _, each in ids}
    again = sync(people.config(accounts=True) | {"personal_data": "drop"})
    assert in_order(again.records[MEMBERS]) == in_order(messages.records[MEMBERS])


@pytest.mark.parametrize("mode", [HASH, DROP, NO_BODIES], ids=["hash", "drop", "bodies"])
def test_a_message_key_is_no_way_to_search(
    mode: dict[str, Any], people: Sandbox, open_run: Messages
) -> None:
    """Re:amaze's derived keys are hashed, each as one, the same in every such mode."""
    records = sync(people.config(accounts=True) | mode, catalog=catalog_of(MESSAGES)).records
    plain = {row["message_key"] for row in open_run.records[MESSAGES]}
    assert {row["message_key"] for row in records[MESSAGES]} == set(map(stands_for, plain))
