"""Every reason for leaving arrives once, from whatever made the person leave."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from support import Messages, catalog_of, emitted, held, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM, AUDIENCE = "mailchimp_unsubscribes", "mailchimp_list_unsubscribes"
REPORT = "/3.0/reports/{id}/unsubscribed"


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """An account whose newest campaign is an RSS series, to change."""
    with Sandbox(now="2026-03-01T12:00:00Z", campaigns=17) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: Any) -> Messages:  # noqa: ANN401
    """The opt-outs of an account, with the requests counted anew."""
    sandbox.reset_stats()
    config = {**sandbox.config(), **settings}
    messages = sync(config, catalog=catalog_of(STREAM, AUDIENCE), state=state)
    assert messages.failures == []
    return messages


def rows(sandbox: Sandbox, collection: str) -> list[dict[str, Any]]:
    """The rows of a table as the sandbox holds them."""
    return list(sandbox.world.account("", "mailchimp").rows(collection))


def sent(sandbox: Sandbox, kind: str) -> str:
    """The id of the newest thing of a kind that was sent."""
    if kind == "automation":
        return str(rows(sandbox, "emails")[-1]["id"])
    reports = [row for row in rows(sandbox, "reports") if row["type"] != "automation"]
    wanted = [row for row in reports if bool(row["parent_campaign_id"]) == (kind == "sub_report")]
    return str(max(wanted, key=lambda row: row["send_time"])["id"])


def test_each_row_tells_what_had_been_sent(still: Sandbox) -> None:
    """Campaigns, single issues of series and automations' e-mails are told apart, with parents."""
    parents = {row["id"]: row["parent_campaign_id"] for row in rows(still, "reports")}
    workflows = {row["id"]: row["workflow_id"] for row in rows(still, "emails")}
    found = read(still).records[STREAM]
    for row in found:
        campaign = row["campaign_id"]
        expected: tuple[str, str | None] = ("campaign", None)
        if campaign in workflows:
            expected = ("automation", workflows[campaign])
        elif parents[campaign]:
            expected = ("sub_report", parents[campaign])
        assert (row["unsubscribe_source"], row["parent_campaign_id"]) == expected
    kinds = {row["unsubscribe_source"] for row in found}
    assert kinds == {"campaign", "sub_report", "automation"}


def test_reasons_are_those_of_the_api(still: Sandbox) -> None:
    """A stated reason arrives as it is, to the letter."""
    reasons = Counter(row["reason"] or None for row in rows(still, "unsubscribes"))
    assert len(reasons) > 5
    assert Counter(row["reason"] or None for row in read(still).records[STREAM]) == reasons


def test_opt_outs_without_a_campaign_are_in_the_audience(still: Sandbox) -> None:
    """Who left by a form, or was taken out by an admin, is among those who left the audience."""
    messages = read(still)
    credited = {(row["list_id"], row["email_id"]) for row in messages.records[STREAM]}
    left = {(row["list_id"], row["id"]) for row in messages.records[AUDIENCE]}
    assert left - credited
    assert {row["unsubscribe_source"] for row in messages.records[AUDIENCE]} == {"audience"}
    assert {row["status"] for row in messages.records[AUDIENCE]} == {"unsubscribed"}


def test_who_leaves_again_is_counted_again(still: Sandbox) -> None:
    """Somebody who left, came back and left has a row for each time, within one e-mail too."""
    found = emitted(read(still).records[STREAM], STREAM)
    assert set(found.values()) == {1}
    times = Counter((campaign, person) for campaign, person, _ in found)
    assert max(times.values()) == 2
    campaigns: dict[object, set[object]] = {}
    for campaign, person, _ in found:
        campaigns.setdefault(person, set()).add(campaign)
    assert max(map(len, campaigns.values())) > 1


@pytest.mark.parametrize("kind", ["campaign", "sub_report", "automation"])
def test_a_new_opt_out_comes_with_the_next_run(shop: Sandbox, kind: str) -> None:
    """It is found wherever it is credited, and only what gained some is asked for."""
    first = read(shop)
    campaign = sent(shop, kind)
    shop.mutate({"op": "new_unsubscribe", "source": "mailchimp", "key": campaign})
    second = read(shop, first.state)
    (row,) = second.records[STREAM]
    assert (row["campaign_id"], row["unsubscribe_source"]) == (campaign, kind)
    assert emitted(first.records[STREAM] + [row], STREAM) == held(shop, STREAM)
    assert shop.stats()["endpoints"][REPORT] == 4 + (kind != "automation")
    assert read(shop, second.state).records == {}


