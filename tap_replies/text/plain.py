"""A body as plain text, whether it came as HTML or as text."""

from __future__ import annotations

import re
from html import unescape

from tap_replies.text.page import BLOCKS, render

_INLINE = (
    "a|abbr|b|big|bdo|button|cite|code|del|dfn|em|font|i|img|input|ins|kbd|label|mark|meta|link"
    "|nobr|o:p|q|s|samp|script|small|span|strike|strong|style|sub|sup|svg|title|tt|u|var|wbr"
)
# A tag is one of HTML's own, bare or with an attribute: not <anna@example.com>, not a <b and c>.
_TAG_FORM = r"<(?:/?(?:{})(?:\s*+/?>|\s++[a-z_:][\w:.-]*+\s*+=))"
_BLOCK_TAG = re.compile(_TAG_FORM.format("|".join(sorted(BLOCKS))), re.IGNORECASE)
_INLINE_TAG = re.compile(_TAG_FORM.format(_INLINE), re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z][a-z\d]{1,31});", re.IGNORECASE)
_DATA = re.compile(r"data:[\w.+-]{1,40}/[\w.+-]{1,80}(?:;[\w.+=-]{1,80}){0,4};base64,[\w+/=%-]*+")
_SURROGATE = re.compile("[\ud800-\udfff]")


def plain_text(body: str | None) -> str | None:
    """Readable text of a body that is HTML or plain text; None where there is nothing to read."""
    if body is None:
        return None
    text = _cleaned(body)
    if "<" in text and _BLOCK_TAG.search(text):
        text = render(text)
    elif "<" in text and _INLINE_TAG.search(text):
        # Without a single block or <br>, line breaks are the only ones there are.
        text = render(text, keeps_lines=True)
    elif "&" in text:
        text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
    return text.strip() or None


def _cleaned(text: str) -> str:
    """The text without what no reader sees and no target stores."""
    if "\0" in text:
        text = text.replace("\0", "")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if ";base64," in text:
        text = _DATA.sub("", text)
    if not text.isascii():
        text = _SURROGATE.sub("\ufffd", text)
    return text
