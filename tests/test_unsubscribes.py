"""Opt-outs where the API's own figures mislead: deleted people, old campaigns, double listings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import Messages, Record, catalog_of, emitted, held
from then import NOW, run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM = "mailchimp_unsubscribes"
CATALOG = catalog_of(STREAM)
OLD = "42694e9e57"
"""A campaign of two years ago."""


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """An account whose newest campaign is an RSS series, to change."""
    with Sandbox(now=NOW, campaigns=17) as sandbox:
        yield sandbox


def _read(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: object) -> Messages:
    """A run of this stream alone, with the requests counted anew."""
    sandbox.reset_stats()
    return run(sandbox, state, CATALOG, **settings)


def _reports(sandbox: Sandbox) -> list[Record]:
    """The reports of all that was sent, as the sandbox holds them."""
    return list(sandbox.world.account("", "mailchimp").rows("reports"))


def _walked(sandbox: Sandbox) -> list[str]:
    """Whose opt-outs were asked for."""
    paths = [path.split("/") for path, *_ in sandbox.stats()["requests"]]
    return [parts[3] for parts in paths if parts[-1] == "unsubscribed"]


def test_an_old_campaign_is_left_alone(shop: Sandbox) -> None:
    """A later run reads only what was sent within `unsubscribe_refresh_days`."""
    first = _read(shop)
    shop.mutate({"op": "new_unsubscribe", "source": "mailchimp", "key": OLD})
    second = _read(shop, first.state)
    assert OLD not in _walked(shop)
    assert not second.records[STREAM]
    wider = _read(shop, first.state, unsubscribe_refresh_days=1000)
    (row,) = wider.records[STREAM]
    assert row["campaign_id"] == OLD
    assert emitted([*first.records[STREAM], row], STREAM) == held(shop, STREAM)


def test_people_deleted_for_good_are_noted_and_no_failure(shop: Sandbox) -> None:
    """A report goes on counting them; that is said, and counts as no mismatch, whatever follows."""
    sent = [report for report in _reports(shop) if report["type"] != "automation"]
    newest = max(sent, key=lambda report: str(report["send_time"]))["id"]
    keys = shop.truth()[shop.world.mailchimp[0].name][STREAM]["keys"]
    gone = [key for key in keys if key[0] in {OLD, newest}]
    for key in gone:
        shop.mutate({"op": "delete", "collection": "mailchimp.unsubscribes", "key": key})
    first = _read(shop, on_count_mismatch="fail", strict=True)
    assert emitted(first.records[STREAM], STREAM) == held(shop, STREAM)
    told = f"{len(gone)} opt-outs counted, not listed (deleted contacts?)"
    assert any(line.startswith(STREAM) and told in line for line in first.log)
    assert not any("MISSING" in line for line in first.log)
    shop.mutate({"op": "new_unsubscribe", "source": "mailchimp", "key": newest})
    second = _read(shop, first.state, on_count_mismatch="fail")
    assert len(second.records[STREAM]) == 1


def test_a_part_listed_as_a_report_too_comes_once(shop: Sandbox) -> None:
    """An issue of a series that the list of reports also holds is read once, as a part."""
    part = next(report for report in _reports(shop) if report["parent_campaign_id"])
    change = {"op": "update", "collection": "mailchimp.reports", "key": part["id"]}
    shop.mutate({**change, "row": {"parent_campaign_id": ""}})
    # The list of reports has been read when the first series is asked for its parts.
    back = {**change, "row": {"parent_campaign_id": part["parent_campaign_id"]}}
    shop.control(faults=[{"kind": "mutate", "path": "*/sub-reports", "at": 1, "mutations": [back]}])
    found = _read(shop)
    assert _walked(shop).count(part["id"]) == 1
    assert emitted(found.records[STREAM], STREAM) == held(shop, STREAM)
    rows = [row for row in found.records[STREAM] if row["campaign_id"] == part["id"]]
    sources = {(row["unsubscribe_source"], row["parent_campaign_id"]) for row in rows}
    assert sources == {("sub_report", part["parent_campaign_id"])}


@pytest.mark.parametrize(("kind", "source"), [("auto", "automation"), ("regular", "campaign")])
def test_an_automation_listed_as_a_report_too_comes_once(
    shop: Sandbox, kind: str, source: str
) -> None:
    """An automation's e-mail that the list of reports also holds is read once, as what it says."""
    email = next(report["id"] for report in _reports(shop) if report["type"] == "automation")
    change = {"op": "update", "collection": "mailchimp.reports", "key": email}
    shop.mutate({**change, "row": {"type": kind}})
    found = _read(shop)
    assert _walked(shop).count(email) == 1
    assert emitted(found.records[STREAM], STREAM) == held(shop, STREAM)
    rows = [row for row in found.records[STREAM] if row["campaign_id"] == email]
    assert {row["unsubscribe_source"] for row in rows} == {source}
    shop.mutate({"op": "new_unsubscribe", "source": "mailchimp", "key": email})
    assert len(_read(shop, found.state).records[STREAM]) == 1
