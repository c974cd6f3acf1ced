"""The switches that make the sandbox misbehave until they are turned back."""

from __future__ import annotations

from typing import Literal

import msgspec

from tap_replies.sandbox.faults import Fault  # noqa: TC001 msgspec reads it
from tap_replies.sandbox.quota import Counting  # noqa: TC001 the same


class Switches(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Everything that can be set at the start, by `POST /__control` or by `Sandbox.control`."""

    latency_ms: float = 0
    """How long every answer takes."""
    faults: list[Fault] = []
    """Faults of single requests; see `tap_replies.sandbox.faults`."""
    max_connections: int = 10
    """Mailchimp's limit of simultaneous requests per credential."""
    max_per_minute: int = 0
    """Re:amaze's quota per token; 0 for none."""
    quota_counting: Counting = "sliding"
    """How its requests are counted: in any 60 s, by the minutes of a clock, or as tokens."""
    html_errors: bool = False
    """Errors come as HTML pages, as from a proxy."""
    total_delta: int = 0
    """What every total is wrong by."""
    hostile: float = 0
    """The fraction of rows with hostile text, unknown fields or values of the wrong type."""
    no_conversations: bool = False
    """Mailchimp lists no conversation, as on an account that never had any."""
    user_disabled: bool = False
    """Mailchimp answers 403 to everything."""
    plan_without_conversations: bool = False
    """Mailchimp answers 403 to its conversations."""
    mailchimp_order: Literal["newest", "oldest", "last_message"] = "newest"
    """How Mailchimp orders its conversations."""
    reamaze_order: Literal["newest", "oldest"] = "newest"
    """How Re:amaze orders conversations by creation."""
    initial_messages: Literal["listed", "brand_hides", "count_hides"] = "listed"
    """Whether Re:amaze lists and counts the first message of each conversation."""
    reamaze_updated_at: bool = True
    """Whether Re:amaze's conversations show `updated_at`."""


def switched(old: Switches, changes: bytes) -> Switches:
    """Return the switches with a JSON object of changes applied. Raises msgspec.MsgspecError."""
    given = msgspec.json.decode(changes, type=dict[str, msgspec.Raw])
    new = msgspec.json.decode(changes, type=Switches)
    for name in Switches.__struct_fields__:
        if name not in given:
            setattr(new, name, getattr(old, name))
    return new
