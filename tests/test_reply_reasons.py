"""Why somebody left is told once, whoever tells it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
from support import Record, catalog_of
from then import NOW, run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

CATALOG = catalog_of("replies")


@pytest.fixture
def desk() -> Iterator[Sandbox]:
    """A sandbox of few words, to add some."""
    with Sandbox(now=NOW, conversations=2, reamaze_conversations=2, campaigns=2) as sandbox:
        yield sandbox


def read(sandbox: Sandbox) -> list[Record]:
    """The rows of a run that selects `replies` alone."""
    return run(sandbox, None, CATALOG).records["replies"]


def leave(sandbox: Sandbox, address: str, at: str, reason: str) -> None:
    """Somebody leaves the newest campaign's list, which campaign and audience both tell."""
    account = sandbox.world.account("", "mailchimp")
    sent = next(row for row in account.rows("reports") if row["send_time"])
    person = hashlib.md5(address.encode()).hexdigest()  # noqa: S324
    row = {"email_id": person, "email_address": address, "reason": reason}
    opt_out = {"op": "new_unsubscribe", "source": "mailchimp", "key": sent["id"], "when": at}
    member = {
        "id": person,
        "list_id": sent["list_id"],
        "email_address": address,
        "status": "unsubscribed",
        "unsubscribe_reason": f"{reason} (as the audience words it)",
        "last_changed": at,
    }
    has_left = any(row["id"] == person for row in account.rows("members"))
    change: dict[str, Any] = {"op": "insert", "collection": "mailchimp.members", "row": member}
    if has_left:
        change |= {"op": "update", "key": [sent["list_id"], person]}
    sandbox.mutate({**opt_out, "row": row}, change)


def reasons(rows: list[Record], address: str) -> list[str]:
    """Why somebody left."""
    return [row["body"] for row in rows if row["author_email"] == address]


def test_an_opt_out_comes_once(desk: Sandbox) -> None:
    """What campaign and audience tell of one opt-out is one row, the campaign's, run after run."""
    address = "gone@client.example"
    leave(desk, address, "2026-03-01T11:55:00+00:00", "Too many mails")
    first = run(desk, None, unsubscribe_refresh_days=36_500)
    assert reasons(first.records["replies"], address) == ["Too many mails"]
    second = run(desk, first.state, unsubscribe_refresh_days=36_500)
    assert second.records["replies"] == []


def test_a_later_change_of_the_contact_makes_no_second_row(desk: Sandbox) -> None:
    """A contact that changes long after the opt-out keeps the id of the row."""
    address = "gone@client.example"
    leave(desk, address, "2026-02-20T10:00:00+00:00", "Too many mails")
    first = run(desk)
    ids = {row["reply_id"] for row in first.records["replies"] if row["author_email"] == address}
    account = desk.world.account("", "mailchimp")
    member = next(row for row in account.rows("members") if row["email_address"] == address)
    key, row = [member["list_id"], member["id"]], {"last_changed": "2026-03-01T11:58:00+00:00"}
    desk.mutate({"op": "update", "collection": "mailchimp.members", "key": key, "row": row})
    again = run(desk, first.state).records["replies"]
    assert {row["reply_id"] for row in again if row["author_email"] == address} == ids


def test_who_leaves_twice_has_two_reasons(desk: Sandbox) -> None:
    """Two opt-outs of one person from one list, by campaigns, are both there."""
    address = "gone@client.example"
    leave(desk, address, "2026-02-20T10:00:00+00:00", "Too many mails")
    leave(desk, address, "2026-02-25T10:00:00+00:00", "Still too many")
    assert sorted(reasons(read(desk), address)) == ["Still too many", "Too many mails"]


@pytest.mark.parametrize("reason", ["", "  ", "None given", "N/A (Unsubscribed by admin)"])
def test_no_reason_is_no_row(desk: Sandbox, reason: str) -> None:
    """Where nobody said why, or an admin did it, nothing was said."""
    address = "gone@client.example"
    leave(desk, address, "2026-02-20T10:00:00+00:00", reason)
    account = desk.world.account("", "mailchimp")
    member = next(row for row in account.rows("members") if row["email_address"] == address)
    change = {"op": "update", "collection": "mailchimp.members"}
    key = [member["list_id"], member["id"]]
    desk.mutate({**change, "key": key, "row": {"unsubscribe_reason": reason}})
    assert reasons(read(desk), address) == []


@pytest.mark.parametrize("streams", [("replies",), ("replies", "mailchimp_unsubscribes")])
def test_reasons_of_a_list_that_seemed_to_be_gone_come_later(streams: tuple[str, ...]) -> None:
    """However old they are, and only once."""
    with Sandbox(now=NOW, conversations=2, reamaze_conversations=2, campaigns=17) as sandbox:
        catalog = catalog_of(*streams)

        def authors(rows: list[Record], campaign: str) -> set[str]:
            left = [row for row in rows if row["kind"] == "unsubscribe_reason"]
            return {row["author_key"] for row in left if row["campaign_id"] == campaign}

        told = run(sandbox, None, catalog).records["replies"]
        from_campaigns = [row for row in told if authors([row], row["campaign_id"] or "")]
        oldest = min(from_campaigns, key=lambda row: str(row["sent_at"]))["campaign_id"]
        path = f"/3.0/reports/{oldest}/unsubscribed"
        sandbox.control(faults=[{"kind": "status", "status": 404, "path": path}])
        first = run(sandbox, None, catalog)
        assert authors(first.records["replies"], oldest) == set()
        sandbox.control(faults=[])
        second = run(sandbox, first.state, catalog)
        assert authors(second.records["replies"], oldest) == authors(told, oldest) != set()
        assert run(sandbox, second.state, catalog).records["replies"] == []