def test_only_what_has_moved_is_read_again(shop: Sandbox) -> None:
    """Of many recent campaigns only those are asked for whose report counts more than before."""
    many = [f"{number:010}" for number in range(150)]
    for name in many:
        report = {"id": name, "type": "regular", "parent_campaign_id": "", "unsubscribed": 0}
        sent_at = {"send_time": "2026-02-27T08:00:00+00:00"}
        shop.mutate({"op": "insert", "collection": "mailchimp.reports", "row": report | sent_at})
    left = {"op": "new_unsubscribe", "source": "mailchimp"}
    shop.mutate(*(left | {"key": name} for name in many))
    first = read(shop)
    assert len(first.state["bookmarks"][STREAM]["partitions"][0]["counts"]) < 8 * 200
    shop.mutate(*(left | {"key": name} for name in many[:5]))
    second = read(shop, first.state)
    assert {row["campaign_id"] for row in second.records[STREAM]} == set(many[:5])
    walked = [each.path.split("/")[3] for each in shop.app.stats.visits if "unsubscr" in each.path]
    automated = {str(row["id"]) for row in rows(shop, "emails")}
    assert sorted(name for name in walked if name not in automated) == many[:5]


@pytest.mark.parametrize("days", [1, 90])
def test_old_automations_with_a_count_are_left_alone_until_it_moves(
    shop: Sandbox, days: int
) -> None:
    """Where the list of reports shows them, however old; and a list that is late is waited for."""
    emails = [str(row["id"]) for row in rows(shop, "emails")]
    old: dict[str, Any] = {"type": "auto", "send_time": "2025-06-01T00:00:00+00:00"}
    for name in emails:
        change: dict[str, Any] = {"op": "update", "collection": "mailchimp.reports"}
        shop.mutate(change | {"key": name, "row": old})

    def walked() -> list[str]:
        paths = [each.path.split("/") for each in shop.app.stats.visits]
        return [path[3] for path in paths if path[-1] == "unsubscribed"]

    settings: dict[str, Any] = {"unsubscribe_refresh_days": days}
    first = read(shop, **settings)
    assert {*emails} < {*walked()}
    second = read(shop, first.state, **settings)
    assert walked() == []
    shop.mutate({"op": "new_unsubscribe", "source": "mailchimp", "key": emails[0]})
    row = rows(shop, "unsubscribes")[-1]
    key = [row["campaign_id"], row["email_id"], row["timestamp"]]
    assert key[0] == emails[0]
    table = {"collection": "mailchimp.unsubscribes"}
    shop.mutate({"op": "delete", "key": key} | table)
    third = read(shop, second.state, **settings)
    assert walked() == emails[:1]
    shop.mutate({"op": "insert", "row": row} | table)
    fourth = read(shop, third.state, **settings)
    assert walked() == emails[:1]
    assert [each["email_id"] for each in fourth.records[STREAM]] == [row["email_id"]]


def test_a_list_that_seemed_to_be_gone_is_asked_for_again(shop: Sandbox) -> None:
    """It is skipped once, and what it holds comes with the next run although no count moved."""
    first = read(shop)
    campaign = sent(shop, "campaign")
    shop.mutate({"op": "new_unsubscribe", "source": "mailchimp", "key": campaign})
    path = REPORT.replace("{id}", campaign)
    shop.control(faults=[{"kind": "status", "status": 404, "path": path}])
    second = read(shop, first.state)
    assert second.records[STREAM] == []
    shop.control(faults=[])
    third = read(shop, second.state)
    assert [row["campaign_id"] for row in third.records[STREAM]] == [campaign]
    read(shop, third.state)
    assert shop.stats()["endpoints"][REPORT] == 4  # the e-mails of automations


@pytest.mark.parametrize("settings", [{}, {"end_date": "2026-02-20"}], ids=["", "end_date"])
@pytest.mark.parametrize("kind", ["campaign", "sub_report", "automation"])
def test_all_of_a_list_that_seemed_to_be_gone_comes_later(
    shop: Sandbox, kind: str, settings: dict[str, Any]
) -> None:
    """However old its opt-outs are, and however long ago it was sent; and only once."""
    found = [row for row in read(shop).records[STREAM] if row["unsubscribe_source"] == kind]
    oldest = min(found, key=lambda row: row["timestamp"])
    path = REPORT.replace("{id}", oldest["campaign_id"])
    shop.control(faults=[{"kind": "status", "status": 404, "path": path}])
    first = read(shop, **settings)
    lost = held(shop, STREAM) - emitted(first.records[STREAM], STREAM)
    assert {key[0] for key in lost} >= {oldest["campaign_id"]}
    second = read(shop, first.state, **settings)
    assert second.records[STREAM] == []
    shop.control(faults=[])
    third = read(shop, second.state)
    assert emitted(first.records[STREAM] + third.records[STREAM], STREAM) == held(shop, STREAM)
    assert read(shop, third.state).records[STREAM] == []


