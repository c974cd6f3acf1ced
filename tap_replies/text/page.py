"""HTML as lines of text: paragraphs and list items apart, quotes behind ``> ``.

The parser is lxml's, used without building a tree: it tells tag after tag, so that neither size
nor depth of a page matters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import ParserTarget

    Target = ParserTarget[str]
else:
    Target = object


def _tags(names: str) -> frozenset[str]:
    return frozenset(names.split())


_PARAGRAPHS = _tags("p h1 h2 h3 h4 h5 h6 ul ol dl table blockquote pre hr figure fieldset")
_LINES = """
    address article aside body br caption center col colgroup dd details dir div dt figcaption
    footer form head header html legend li main menu nav section summary tbody td tfoot th thead tr
"""
BLOCKS = _PARAGRAPHS | _tags(_LINES)
_HIDDEN = _tags("script style title")
_CELLS = _tags("td th")
_LISTS = _tags("ul ol")
_SCHEMES = ("http://", "https://", "mailto:")
_DEEPEST = 10
"""Levels of quoting that are shown; more would make a hostile page's text grow by its square."""

_SPACES = re.compile(" {2,}")
_ADDRESS = re.compile(r"<((?:https?:|mailto:|[^\s<>\"'=/@]++@)[^\s<>\"']*+)>")
_QUOTE_END = re.compile(r"</blockquote\b", re.IGNORECASE)
_MARK = "quote-end"


def render(html: str, *, keeps_lines: bool = False) -> str:
    """The text of a page, its line breaks being those of its tags (or its own, if it keeps them).

    Three things would get lost in the parser: addresses in angle brackets, which it takes for tags;
    all that follows a bracket that is never closed; and the end of a quote in which something is
    left open, without which all that follows would count as quoted.
    """
    if html.rfind("<") > (closed := html.rfind(">")):
        html = html[: closed + 1] + html[closed + 1 :].replace("<", "&lt;")
    html = _ADDRESS.sub(r"&lt;\1&gt;", html)
    html = _QUOTE_END.sub(rf"<{_MARK}></{_MARK}>\g<0>", html)
    parser = etree.HTMLParser(
        target=_Page(keeps_lines=keeps_lines), encoding="utf-8", huge_tree=True
    )
    parser.feed(html.encode())
    return parser.close()


class _Page(Target):
    """Takes a page's tags and texts one by one, and writes lines."""

    def __init__(self, *, keeps_lines: bool) -> None:
        self._lines: list[str] = []
        self._line: list[str] = []
        self._bullet = ""
        self._has_gap = False
        self._hidden = 0
        self._depth = 0
        self._literal = [0] if keeps_lines else []
        """Depths at which line breaks began to count."""
        self._links: list[tuple[str, int]] = []
        self._is_tight: list[bool] = []
        self._lists: list[int] = []
        """The next item's number in each open list; 0 in one that has none."""
        self._quotes: list[tuple[int, bool]] = []
        """The open quotes: how many of their elements were open before, and if they do quote."""
        self._quote_elements = 0
        self._level = 0
        self._last_level = 0
        self._written = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if tag in BLOCKS:
            self._start_block(tag, attributes)
        elif tag == "a":
            self._links.append((attributes.get("href", ""), self._written))
        elif tag == "img":
            self.data(attributes.get("alt", ""))
        elif tag in _HIDDEN:
            self._hidden += 1
        elif tag == _MARK:
            self._end_line()
            if self._quotes:
                self._end_quote()
        style = attributes.get("style") if attributes else None
        if tag == "pre" or (style and "white-space:pre" in style.replace(" ", "")):
            self._literal.append(self._depth)

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._literal and self._literal[-1] == self._depth:
            self._end_line()
            self._literal.pop()
        self._depth -= 1
        if tag in BLOCKS:
            self._end_block(tag)
        elif tag == "a":
            href, written = self._links.pop()
            if written == self._written and href.startswith(_SCHEMES):
                self.data(f" {href.removeprefix('mailto:')} ")
        elif tag in _HIDDEN:
            self._hidden -= 1

    def data(self, text: str) -> None:
        """Text between tags."""
        if self._hidden or not text:
            return
        if self._literal:
            first, *more = text.split("\n")
            self._line.append(first)
            for line in more:
                self._break()
                self._line.append(line)
        else:
            text = text.replace("\n", " ").replace("\t", " ")
            if "  " in text:
                text = _SPACES.sub(" ", text)
            if text[0] == " " and (not self._line or self._line[-1][-1:] == " "):
                text = text[1:]
            if text:
                self._line.append(text)
        self._written += not text.isspace()

    def close(self) -> str:
        """All of it."""
        self._end_line()
        return "\n".join(self._lines)

    def _start_block(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "br":
            self._break()
            return
        if tag in _CELLS:
            self.data(" ")
            return
        self._end_line()
        if tag == "p":
            # Word's paragraphs are lines; an empty one stands for the gap.
            is_word = bool(attributes) and attributes.get("class", "").startswith("Mso")
            is_line = is_word or bool(self._lists)
            self._is_tight.append(is_line)
            self._has_gap |= not is_line
        elif tag in _PARAGRAPHS:
            self._has_gap |= not self._lists
        if tag == "blockquote":
            is_quote = not _is_indent(attributes)
            self._quotes.append((self._quote_elements, is_quote))
            self._quote_elements += 1
            self._level += is_quote
        elif tag == "li":
            self._bullet = "- "
            if self._lists and (number := self._lists[-1]):
                self._lists[-1] = number + 1
                self._bullet = f"{number}. "
        elif tag in _LISTS:
            self._lists.append(int(tag == "ol"))

    def _end_block(self, tag: str) -> None:
        if tag == "br" or tag in _CELLS:
            return
        self._end_line()
        if tag == "p":
            self._has_gap |= not self._is_tight.pop()
        elif tag in _LISTS:
            self._lists.pop()
            self._has_gap |= not self._lists
        elif tag in _PARAGRAPHS:
            self._has_gap |= not self._lists
        if tag == "blockquote":
            self._quote_elements -= 1
            if self._quotes and self._quotes[-1][0] == self._quote_elements:
                self._end_quote()
        elif tag == "li":
            self._bullet = ""

    def _end_quote(self) -> None:
        self._level -= self._quotes.pop()[1]

    def _break(self) -> None:
        """End the line; where there is none, leave a blank one."""
        if not self._end_line():
            self._has_gap = True

    def _end_line(self) -> bool:
        """Write the line, if there is anything on it."""
        if not self._line:
            return False
        whole = "".join(self._line)
        self._line.clear()
        line = whole.replace("\xa0", " ")
        text = line.rstrip() if self._literal else line.strip()
        if not text:
            self._has_gap |= line != whole  # a hard space holds an empty line open
            return False
        if text == "--" and line.endswith("-- "):
            text = "-- "  # the space makes it the sign that a signature follows
        level = min(self._level, _DEEPEST)
        if self._has_gap and self._lines:
            self._lines.append(("> " * min(self._last_level, level)).rstrip())
        self._lines.append("> " * level + self._bullet + text)
        self._has_gap = False
        self._bullet = ""
        self._last_level = level
        return True


def _is_indent(attributes: dict[str, str]) -> bool:
    """Whether an element that quotes only moves its text to the right, as editors use it."""
    style = attributes.get("style", "").replace(" ", "")
    return "border:none" in style and attributes.get("type") != "cite"
