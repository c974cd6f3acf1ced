"""Runs at a moment that is known, so that what they read does not depend on the day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from clock import ScriptedClock, tap_with
from support import Messages, sync

if TYPE_CHECKING:
    from tap_replies.sandbox import Sandbox

NOW = "2026-03-01T12:00:00+00:00"
"""The present of the sandbox; runs begin half an hour later."""


def run(
    sandbox: Sandbox,
    state: dict[str, Any] | None = None,
    catalog: dict[str, Any] | None = None,
    **settings: object,
) -> Messages:
    """A run at that time, without failures."""
    begun = datetime.fromisoformat(NOW) + timedelta(minutes=30)
    tap = tap_with(ScriptedClock(begun.timestamp()))
    found = sync(sandbox.config() | settings, state=state, catalog=catalog, tap_class=tap)
    assert found.failures == []
    return found