def test_what_is_owed_waits_for_the_list_that_tells_of_it(shop: Sandbox) -> None:
    """A part of a series is asked for again once its series is there again."""
    found = read(shop).records[STREAM]
    part = next(row for row in found if row["unsubscribe_source"] == "sub_report")
    series = f"/3.0/reports/{part['parent_campaign_id']}/sub-reports"
    state: dict[str, Any] | None = None
    told = Counter[tuple[object, ...]]()
    for path in (REPORT.replace("{id}", part["campaign_id"]), series, "none"):
        shop.control(faults=[{"kind": "status", "status": 404, "path": path}])
        messages = read(shop, state)
        told += emitted(messages.records[STREAM], STREAM)
        state = messages.state
    assert told == held(shop, STREAM)


def test_a_list_that_seems_to_be_gone_while_nothing_moves(shop: Sandbox) -> None:
    """The opt-outs of an automation come whole once its list is back."""
    first = read(shop)
    email = sent(shop, "automation")
    path = REPORT.replace("{id}", email)
    shop.control(faults=[{"kind": "status", "status": 404, "path": path}])
    second = read(shop, first.state)
    shop.control(faults=[])
    third = read(shop, second.state)
    assert {row["campaign_id"] for row in third.records[STREAM]} == {email}
    assert read(shop, third.state).records[STREAM] == []


def test_a_long_pause_loses_nothing(shop: Sandbox) -> None:
    """What was sent shortly before the last run is still looked at, however long that is ago."""
    first = read(shop, end_date="2025-07-01")
    assert first.records[STREAM]
    second = read(shop, first.state)
    both = emitted(first.records[STREAM] + second.records[STREAM], STREAM)
    assert both == held(shop, STREAM)


def test_counts_of_a_window_do_not_hide_what_follows(shop: Sandbox) -> None:
    """After a run with `end_date` the later opt-outs of the same campaigns still arrive."""
    moments = sorted(row["timestamp"] for row in read(shop).records[STREAM])
    middle = next(
        moment for moment in moments[len(moments) // 2 :] if moments.count(moment[:10]) == 0
    )
    first = read(shop, end_date=middle)
    second = read(shop, first.state, start_date=moments[0])
    both = emitted(first.records[STREAM] + second.records[STREAM], STREAM)
    assert both == held(shop, STREAM)


@pytest.mark.parametrize("status", [403, 404])
def test_an_account_without_automations(shop: Sandbox, status: int) -> None:
    """Where automations may not be read, or do not exist, the other opt-outs arrive."""
    fault = {"kind": "status", "status": status, "path": "/3.0/automations"}
    shop.control(faults=[fault])
    emails = {row["id"] for row in rows(shop, "emails")}
    expected = Counter(key for key in held(shop, STREAM) if key[0] not in emails)
    assert emitted(read(shop).records[STREAM], STREAM) == expected


def test_a_campaign_that_is_gone_is_skipped_and_counted(shop: Sandbox) -> None:
    """A report that vanished after it was listed is told; with `strict` the run fails."""
    campaign = sent(shop, "campaign")
    fault = {"kind": "status", "status": 404, "path": f"/3.0/reports/{campaign}/unsubscribed"}
    shop.control(faults=[fault])
    messages = read(shop)
    lost = held(shop, STREAM) - emitted(messages.records[STREAM], STREAM)
    assert {key[0] for key in lost} <= {campaign}
    strict = sync({**shop.config(), "strict": True}, catalog=catalog_of(STREAM))
    assert bool(strict.failures) == bool(lost)


def test_a_list_filter_covers_automations(still: Sandbox) -> None:
    """With `list_id` come the opt-outs of that audience, credited to whatever was sent to it."""
    messages = read(still, mailchimp_filters={"list_id": "57afe96172"})
    expected = Counter(
        (row["campaign_id"], row["email_id"])
        for row in rows(still, "unsubscribes")
        if row["list_id"] == "57afe96172"
    )
    found = messages.records[STREAM]
    assert Counter((row["campaign_id"], row["email_id"]) for row in found) == expected
    assert {row["unsubscribe_source"] for row in found} == {"campaign", "automation"}
    assert {row["list_id"] for row in messages.records[AUDIENCE]} == {"57afe96172"}


@pytest.mark.parametrize("kind", ["campaign", "automation"])
def test_a_campaign_filter_finds_automations_too(still: Sandbox, kind: str) -> None:
    """With `campaign_id` come the opt-outs of what was sent under that id."""
    campaign = "42694e9e57" if kind == "campaign" else sent(still, kind)
    found = read(still, mailchimp_filters={"campaign_id": campaign}).records[STREAM]
    expected = Counter(key for key in held(still, STREAM) if key[0] == campaign)
    assert expected
    assert emitted(found, STREAM) == expected


def test_a_filter_of_conversations_does_not_touch_opt_outs(still: Sandbox) -> None:
    """`has_unread_messages` is about threads: all opt-outs come."""
    messages = read(still, mailchimp_filters={"has_unread_messages": True})
    for stream in (STREAM, AUDIENCE):
        assert emitted(messages.records[stream], stream) == held(still, stream)
