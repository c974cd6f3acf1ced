"""Who answered whom in a conversation, and after how long."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tap_replies.feed import INBOUND, OUTBOUND

UNTIMED: dict[str, Any] = {
    "position": None,
    "previous_inbound_at": None,
    "response_seconds": None,
    "is_first_response": None,
}
"""The columns of a message whose conversation was not read from its beginning."""


class Course:
    """A conversation from its beginning, message by message."""

    def __init__(self) -> None:
        """Nobody has said anything yet."""
        self._position = 0
        self._inbound_at: str | None = None
        self._is_waiting = False
        self._is_answered = False

    def next(self, direction: str | None, sent_at: str) -> dict[str, Any]:
        """The columns of the next message; messages must come in the order of their times.

        An outbound message is a response if an inbound one came since the last outbound one; its
        seconds count from the newest inbound one before it.
        """
        self._position += 1
        found: dict[str, Any] = {
            "position": self._position,
            "previous_inbound_at": self._inbound_at,
            "response_seconds": None,
            "is_first_response": False,
        }
        if direction == OUTBOUND:
            if self._is_waiting and self._inbound_at:
                found["response_seconds"] = _seconds(self._inbound_at, sent_at)
                found["is_first_response"] = not self._is_answered
                self._is_answered = True
            self._is_waiting = False
        elif direction == INBOUND:
            self._inbound_at = sent_at
            self._is_waiting = True
        return found


def _seconds(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
