"""A fault of the tap's own costs one stream, and quotes no row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support import sync

from tap_replies.sources.mailchimp.streams import Conversations

if TYPE_CHECKING:
    import pytest

    from tap_replies.sandbox import Sandbox
    from tap_replies.source import Row


def test_a_fault_fails_its_stream_alone(still: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other streams are read whole, the failure says where, and the bookmark stays."""

    def broken(_stream: Conversations, row: Row) -> None:
        raise ZeroDivisionError(row["from_email"])

    monkeypatch.setattr(Conversations, "derive", broken)
    messages = sync(still.config())
    (failure,) = messages.failures
    assert "mailchimp_conversations" in failure
    assert "ZeroDivisionError in test_unforeseen.py, line" in failure
    assert "@" not in failure
    assert messages.bookmark("mailchimp_conversations") is None
    assert len(messages.records["mailchimp_conversation_messages"]) > 0
    assert len(messages.records["reamaze_messages"]) > 0
