"""Scripts of faults: what goes wrong at random requests, now and then for good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

Fault = dict[str, Any]

PATHS = (
    "*",
    "/3.0/",
    "/3.0/conversations",
    "/3.0/conversations/*",
    "/3.0/conversations/fa8c387539/messages",
    "/3.0/lists",
    "/3.0/lists/*",
    "/3.0/campaigns",
    "/3.0/reports",
    "/3.0/reports/*",
    "/3.0/automations*",
    "/api/v1/*",
    "/api/v1/conversations",
    "/api/v1/conversations/*",
    "/api/v1/messages",
)
"""Globs of the requests that are struck."""

MAILCHIMP = frozenset(
    {
        "mailchimp_lists",
        "mailchimp_campaigns",
        "mailchimp_conversations",
        "mailchimp_conversation_messages",
        "mailchimp_unsubscribes",
        "mailchimp_list_unsubscribes",
    }
)
REAMAZE = frozenset({"reamaze_conversations", "reamaze_messages"})


@dataclass(frozen=True)
class Place:
    """Requests that fail for good, and the streams that cannot do without them."""

    fault: Fault
    streams: frozenset[str]


def _place(path: str, *streams: str, **facts: Any) -> Place:  # noqa: ANN401
    return Place({"path": path, **facts}, frozenset(streams))


PLACES = (
    _place("/3.0/", *MAILCHIMP),
    _place("/3.0/lists", "mailchimp_lists", "mailchimp_list_unsubscribes"),
    _place("/3.0/lists/57afe96172/members", "mailchimp_list_unsubscribes"),
    _place("/3.0/campaigns", "mailchimp_campaigns"),
    _place("/3.0/conversations", "mailchimp_conversations", "mailchimp_conversation_messages"),
    _place("/3.0/conversations/fa8c387539/messages", "mailchimp_conversation_messages"),
    _place("/3.0/reports", "mailchimp_unsubscribes"),
    _place("/3.0/reports/42694e9e57/unsubscribed", "mailchimp_unsubscribes"),
    _place("/3.0/automations", "mailchimp_unsubscribes"),
    _place("/api/v1/conversations", *REAMAZE),
    _place("/api/v1/conversations", *REAMAZE, query={"page": "1"}),
    _place("/api/v1/conversations", "reamaze_conversations", query={"page": "2"}),
    _place("/api/v1/conversations/knock-knock/messages", "reamaze_messages"),
    _place("/api/v1/messages", "reamaze_messages"),
    _place("/api/v1/messages", "reamaze_messages", query={"page": "2"}),
)

_STATUS = {
    "kind": st.just("status"),
    "status": st.sampled_from([408, 425, 429, 500, 502, 503, 504]),
    "body": st.sampled_from(["json", "html", "empty"]),
}
_AFTER = st.sampled_from(["0", "1", "7.5", "soon", "-3"])
_STATUSES = st.fixed_dictionaries(_STATUS, optional={"retry_after": _AFTER})
_EDGE = st.just({"kind": "status", "status": 403, "body": "html"})
_BODIES = st.sampled_from(
    [{"kind": kind} for kind in ("cut", "reset", "html200", "garbage200", "truncated_json")]
)
_SLOW = st.just({"kind": "slow_body", "seconds": 0.02})
TROUBLES = st.one_of(_STATUSES, _STATUSES, _EDGE, _BODIES, _BODIES, _SLOW)
PASSING = st.builds(
    lambda trouble, path, at, times: {**trouble, "path": path, "at": at, "times": times},
    TROUBLES,
    st.sampled_from(PATHS),
    st.integers(1, 15),
    st.integers(1, 2),
)
LASTING = st.builds(
    lambda place, trouble: Place({**trouble, **place.fault}, place.streams),
    st.sampled_from(PLACES),
    st.one_of(st.fixed_dictionaries(_STATUS), _EDGE, _BODIES),
)


@dataclass(frozen=True)
class Script:
    """What goes wrong in one run, which begins at the beginning or goes on in the middle."""

    faults: list[Fault]
    lasting: Place | None
    goes_on: bool
    connections: int
    stalls: bool


SCRIPTS = st.builds(
    Script,
    st.lists(PASSING, max_size=6),
    st.none() | LASTING,
    st.booleans(),
    st.sampled_from([1, 3, 8]),
    st.sampled_from([False] * 79 + [True]),
)
