"""What a message says: its body as plain text, and the part of it that is new."""

from __future__ import annotations

from tap_replies.text.plain import plain_text
from tap_replies.text.reply import NewPart, new_part

__all__ = ["NewPart", "new_part", "plain_text"]
