"""What Mailchimp's endpoints show: from an account and a query to rows or an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tap_replies.sandbox.answer import Listing, Query
from tap_replies.sandbox.mailchimp import surveys
from tap_replies.sandbox.mailchimp.filters import (
    arranged,
    choose,
    equals,
    flag,
    moment,
    not_found,
    refuse,
    window,
    within,
)
from tap_replies.sandbox.mailchimp.seed import link
from tap_replies.sandbox.projection import for_document

if TYPE_CHECKING:
    from tap_replies.sandbox.mailchimp.account import MailchimpAccount
    from tap_replies.sandbox.switches import Switches
    from tap_replies.sandbox.table import Entry, Key, Row, Table

_PARENT = "parent_campaign_id"
_ANSWERS = "survey_id,results"


def root(account: MailchimpAccount, _query: Query, _switches: Switches) -> Row:
    """Answer GET /: the account."""
    return {**account.root(), "_links": [link("self", "/", "Root/Response.json")]}


def ping(_account: MailchimpAccount, _query: Query, _switches: Switches) -> Row:
    """Answer GET /ping."""
    return {"health_status": "Everything's Chimpy!"}


def conversations(account: MailchimpAccount, query: Query, switches: Switches) -> Listing:
    """Answer GET /conversations: no time filter and no sort exist."""
    table = account["conversations"]
    tests = equals(query, "list_id", "campaign_id") + flag(query, "has_unread_messages", "unread")
    order = switches.mailchimp_order
    rows = choose(() if switches.no_conversations else table, tests, newest_first=order != "oldest")
    if order == "last_message":
        rows.sort(key=lambda entry: entry.facts["last"], reverse=True)
    return Listing("conversations", table, rows)


def conversation(account: MailchimpAccount, _query: Query, _switches: Switches, key: str) -> Row:
    """Answer GET /conversations/{id}."""
    return _one(account["conversations"], key)


def messages(account: MailchimpAccount, query: Query, _switches: Switches, key: str) -> Listing:
    """Answer GET /conversations/{id}/messages, oldest first."""
    _one(account["conversations"], key)
    table = account["messages"]
    tests = flag(query, "is_read", "read") + within(query, "timestamp")
    rows = choose(table.members(key), tests)
    rows.sort(key=lambda entry: (entry.facts["timestamp"], entry.number))
    return Listing("conversation_messages", table, rows, {"conversation_id": key})


def campaigns(account: MailchimpAccount, query: Query, _switches: Switches) -> Listing:
    """Answer GET /campaigns, newest first unless sorted."""
    table = account["campaigns"]
    tests = equals(query, "type", "status", "list_id", "folder_id")
    tests += within(query, "create_time") + within(query, "send_time")
    rows = choose(table, tests, newest_first=True)
    rows = arranged(rows, query, "create_time", "send_time")
    return Listing("campaigns", table, rows, hidden=_unasked(query, "usage"))


def campaign(account: MailchimpAccount, query: Query, _switches: Switches, key: str) -> Row:
    """Answer GET /campaigns/{id}."""
    return _one(account["campaigns"], key, _unasked(query))


def reports(account: MailchimpAccount, query: Query, _switches: Switches) -> Listing:
    """Answer GET /reports: campaigns only, neither their children nor automations' e-mails."""
    table = account["reports"]
    tests = within(query, "send_time")
    if kind := query.get("type"):
        word = {"plaintext": "plain-text"}.get(kind, kind)
        tests.append(lambda entry: entry.facts["type"] == word)
    rows = [
        entry
        for entry in choose(table.members(""), tests, newest_first=True)
        if entry.facts["type"] != "automation"
    ]
    return Listing("reports", table, rows, hidden=_PARENT)


def report(account: MailchimpAccount, _query: Query, _switches: Switches, key: str) -> Row:
    """Answer GET /reports/{id}, children and automations' e-mails included."""
    return _one(account["reports"], key, _PARENT)


def sub_reports(account: MailchimpAccount, _query: Query, _switches: Switches, key: str) -> Listing:
    """Answer GET /reports/{id}/sub-reports."""
    _one(account["reports"], key)
    table = account["reports"]
    rows = list(table.members(key))
    return Listing("reports", table, rows, {"campaign_id": key}, hidden=_PARENT)


def unsubscribed(
    account: MailchimpAccount, _query: Query, _switches: Switches, key: str
) -> Listing:
    """Answer GET /reports/{id}/unsubscribed; a draft has an empty one."""
    if not account["reports"].get(key):
        _one(account["campaigns"], key)
    table = account["unsubscribes"]
    return Listing("unsubscribes", table, list(table.members(key)), {"campaign_id": key})


def unsubscriber(
    account: MailchimpAccount, _query: Query, _switches: Switches, key: str, person: str
) -> Row:
    """Answer GET /reports/{id}/unsubscribed/{hash}: the newest opt-out of that person."""
    table = account["unsubscribes"]
    found = [entry for entry in table.members(key) if entry.facts["email_id"] == person.lower()]
    return _shown(table, found[-1]) if found else not_found()


