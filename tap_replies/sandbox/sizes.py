"""How much data a sandbox holds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """The number of rows of each kind, the same in every account."""

    conversations: int = 40
    messages: int = 3
    lists: int = 3
    members: int = 25
    campaigns: int = 24
    unsubscribes: int = 5
    reamaze_conversations: int = 60
    reamaze_messages: int = 4
    accounts: int = 1
    brands: int = 1
