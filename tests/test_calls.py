"""Every call and parameter of the four documents that the tap began with, as it is really sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from support import Messages, Record, asked, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The objects that the documents print, and an address as a user may write it.
CONVERSATION, CAMPAIGN, LIST, TICKET = "fa8c387539", "42694e9e57", "57afe96172", "knock-knock"
ADDRESS, HASH = " Urist.McVankab@FREDDIESjokes.com ", "62eeb292278cc15f5817cb78f7790b08"
AGENT = "robin@sandbox.example"
LISTED = "/3.0/conversations"
THREAD = f"/3.0/conversations/{CONVERSATION}"
LEAVERS = f"/3.0/reports/{CAMPAIGN}/unsubscribed"
LEAVER = f"/3.0/reports/{CAMPAIGN}/unsubscribed/{HASH}"
TICKETS = "/api/v1/conversations"
STREAMS = {
    LISTED: "mailchimp_conversations",
    THREAD: "mailchimp_conversations",
    LEAVERS: "mailchimp_unsubscribes",
    LEAVER: "mailchimp_unsubscribes",
    TICKETS: "reamaze_conversations",
}
ONE = {
    THREAD: {"mailchimp_conversations": [CONVERSATION]},
    LEAVER: {"mailchimp_unsubscribes": [{"campaign_id": CAMPAIGN, "email": ADDRESS}]},
}
UNWANTED = {
    "mailchimp_conversations": [
        "message_count",
        "campaign_id",
        "list_id",
        "unread_messages",
        "from_label",
        "from_email",
        "message",
        "read",
    ],
    "mailchimp_unsubscribes": ["email_address", "vip", "merge_fields", "list_is_active"],
}
THREAD_FIELDS = "id,subject,last_message.subject,last_message.timestamp"
LEAVER_FIELDS = "campaign_id,email_id,timestamp,reason,list_id"
HALF_YEAR = {"start_date": "2025-01-01", "end_date": "2025-07-01T02:00:00+02:00"}


@dataclass(frozen=True)
class Call:
    """A parameter of a call: how it is sent, what makes the tap send it, what then comes."""

    path: str
    parameter: str
    sent: str
    right: Callable[[Record], bool] = lambda _: True
    filters: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """Its name in the report."""
        return f"GET {self.path} {self.parameter}={self.sent}"

    @property
    def stream(self) -> str:
        """The stream that makes the call."""
        return STREAMS[self.path]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that make the tap send it, beyond the credentials."""
        name = "reamaze_filters" if self.path == TICKETS else "mailchimp_filters"
        return {name: self.filters, "only": ONE.get(self.path, {})}

    @property
    def catalog(self) -> dict[str, Any]:
        """The selection that makes the tap send it."""
        return catalog_of(self.stream, without=UNWANTED if self.parameter == "fields" else {})


def in_list(fields: str, key: str) -> set[str]:
    """Field names as they are in the answer of a list."""
    return {f"{key}.{name}" for name in fields.split(",")} | {"total_items"}


def said_in_half_year(row: Record) -> bool:
    """Whether the customer wrote last in the first half of 2025."""
    last = row["last_customer_message"]
    return bool(last) and "2025-01-01" <= last["created_at"] <= "2025-07-01T00:00:00.000Z"


def takes_part(row: Record) -> bool:
    """Whether the agent is among the people of a conversation."""
    return AGENT in {person["email"] for person in [row["author"], *row["followers"]]}


CALLS = [
    Call(LISTED, "count", "1000"),
    Call(LISTED, "offset", "0"),
    Call(LISTED, "fields", THREAD_FIELDS),
    Call(LISTED, "exclude_fields", "conversations._links,_links"),
    Call(
        LISTED,
        "has_unread_messages",
        "true",
        lambda row: row["unread_messages"] > 0,
        {"has_unread_messages": True},
    ),
    Call(
        LISTED,
        "has_unread_messages",
        "false",
        lambda row: row["unread_messages"] == 0,
        {"has_unread_messages": False},
    ),
    Call(LISTED, "list_id", LIST, lambda row: row["list_id"] == LIST, {"list_id": LIST}),
    Call(
        LISTED,
        "campaign_id",
        CAMPAIGN,
        lambda row: row["campaign_id"] == CAMPAIGN,
        {"campaign_id": CAMPAIGN},
    ),
    Call(THREAD, "fields", THREAD_FIELDS, lambda row: row["id"] == CONVERSATION),
    Call(THREAD, "exclude_fields", "_links", lambda row: row["id"] == CONVERSATION),
    Call(LEAVERS, "count", "1000"),
    Call(LEAVERS, "offset", "0"),
    Call(LEAVERS, "fields", LEAVER_FIELDS),
    Call(LEAVERS, "exclude_fields", "unsubscribes._links,_links"),
    Call(LEAVER, "fields", LEAVER_FIELDS, lambda row: row["email_id"] == HASH),
    Call(LEAVER, "exclude_fields", "_links", lambda row: row["email_id"] == HASH),
    Call(TICKETS, "filter", "all"),
    Call(
        TICKETS,
        "filter",
        "archived",
        lambda row: row["status_name"] == "archived",
        {"filter": "archived"},
    ),
    Call(TICKETS, "filter", "open", lambda row: row["status"] in {0, 1, 5, 7}, {"filter": "open"}),
    Call(
        TICKETS,
        "filter",
        "unassigned",
        lambda row: row["assignee"] is None and row["status_name"] != "archived",
        {"filter": "unassigned"},
    ),
    Call(TICKETS, "for", AGENT, takes_part, {"for": AGENT}),
    Call(
        TICKETS,
        "for_id",
        "c-3",
        lambda row: '"sso_id":"c-3"' in row["author"]["data"],
        {"for_id": "c-3"},
    ),
    Call(TICKETS, "sort", "updated", filters={"sort": "updated"}),
    Call(TICKETS, "sort", "changed", filters={"sort": "changed"}),
    Call(
        TICKETS,
        "tag",
        "vip,größe",
        lambda row: not {"vip", "größe"}.isdisjoint(row["tag_list"]),
        {"tag": "vip,größe"},
    ),
    Call(
        TICKETS,
        "category",
        "support",
        lambda row: row["category"]["slug"] == "support",
        {"category": "support"},
    ),
    Call(
        TICKETS,
        "data[plan]",
        "pro",
        lambda row: '"plan":"pro"' in row["data"],
        {"data": {"plan": "pro"}},
    ),
    Call(TICKETS, "page", "1"),
    Call(TICKETS, "page", "2"),
    Call(TICKETS, "start_date", "2025-01-01T00:00:00Z", said_in_half_year, HALF_YEAR),
    Call(TICKETS, "end_date", "2025-07-01T00:00:00Z", said_in_half_year, HALF_YEAR),
]


