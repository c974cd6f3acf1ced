"""What was sent and may have made people leave: campaigns, their sub-campaigns, automations."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from tap_replies.errors import GoneError, RequestFailedError, StreamRefusedError
from tap_replies.source import Request, segment
from tap_replies.sources.mailchimp.client import ids
from tap_replies.sources.mailchimp.counts import Sending
from tap_replies.times import utc
from tap_replies.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from tap_replies.job import Job
    from tap_replies.paging import Collection, Page
    from tap_replies.source import Row
    from tap_replies.sources.mailchimp.counts import Counts

P = TypeVar("P", bound="Hashable")

CHILDLESS = frozenset({"regular", "plaintext", "plain-text", "automation"})
"""Report types without sub-reports; RSS and multivariate campaigns have them."""

REFUSED = "automations_refused"
"""In the state: the automations could not be read so far, so all of their opt-outs are due."""

logger = logging.getLogger("tap-replies")


def sendings(job: Job, counts: Counts) -> Iterator[Sending]:
    """The sendings whose opt-outs must be read.

    In a first run these are all that have any; later those sent after the horizon whose count
    moved, and every automation e-mail that has no count, as it may go out for ever. Parts of series
    are only looked for if a listed report or an audience has moved, or a day after the last time.
    """
    found: dict[str, Sending] = {}
    parents = []
    # Before the reports: who leaves in between is then news to the next run.
    for row in _audiences(job):
        counts.see(row)
    for row in _reports(job):
        counts.see(row)
        sending = _sending(row, _kind(row))
        found[sending.campaign_id] = sending
        is_recent = sending.is_since(counts.horizon) or counts.owes_parts(sending)
        if _has_children(row) and (job.is_first or is_recent):
            parents.append(sending)
    # A child knows its parent, so it replaces what the list of reports said of it.
    parts = () if counts.is_at_rest else _children(job, parents)
    found |= {sending.campaign_id: sending for sending in parts}
    found = {
        name: replace(sending, is_late=counts.is_owed(sending)) for name, sending in found.items()
    }
    for sending in found.values():
        counts.note(sending)

    def is_due(sending: Sending) -> bool:
        if sending.unsubscribed is None or job.is_first or sending.is_late:
            return sending.unsubscribed != 0
        return sending.is_since(counts.horizon) and counts.has_moved(sending)

    yield from (each for each in found.values() if each.kind != "automation" and is_due(each))
    # Automations come last, so that their two lists are read while campaigns are under way.
    automated = {each.campaign_id: each for each in found.values() if each.kind == "automation"}
    for email in _automations(job):
        known = found.get(email.campaign_id)
        if known is None or known.kind == "automation":
            automated[email.campaign_id] = replace(
                email,
                unsubscribed=known.unsubscribed if known else None,
                is_late=REFUSED in job.state or counts.is_owed(email),
            )
    # Unlike what its report says of it, one that was sent long ago may go out again.
    for sending in automated.values():
        counts.note(sending)
    yield from filter(is_due, automated.values())


def identified(job: Job, campaign: str) -> Sending:
    """What the report of an id is of; for a repair, which has not read all of them."""
    request = Request(
        f"/reports/{segment(campaign)}",
        {"fields": "type"},
        f"the report of campaign {campaign}",
    )
    try:
        kind = str(job.fetcher.ask(request).get("type"))
    except GoneError:
        kind = "automation"
    found: Iterable[Sending] = ()
    if kind == "automation":
        found = _automations(job)
    elif kind not in CHILDLESS:
        parents = [row for row in _reports(job) if _has_children(row)]
        found = _children(job, [_sending(row, _kind(row)) for row in parents])
    return next((each for each in found if each.campaign_id == campaign), Sending(campaign))


def _kind(report: Row) -> str:
    # The reference names both `automation` and `auto`, and does not say which is listed.
    return "automation" if str(report.get("type")).startswith("auto") else "campaign"


def _has_children(report: Row) -> bool:
    return str(report.get("type")) not in CHILDLESS


def _sending(row: Row, kind: str, parent: str | None = None) -> Sending:
    sent = [utc(row[name]) for name in ("send_time", "rss_last_send") if row.get(name)]
    count = row.get("unsubscribed")
    return Sending(
        campaign_id=str(row["id"]),
        kind=kind,
        parent=parent,
        unsubscribed=count if isinstance(count, int) else None,
        sent_at=max(filter(None, sent), default=None),
    )


AUDIENCES = ids("/lists", "lists", "the lists", "stats.last_unsub_date", "stats.unsubscribe_count")
"""All audiences, with what tells how many have left them."""

REPORT_FIELDS = ("type", "unsubscribed", "emails_sent", "send_time", "rss_last_send", "list_id")


def _audiences(job: Job) -> Iterator[Row]:
    """When somebody last left each audience, for whatever reason."""
    try:
        for page in Walk(job.fetcher, AUDIENCES):
            yield from page.rows
    except (GoneError, StreamRefusedError, RequestFailedError):  # they only spare requests
        yield {"refused": job.started}


def _reports(job: Job) -> Iterator[Row]:
    listing = ids("/reports", "reports", "the reports", *REPORT_FIELDS)
    for row in job.parents(listing):
        if _is_wanted(job, row["id"], row.get("list_id")):
            yield row


def _is_wanted(job: Job, campaign: str, list_id: str | None) -> bool:
    own = {"campaign_id": campaign, "list_id": list_id}
    return all(job.filters.get(name, value) == value for name, value in own.items())


def _children(job: Job, parents: list[Sending]) -> Iterator[Sending]:
    def listing_of(parent: Sending) -> Collection:
        path = f"/reports/{segment(parent.campaign_id)}/sub-reports"
        about = f"the sub-reports of campaign {parent.campaign_id}"
        return ids(path, "reports", about, *REPORT_FIELDS)

    pages = job.children(parents, listing_of, "campaigns", counted=False)
    for parent, row in _in_order(parents, pages):
        yield _sending(row, "sub_report", parent.campaign_id)


def _automations(job: Job) -> Iterator[Sending]:
    def listing_of(workflow: str) -> Collection:
        path = f"/automations/{segment(workflow)}/emails"
        about = f"the e-mails of automation {workflow}"
        return ids(path, "emails", about, "recipients.list_id")

    try:
        rows = list(job.parents(ids("/automations", "automations", "the automations")))
    except GoneError as error:
        logger.info("%s: no automations: %s", job.stream, error)
        return
    except StreamRefusedError as error:
        logger.warning(
            "%s, account %s: the opt-outs of automations are left out until a run may read them: "
            "%s; use a credential whose role may",
            job.stream,
            job.account_id,
            error,
        )
        job.skip("lists of automations")
        job.after[REFUSED] = "yes"
        return
    job.after[REFUSED] = None
    workflows = [row["id"] for row in rows]
    pages = job.children(workflows, listing_of, "automations", counted=False)
    for workflow, row in _in_order(workflows, pages):
        recipients = row.get("recipients") or {}
        if _is_wanted(job, row["id"], recipients.get("list_id")):
            yield Sending(str(row["id"]), "automation", workflow)


def _in_order(parents: list[P], pages: Iterable[tuple[P, Page]]) -> Iterator[tuple[P, Row]]:
    """The rows of pages that came in any order: one that has two parents is always the last's."""
    rows: dict[P, list[Row]] = {parent: [] for parent in parents}
    for parent, page in pages:
        rows[parent] += page.rows
    for parent, found in rows.items():
        yield from ((parent, row) for row in found)
