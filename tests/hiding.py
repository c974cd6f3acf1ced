"""People known in every way, and what stands for them when they are hidden."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from schema_files import Schema, load

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support import Messages

SALT = "a salt that is long enough"
HASH = {"personal_data": "hash", "personal_data_salt": SALT}
DROP = {"personal_data": "drop", "personal_data_salt": SALT}
NO_BODIES = {"bodies": "drop", "personal_data_salt": SALT}
MODES = pytest.mark.parametrize("mode", [HASH, DROP], ids=["hash", "drop"])
PERSONS = {"address", "address_md5", "name", "phone", "ip", "handle", "secret"}
MEMBERS, MESSAGES = "mailchimp_list_unsubscribes", "reamaze_messages"
THREADS, TICKETS = "mailchimp_conversations", "reamaze_conversations"
URIST = "urist.mcvankab@freddiesjokes.com"
FREE = {
    "Mail": f" {URIST.upper()} ",
    "hash": hashlib.md5(URIST.encode(), usedforsecurity=False).hexdigest(),
    "Zoë.Key@example.org": {"since": None, "vip": True, "Phone": [15550001234, "+1 555 000 1234"]},
    "+44 20 7946 0958": "203.0.113.9",
    "Name": "Zebulon Quartermain",
}
"""What an owner of an account may keep about a customer."""

COMPANY = {"Sandbox Shop", "Shop", "Shop 1", "Shop 2"}
"""Names of senders that are those of the account, which its own columns tell."""

PLANTED = (
    "Zoë.Key@example.org",
    "7946 0958",
    "203.0.113.9",
    "Quartermain",
    "15550001234",
    "555 000 1234",
    "zq_on_x",
    "zq.insta",
    "5550009999",
)


def stands_for(text: str) -> str:
    """What stands for a text."""
    return hmac.new(SALT.encode(), text.encode(), "sha256").hexdigest()


def stands_for_address(address: str) -> str:
    """What stands for an address, as README tells how to compute it."""
    known = address.strip().lower().encode()
    return stands_for(hashlib.md5(known, usedforsecurity=False).hexdigest())


@contextmanager
def known_people() -> Iterator[Sandbox]:
    """Two accounts of each vendor with the same people, one of whom is known in every way."""
    with Sandbox(accounts=2, brands=2, reamaze_conversations=12, conversations=8) as sandbox:
        author: dict[str, Any] = {"name": "Zebulon Quartermain", "email": f" {URIST.title()}"}
        author |= {"mobile": "+1 (555) 000-9999", "twitter": "zq_on_x", "instagram": "zq.insta"}
        author |= {"facebook": "+15550009999", "data": FREE, "display_name": URIST}
        row = {"author": author, "followers": [author, author], "data": FREE}
        for one in sandbox.world.reamaze:
            sandbox.mutate(
                {
                    "op": "update",
                    "collection": "reamaze.conversations",
                    "account": one.name,
                    "key": "knock-knock",
                    "row": row,
                }
            )
        yield sandbox


def leaves(schema: Schema, value: Any) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - any JSON
    """Every value in a record that is no object and no array, with its kind."""
    if value is None:
        return
    if "properties" in schema:
        for name, each in schema["properties"].items():
            yield from leaves(each, value.get(name))
    elif "items" in schema:
        for each in value:
            yield from leaves(schema["items"], each)
    else:
        yield schema.get("x-personal", "none"), value


def told(messages: Messages, kinds: set[str]) -> set[str]:
    """Every text of some kinds in the records, as the schemas declare it."""
    return {
        value
        for stream, records in messages.records.items()
        for record in records
        for kind, value in leaves(load(stream), record)
        if kind in kinds and isinstance(value, str) and value
    }