@pytest.fixture(scope="module")
def vendors() -> Iterator[Sandbox]:
    """Both vendors at a known time."""
    with Sandbox(now="2026-03-01T12:00:00Z") as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def everything(vendors: Sandbox) -> Messages:
    """All rows; conversations of Re:amaze one by one, as the list leaves out their data."""
    slugs = [slug for (slug,) in held(vendors, "reamaze_conversations")]
    messages = sync(vendors.config(), catalog=catalog_of(*STREAMS.values()))
    single = sync({**vendors.config(), "only": {"reamaze_conversations": slugs}})
    messages.records["reamaze_conversations"] = single.records["reamaze_conversations"]
    return messages


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_every_parameter(call: Call, vendors: Sandbox, everything: Messages) -> None:
    """Settings and catalog make the tap send the parameter, and the right records come."""
    vendors.reset_stats()
    messages = sync({**vendors.config(), **call.settings}, catalog=call.catalog)
    assert messages.failures == []
    sent = [query[call.parameter] for query in asked(vendors, call.path) if call.parameter in query]
    if call.parameter == "fields":
        names = set(call.sent.split(","))
        keys = {LISTED: "conversations", LEAVERS: "unsubscribes"}
        expected = in_list(call.sent, keys[call.path]) if call.path in keys else names
        assert {frozenset(each.split(",")) for each in sent} == {frozenset(expected)}
    else:
        assert call.sent in sent
    records = messages.records[call.stream]
    rows = [row for row in everything.records[call.stream] if call.right(row)]
    if call.path in {LEAVERS, LEAVER}:
        records = [row for row in records if row["campaign_id"] == CAMPAIGN]
        rows = [row for row in rows if row["campaign_id"] == CAMPAIGN]
    assert rows
    assert emitted(records, call.stream) == emitted(rows, call.stream)
    if call.filters.keys() - {"sort"}:
        assert len(rows) < len(everything.records[call.stream])
    gone = UNWANTED[call.stream] if call.parameter == "fields" else []
    assert not [row for row in records for name in gone if name in row]
    assert all(row.keys() | set(gone) >= rows[0].keys() for row in records)


def test_sorts_are_the_vendors(vendors: Sandbox) -> None:
    """`updated` orders by the customer's last message, `changed` by any change, newest first."""
    by_sort = {
        sort: sync(
            {**vendors.config(), "reamaze_filters": {"sort": sort}},
            catalog=catalog_of("reamaze_conversations"),
        ).records["reamaze_conversations"]
        for sort in ("updated", "changed")
    }
    changed = [row["updated_at"] for row in by_sort["changed"]]
    assert changed == sorted(changed, reverse=True)
    said = [
        (row["last_customer_message"] or {}).get("created_at", "") for row in by_sort["updated"]
    ]
    assert said == sorted(said, reverse=True)
    assert [row["slug"] for row in by_sort["changed"]] != [
        row["slug"] for row in by_sort["updated"]
    ]


def test_long_lists_are_paged() -> None:
    """More than 1,000 rows come in pages of 1,000, whose borders overlap by one row."""
    with Sandbox(conversations=1500, messages=1, campaigns=1, unsubscribes=1200) as sandbox:
        for path in (LISTED, LEAVERS):
            messages = sync(sandbox.config(), catalog=catalog_of(STREAMS[path]))
            assert messages.failures == []
            pages = [(query["count"], query["offset"]) for query in asked(sandbox, path)]
            assert sorted(pages) == [("1000", "0"), ("1000", "999")]
            assert emitted(messages.records[STREAMS[path]], STREAMS[path]) == held(
                sandbox, STREAMS[path]
            )


def test_the_printed_ticket_is_reachable(vendors: Sandbox) -> None:
    """Re:amaze's own example is read by its slug, with what the list leaves out."""
    messages = sync({**vendors.config(), "only": {"reamaze_conversations": [TICKET]}})
    (row,) = messages.records["reamaze_conversations"]
    assert row["slug"] == TICKET
    assert row["data"] is not None
