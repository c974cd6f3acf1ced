"""How Mailchimp answers: which endpoint, which page, which fields."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tap_replies.sandbox.answer import Answer, Listing, Query, Request, Route, Router
from tap_replies.sandbox.mailchimp import endpoints, filters
from tap_replies.sandbox.projection import for_document

if TYPE_CHECKING:
    from tap_replies.sandbox.mailchimp.account import MailchimpAccount
    from tap_replies.sandbox.switches import Switches
    from tap_replies.sandbox.table import Row

_LINK = (b"link", b'<https://us6.api.mailchimp.com/schema/3.0/Response.json>; rel="describedBy"')

ROUTER = Router(
    {
        "/3.0": endpoints.root,
        "/3.0/ping": endpoints.ping,
        "/3.0/conversations": endpoints.conversations,
        "/3.0/conversations/{id}": endpoints.conversation,
        "/3.0/conversations/{id}/messages": endpoints.messages,
        "/3.0/campaigns": endpoints.campaigns,
        "/3.0/campaigns/{id}": endpoints.campaign,
        "/3.0/reports": endpoints.reports,
        "/3.0/reports/{id}": endpoints.report,
        "/3.0/reports/{id}/sub-reports": endpoints.sub_reports,
        "/3.0/reports/{id}/unsubscribed": endpoints.unsubscribed,
        "/3.0/reports/{id}/unsubscribed/{hash}": endpoints.unsubscriber,
        "/3.0/lists": endpoints.lists,
        "/3.0/lists/{id}": endpoints.audience,
        "/3.0/lists/{id}/members": endpoints.members,
        "/3.0/lists/{id}/members/{hash}": endpoints.member,
        "/3.0/lists/{id}/members/{hash}/activity-feed": endpoints.activity_feed,
        "/3.0/automations": endpoints.automations,
        "/3.0/automations/{id}/emails": endpoints.emails,
        "/3.0/reporting/surveys": endpoints.all_surveys,
        "/3.0/reporting/surveys/{id}/responses": endpoints.responses,
        "/3.0/reporting/surveys/{id}/responses/{response_id}": endpoints.response,
    },
)


def respond(
    account: MailchimpAccount,
    request: Request,
    switches: Switches,
    found: tuple[Route, tuple[str, ...]] | None,
) -> Answer:
    """Answer a request whose credential is known."""
    route, ids = found or filters.not_found()
    if request.method != "GET":
        filters.refuse(405, "Method Not Allowed", "Only GET is possible here.")
    query = request.parameters
    if request.path.startswith("/3.0/conversations") and switches.plan_without_conversations:
        filters.refuse(403, "Forbidden", "Your plan does not include conversations.")
    # A list is filtered and sorted once for all its pages.
    choice = {
        name: value
        for name, value in query.items()
        if name not in ("count", "offset", "fields", "exclude_fields")
    }
    shown = account.cached(
        (route.template, ids, tuple(sorted(choice.items()))),
        lambda: route.handler(account, query, switches, *ids),
        keep="activity-feed" not in route.template,
    )
    if isinstance(shown, Listing):
        body = _page(shown, query)
    else:
        fields, excluded = filters.wanted(query, shown)
        body = msgspec.json.encode(for_document(fields, excluded).apply(shown))
    return Answer(200, body, headers=(_LINK,))


def _page(listing: Listing, query: Query) -> bytes:
    start, count = filters.window(query)
    rest: Row = {**listing.envelope, "total_items": listing.total, "_links": endpoints.self_link()}
    fields, excluded = filters.wanted(query, {listing.name: None, **rest})
    rows = listing.rows(start, count, fields, excluded)
    tail = msgspec.json.encode(for_document(fields, excluded).apply(rest))
    if rows is None:
        return tail
    glue = b"}" if tail == b"{}" else b"," + tail[1:]
    return b'{"' + listing.name.encode() + b'":' + rows + glue
