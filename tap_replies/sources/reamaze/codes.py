"""The numbers that Re:amaze uses for states, origins and channels, in words.

The three lists overlap and contradict one another (16 is an outbound message as an origin, but an
Instagram message as a channel), so each has its own; a number that is in none stays a number.
Source: Re:amaze API documentation, "Retrieving Conversations" and "Retrieving Messages"; names of
later codes as seen by users of the API.
"""

from __future__ import annotations

from tap_replies.convert import integer

STATUS = {
    0: "unresolved",
    1: "pending",
    2: "resolved",
    3: "spam",
    4: "archived",
    5: "on_hold",
    6: "auto_resolved",
    7: "chatbot_assigned",
    8: "chatbot_resolved",
    9: "spam_by_ai",
}
ORIGIN = {
    0: "chat",
    1: "email",
    2: "twitter",
    3: "facebook",
    6: "classic_chat",
    7: "api",
    8: "instagram",
    9: "sms",
    15: "whatsapp",
    16: "staff_outbound",
    17: "contact_form",
    19: "instagram_dm",
}
CHANNEL = {
    1: "email",
    2: "twitter",
    3: "facebook",
    6: "chat",
    7: "api",
    8: "instagram",
    9: "sms",
    10: "voice",
    12: "facebook_messenger",
    13: "facebook_lead",
    14: "instagram_ad",
    15: "whatsapp",
    16: "instagram_dm",
}
VISIBILITY = {0: "regular", 1: "internal_note", 2: "collision"}


def word(codes: dict[int, str], code: object) -> str | None:
    """The word for a code, None for one that is not known; `"2"` is 2, as in the code's column."""
    number = code if type(code) is int else integer(code, lambda _: None)
    return None if number is None else codes.get(number)
