"""Run the tap as ``python -m tap_replies``."""

from __future__ import annotations

from tap_replies.tap import TapReplies

TapReplies.cli()