def lists(account: MailchimpAccount, query: Query, _switches: Switches) -> Listing:
    """Answer GET /lists."""
    table = account["lists"]
    tests = within(query, "date_created") + within(query, "campaign_last_sent")
    if email := query.get("email", "").lower():
        everybody = account["members"]
        tests.append(
            lambda entry: any(
                member.facts["email"] == email for member in everybody.members(entry.facts["id"])
            )
        )
    rows = arranged(choose(table, tests), query, "date_created")
    limits = {"may_create": True, "max_instances": 5, "current_total_instances": len(table)}
    hidden = "" if query.get("include_total_contacts") == "true" else "stats.total_contacts"
    return Listing("lists", table, rows, {"constraints": limits}, hidden=hidden)


def audience(account: MailchimpAccount, query: Query, _switches: Switches, key: str) -> Row:
    """Answer GET /lists/{id}."""
    shown = query.get("include_total_contacts") == "true"
    return _one(account["lists"], key, "" if shown else "stats.total_contacts")


def members(account: MailchimpAccount, query: Query, _switches: Switches, key: str) -> Listing:
    """Answer GET /lists/{id}/members; without a status the archived ones are left out."""
    _one(account["lists"], key)
    table = account["members"]
    tests = equals(query, "email_type", "unique_email_id", "status")
    tests += within(query, "last_changed") + within(query, "timestamp_opt")
    if query.get("vip_only") == "true":
        tests.append(lambda entry: bool(entry.facts["vip"]))
    if not query.get("status"):
        tests.append(lambda entry: entry.facts["status"] != "archived")
    if (left := moment(query, "unsubscribed_since")) is not None:
        if query.get("status") != "unsubscribed":
            refuse(400, "Bad Request", "unsubscribed_since only goes with status=unsubscribed.")
        tests.append(lambda entry: entry.facts["last_changed"] > left)
    sorts = ("last_changed", "timestamp_opt", "timestamp_signup")
    rows = arranged(choose(table.members(key), tests), query, *sorts)
    return Listing("members", table, rows, {"list_id": key})


def member(
    account: MailchimpAccount, _query: Query, _switches: Switches, key: str, person: str
) -> Row:
    """Answer GET /lists/{id}/members/{hash}."""
    return _one(account["members"], (key, person.lower()))


def activity_feed(
    account: MailchimpAccount, query: Query, _switches: Switches, key: str, person: str
) -> Row:
    """Answer GET .../activity-feed with what the person wrote, answered, and left."""
    someone = _one(account["members"], (key, person.lower()))
    email = str(someone["email_address"]).lower()
    written = []
    for entry in account["messages"]:
        if entry.facts["email"] == email:
            thread = _one(account["conversations"], entry.key[0])
            if thread["list_id"] == key:
                written.append({**entry.row, "campaign_id": thread["campaign_id"]})
    answered = [e.row for e in account["responses"] if e.facts["email"] == email]
    items = surveys.feed(account.seed, someone, written, answered)
    kinds = set(filter(None, query.get("activity_filters", "").split(",")))
    items = [item for item in items if not kinds or item["activity_type"] in kinds]
    start, count = window(query)
    page = items[start : start + count]
    envelope = {"email_id": person, "list_id": key, "total_items": len(items)}
    return {"activity": page, **envelope, "_links": self_link()}


def automations(account: MailchimpAccount, query: Query, _switches: Switches) -> Listing:
    """Answer GET /automations."""
    table = account["automations"]
    tests = equals(query, "status") + within(query, "create_time") + within(query, "start_time")
    return Listing("automations", table, choose(table, tests))


def emails(account: MailchimpAccount, _query: Query, _switches: Switches, key: str) -> Listing:
    """Answer GET /automations/{id}/emails."""
    _one(account["automations"], key)
    return Listing("emails", account["emails"], list(account["emails"].members(key)))


def all_surveys(account: MailchimpAccount, _query: Query, _switches: Switches) -> Listing:
    """Answer GET /reporting/surveys."""
    return Listing("surveys", account["surveys"], choose(account["surveys"], []))


def responses(account: MailchimpAccount, _query: Query, _switches: Switches, key: str) -> Listing:
    """Answer GET /reporting/surveys/{id}/responses, without the answers themselves."""
    _one(account["surveys"], key)
    table = account["responses"]
    return Listing("responses", table, list(table.members(key)), hidden=_ANSWERS)


def response(
    account: MailchimpAccount, _query: Query, _switches: Switches, key: str, response_id: str
) -> Row:
    """Answer GET /reporting/surveys/{id}/responses/{response_id}, answers included."""
    _one(account["surveys"], key)
    return _one(account["responses"], response_id, "survey_id")


def _unasked(query: Query, *never: str) -> str:
    """Name the fields on resending that the query does not ask for."""
    hidden = [
        f"resend_shortcut_{what}"
        for what in ("eligibility", "usage")
        if what in never or query.get(f"include_resend_shortcut_{what}") != "true"
    ]
    return ",".join(hidden)


def self_link() -> list[Row]:
    """Return the links of an envelope."""
    return [link("self", "/", "CollectionResponse.json")]


def _one(table: Table, key: Key, hidden: str = "") -> Row:
    entry = table.get(key)
    return _shown(table, entry, hidden) if entry else not_found()


def _shown(table: Table, entry: Entry, hidden: str = "") -> Row:
    document: Row = msgspec.json.decode(table.encode(entry, for_document("", "", hidden)))
    return document
