"""For each stream: how what it reads changes in the course of time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import Record, instant
from worlds import (
    Ident,
    Plan,
    Topic,
    World,
    at,
    inserting,
    oldest,
    pick,
    pick_old,
    plain_op,
    removing,
    story,
    updating,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


def _new_thread(world: World, _: int, when: float) -> Plan:
    key = f"{world.next():010x}"
    # Some threads come with two messages: the thread's list page is then longer than it was.
    return Plan(
        [story("new_conversation", "mailchimp", key, when)], (key,), {(key,), (key, "10001")}
    )


def _new_message(world: World, which: int, when: float) -> Plan | None:
    if (row := pick(world.rows("conversations"), which)) is None:
        return None
    key, number = row["id"], str(20_000 + world.next())
    mutation = story("new_message", "mailchimp", key, when, {"id": number})
    return Plan([mutation], (key,), {(key,), (key, number)})


def _read(world: World, which: int, _: float) -> Plan | None:
    if (row := pick(world.rows("conversations"), which)) is None:
        return None
    # By design: a thread that was only read, or whose subject changed, is not told again.
    changes = {"unread_messages": 0, "subject": f"version {world.next()}"}
    key = (row["id"],)
    mutation = plain_op("update", "mailchimp.conversations", row["id"], changes)
    return Plan([mutation], key, {key}, {key})


def _remove_message(world: World, which: int, when: float) -> Plan | None:
    """A message of the example thread, or now and then a whole thread."""
    rows = world.rows("conversations")
    thread = next((row for row in rows if row["id"] == "fa8c387539"), None)
    if which % 3 == 1 or thread is None:
        return _remove_thread(world, which, when)
    ids = [m["id"] for m in world.rows("messages") if m["conversation_id"] == thread["id"]]
    count = {"message_count": thread["message_count"] - 1}
    return Plan(
        [
            plain_op("delete", "mailchimp.messages", [thread["id"], ids[which % len(ids)]]),
            plain_op("update", "mailchimp.conversations", thread["id"], count),
        ],
        (thread["id"],),
    )


def _remove_thread(world: World, which: int, _: float) -> Plan | None:
    if (row := pick(world.rows("conversations"), which)) is None:
        return None
    key = row["id"]
    messages = [m for m in world.rows("messages") if m["conversation_id"] == key]
    mutations = [plain_op("delete", "mailchimp.conversations", key)]
    mutations += [plain_op("delete", "mailchimp.messages", [key, m["id"]]) for m in messages]
    return Plan(mutations, (key,))


# Opt-outs


def _opt_out(world: World, which: int, when: float) -> Plan | None:
    if (report := pick(world.rows("reports"), which)) is None:
        return None
    email_id = f"{world.next():032x}"
    row = {"email_id": email_id, "email_address": f"{email_id}@example.com"}
    key: Ident = (report["id"], email_id, instant(at(when)))
    mutation = story("new_unsubscribe", "mailchimp", report["id"], when, row)
    return Plan([mutation], key, {key})


def _new_mailing(world: World, which: int, when: float) -> Plan | None:
    key = f"{world.next():010x}"
    row = {
        "id": key,
        "type": "regular",
        "parent_campaign_id": "",
        "send_time": at(when),
        "unsubscribed": 0,
    }
    plan = Plan([plain_op("insert", "mailchimp.reports", None, row)], (key,))
    if which % 2:
        email_id = f"{world.next():032x}"
        plan.mutations.append(
            story("new_unsubscribe", "mailchimp", key, when, {"email_id": email_id})
        )
        plan.touched.add((key, email_id, instant(at(when))))
    return plan


def _delete_contact(world: World, which: int, _: float) -> Plan | None:
    if (row := pick_old(oldest(world.rows(), "campaign_id", which), which)) is None:
        return None
    key = [row["campaign_id"], row["email_id"], row["timestamp"]]
    ident = world.topic.ident_of(row)
    return Plan([plain_op("delete", "mailchimp.unsubscribes", key)], ident)


def _leave(world: World, which: int, when: float) -> Plan:
    email_id = f"{world.next():032x}"
    lists = world.rows("lists")
    list_id = lists[which % len(lists)]["id"]
    row = {
        "id": email_id,
        "list_id": list_id,
        "status": "unsubscribed",
        "last_changed": at(when),
        "full_name": f"version {world.number}",
    }
    key: Ident = (list_id, email_id)
    return Plan([plain_op("insert", "mailchimp.members", None, row)], key, {key})


def _change_member(world: World, which: int, when: float) -> Plan | None:
    return _member(world, which, {"last_changed": at(when), "full_name": f"version {world.next()}"})


def _rejoin(world: World, which: int, when: float) -> Plan | None:
    return _member(world, which, {"last_changed": at(when), "status": "subscribed"})


def _member(world: World, which: int, changes: Record) -> Plan | None:
    if (row := pick_old(oldest(world.rows(), "list_id", which), which)) is None:
        return None
    key: Ident = (row["list_id"], row["id"])
    return Plan([plain_op("update", "mailchimp.members", list(key), changes)], key, {key})


# What Re:amaze has.


def _begin(world: World, _: int, when: float) -> Plan:
    slug = f"thread-{world.next()}"
    return Plan([story("new_conversation", "reamaze", slug, when)], (slug,), set(_said(slug, when)))


def _say(world: World, which: int, when: float) -> Plan | None:
    if (row := pick(world.rows("conversations"), which)) is None:
        return None
    slug, body = row["slug"], f"<p>{world.next()}</p>"
    mutation = story("new_message", "reamaze", slug, when, {"body": body})
    return Plan([mutation], (slug,), {*_said(slug, when), (slug, instant(at(when)), body)})


def _said(slug: str, when: float) -> Iterator[Ident]:
    yield (slug,)
    yield (slug, instant(at(when)), "<p>One more thing (1).</p>")


def _archive(world: World, which: int, when: float) -> Plan | None:
    if (row := pick(world.rows("conversations"), which)) is None:
        return None
    changes = {"subject": f"version {world.next()}"}
    key = (row["slug"],)
    return Plan([story("archive", "reamaze", row["slug"], when, changes)], key, {key})


def _end(world: World, which: int, when: float) -> Plan | None:
    if (row := pick(world.rows("conversations"), which)) is None:
        return None
    return Plan([story("remove", "reamaze", row["slug"], when)], (row["slug"],))


TOPICS = (
    Topic(
        "mailchimp_lists",
        {"lists": 16},
        ("/3.0/lists",),
        "lists",
        (inserting("lists", "date_created"), updating("lists", "name")),
        removing("lists"),
        "name",
    ),
    Topic(
        "mailchimp_campaigns",
        {"campaigns": 20},
        ("/3.0/campaigns",),
        "campaigns",
        (inserting("campaigns", "create_time"), updating("campaigns", "archive_url")),
        removing("campaigns"),
        "archive_url",
        "create_time",
        "create_time",
        {"campaign_refresh_days": 200},
    ),
    Topic(
        "mailchimp_conversations",
        {"conversations": 22},
        ("/3.0/conversations",),
        "conversations",
        (_new_thread, _new_message, _read),
        _remove_thread,
        "message_count",
        "last_message.timestamp",
        "last_message_at",
    ),
    Topic(
        "mailchimp_conversation_messages",
        {"conversations": 6, "messages": 15},
        (
            "/3.0/conversations",
            "/3.0/conversations/*/messages",
            *["/3.0/conversations/fa8c387539/messages"] * 2,
        ),
        "messages",
        (_new_message, _new_thread),
        _remove_message,
        "message",
        "timestamp",
        "timestamp",
    ),
    Topic(
        "mailchimp_unsubscribes",
        {"campaigns": 5, "unsubscribes": 16},
        ("/3.0/reports", "/3.0/reports/*", *["/3.0/reports/42694e9e57/unsubscribed"] * 4),
        "unsubscribes",
        (_opt_out, _new_mailing),
        _delete_contact,
        "reason",
        "timestamp",
        "timestamp",
        # By design, what was sent before is not read again.
        {"unsubscribe_refresh_days": 1000},
        # A run reads only what moved, so the one after it may tell the rest of the overlap again.
        2,
    ),
    Topic(
        "mailchimp_list_unsubscribes",
        {"lists": 2, "members": 24},
        ("/3.0/lists", "/3.0/lists/57afe96172/members", "/3.0/lists/*/members"),
        "members",
        (_leave, _change_member),
        _rejoin,
        "full_name",
        "last_changed",
        "last_changed",
    ),
    Topic(
        "reamaze_conversations",
        {"reamaze_conversations": 44},
        ("/api/v1/conversations",),
        "conversations",
        (_begin, _say, _archive),
        _end,
        "subject",
        "updated_at",
        "updated_at",
    ),
    Topic(
        "reamaze_messages",
        {"reamaze_conversations": 10, "reamaze_messages": 4},
        ("/api/v1/messages", "/api/v1/conversations", "/api/v1/conversations/*/messages"),
        "messages",
        (_say, _begin),
        _end,
        "",
        "created_at",
        "created_at",
    ),
)
