"""What a message says: HTML and plain text become readable, and only the new part is kept."""

from __future__ import annotations

import string
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tap_replies.text import NewPart, new_part, plain_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Trace = Callable[[FrameType, str, object], "Trace"]

INTRODUCTION = "On Mon, Jan 5, 2026 at 10:00 AM Shop <shop@example.com> wrote:"


@dataclass(frozen=True)
class Mail:
    """A mail of the corpus: its text, and what of it is new."""

    name: str
    text: str
    new: str
    is_whole: bool


def read(path: Path) -> Mail:
    """A file of the corpus: what it is about, the body, and the new part unless that is all."""
    body, _, new = path.read_text("utf-8").partition("\n=== body\n")[2].partition("\n=== new")
    is_whole = new.startswith(" is all")
    new = new.removeprefix(" is all").strip("\n")
    return Mail(path.stem, plain_text(body) or "", new or body, is_whole)


MAILS = [read(path) for path in sorted((Path(__file__).parent / "data" / "mails").glob("*.txt"))]
TAILS = sorted(
    {mail.text.removeprefix(mail.new) for mail in MAILS if mail.text.startswith(mail.new)} - {""}
)
PATIENT = settings(deadline=None)  # another program may be in the way


@pytest.mark.parametrize("mail", MAILS, ids=lambda mail: mail.name)
def test_the_new_part_of_a_mail(mail: Mail) -> None:
    """Of each mail just what its writer wrote for it is left, and what is in doubt stays."""
    assert new_part(mail.text) == NewPart(mail.new, is_stripped=not mail.is_whole)
    assert not mail.is_whole or mail.text == mail.new
    assert new_part(mail.new) == NewPart(mail.new, is_stripped=False)


def test_the_corpus_is_wide() -> None:
    """Enough mails of each kind, so that no program and no language is forgotten by accident."""
    names = " ".join(mail.name for mail in MAILS)
    assert len(MAILS) >= 90
    assert sum(mail.is_whole for mail in MAILS) >= 25
    assert len(TAILS) >= 50
    for program in ("gmail", "outlook", "apple-mail", "iphone", "android", "yahoo", "thunderbird"):
        assert names.count(program) >= 2, program


# Words that belong to marks are among them; what only whole lines of them would mean is not.
WORDS = st.one_of(
    st.text(st.characters(categories=("L", "N")), min_size=1, max_size=12),
    st.text(string.ascii_letters + string.digits + ".,!?;()/'\"&-+*@", min_size=1, max_size=12),
    st.sampled_from(("On", "Am", "wrote", "From:", "Sent", "To:", "Date:", "message", "5", "2026")),
).filter(lambda word: word != "--" and word.strip("-*"))
PARAGRAPHS = st.lists(
    st.lists(WORDS, min_size=2, max_size=12).map(" ".join), min_size=1, max_size=6
).map("\n\n".join)


@PATIENT
@given(text=PARAGRAPHS, tail=st.sampled_from(TAILS), gap=st.sampled_from(("\n", "\n\n")))
def test_text_above_a_quote_is_never_lost(text: str, tail: str, gap: str) -> None:
    """Whatever is written above any of the corpus's quotes and signatures stays, word by word."""
    assert new_part(text + gap + tail.lstrip("\n")).text.startswith(text.strip())


@PATIENT
@given(above=PARAGRAPHS, below=PARAGRAPHS, mail=st.sampled_from(MAILS))
def test_text_around_quotes_is_never_lost(above: str, below: str, mail: Mail) -> None:
    """What is written above and below quotes that are marked as such stays, with all between."""
    quote = "\n".join(f"> {line}" for line in mail.text.split("\n"))
    text = f"{above}\n\n{INTRODUCTION}\n{quote}\n\n{below}\n\n{INTRODUCTION}\n{quote}"
    assert new_part(text).text == text.rpartition(INTRODUCTION)[0].rstrip()


@PATIENT
@given(PARAGRAPHS)
def test_text_without_marks_is_whole(text: str) -> None:
    """Where nothing looks like a quote or a signature, not even a blank is touched."""
    assert new_part(f"\n  {text}\n \n") == NewPart(f"\n  {text}\n \n", is_stripped=False)


PIECES = st.lists(
    st.one_of(
        st.text(max_size=8),
        st.sampled_from(
            (
                *(
                    "\n",
                    "\n\n",
                    "> ",
                    "\n> x\n",
                    "-- \n",
                    "\n-- \nAnna",
                    "<p>",
                    "</p>",
                    "<br>",
                    "<b>",
                ),
                *(
                    "<blockquote>",
                    "</blockquote>",
                    "<ul><li>",
                    "<td>",
                    "<style>",
                    "</style>",
                    "<a ",
                ),
                *('href="https://x">', "<pre>", "&lt;", "&#0;", "&nbsp;", "\0", "\r", "\ud800"),
                *(INTRODUCTION, "On 5/1/26 10:00, Shop wrote:\n", "Sent from my iPhone\n"),
                *("From: a\nSent: 10:00\nTo: b\nSubject: c\n", "-----Original Message-----\n"),
                *("---------- Forwarded message\n", "Reply above this line\n", "____________\n"),
            )
        ),
    ),
    max_size=20,
).map("".join)


@PATIENT
@given(PIECES)
@example("<p>")
@example("</blockquote><quote-end>")
def test_any_body_has_a_text_and_a_new_part(body: str) -> None:
    """No text is too odd: nothing is raised, and the new part is a piece that holds as it is."""
    text = plain_text(body)
    assert text is None or (text == text.strip() != "" and not set(text) & {"\0", "\r", "\ud800"})
    for whole in (body, text or ""):
        part = new_part(whole)
        assert part.text in whole
        assert part.is_stripped == (part.text != whole)
        assert new_part(part.text) == NewPart(part.text, is_stripped=False)


@PATIENT
@given(st.text(st.characters(exclude_characters="<&\r\0", exclude_categories=["Cs"])))
def test_plain_text_stays_as_it_is(body: str) -> None:
    """A body that is plain text is its own text, but for blanks around it."""
    assert plain_text(body) == (body.strip() or None)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (None, None),
        ("", None),
        ("<p>&nbsp;</p><img src='cid:1'>", None),
        ("a\r\nb\rc\0", "a\nb\nc"),
        ("a \ud800 b", "a \ufffd b"),
        ("Tom &amp; Jerry &copy=2 &#8364;5 &nosuch;", "Tom & Jerry &copy=2 €5 &nosuch;"),
        ("2 < 3, <anna@example.com>, a <b and c> d", "2 < 3, <anna@example.com>, a <b and c> d"),
        ("Hi,\n\nI said <b>no</b>.\n\nAnna", "Hi,\n\nI said no.\n\nAnna"),
        ("Hi<br>there<br><br>Anna", "Hi\nthere\n\nAnna"),
        ("<div>a</div><div><br></div><div>b</div>c", "a\n\nb\nc"),
        ("<p>a\n  b</p><p>c<p>d", "a b\n\nc\n\nd"),
        ("<h1>Title</h1>text<hr>more", "Title\n\ntext\n\nmore"),
        ("<ol><li>a<ul><li><p>b</p></ul><li>c</ol>d", "1. a\n- b\n2. c\n\nd"),
        ("<table><tr><td>a<td><b>b</b><tr><td>c</table>", "a b\nc"),
        ("<pre>a\n  b\n\nc</pre>d\ne", "a\n  b\n\nc\n\nd e"),
        ("<div style='white-space: pre-wrap'>a\n b</div>c\nd", "a\n b\nc d"),
        ("<style>p {}</style><script>a<b</script><title>t</title><p>x<!-- y -->z", "xz"),
        ("<p>see <a href='https://example.com'>here</a>", "see here"),
        ("<p>see <a href='https://example.com/a'><img src='x'></a>", "see https://example.com/a"),
        ("<p>see <a href='javascript:x'></a><a href='data:text/html,x'> </a>that", "see that"),
        ("<p>a<img alt='🙂' src='data:image/png;base64,AAAA'>b", "a🙂b"),
        ("![x](data:image/png;base64,iVBORw0KGgo=) ok", "![x]() ok"),
        ("a<blockquote>b<blockquote>c</blockquote></blockquote>d", "a\n\n> b\n>\n> > c\n\nd"),
        ("<blockquote><div>a<b>b</blockquote>c", "> ab\nc"),
        ("<blockquote style='border: none'>a</blockquote>", "a"),
        ("a<p>-- <br>Anna", "a\n\n-- \nAnna"),
        ("<p class=MsoNormal>a<p class=MsoNormal>b<p class=MsoNormal>&nbsp;<p>c", "a\nb\n\nc"),
        (
            "<p>x <anna@example.com> <https://example.com/?a=1>",
            "x <anna@example.com> <https://example.com/?a=1>",
        ),
    ],
)
def test_html_becomes_readable(body: str | None, text: str | None) -> None:
    """Paragraphs, items, cells, quotes and links are what a reader sees, and nothing else is."""
    assert plain_text(body) == text


MANY = 100_000


@pytest.mark.parametrize(
    "body",
    [
        "<div>" * MANY + "end",
        "<blockquote>" * MANY + "x" + "</blockquote>" * MANY + "<p>end",
        "<blockquote>x" * 5_000 + "<p>end",
        "<table><tr><td>" * MANY + "end",
        "<ul><li>" * MANY + "end",
        "<b>" * MANY + "</b>" * MANY + "<p>end",
        "<p " + " ".join(f"a{number}=b" for number in range(MANY)) + ">end",
        "<p>" + "<" * MANY + " end",
        "<p>" + "&#" * MANY + " end",
        "<p>" + "<a@" * MANY + " end",
        "<p>" + "<a" + " " * MANY + "x>end",
        "<p>" + "\0" * MANY + "end",
        "<p>" + "word " * (6 * 2**20) + "end",
        "<p><img src='data:image/png;base64," + "A" * (30 * 2**20) + "'>end",
        "data:image/png;base64," * MANY + " end",
    ],
    ids=lambda body: f"{body[:24]!r}, {len(body):,} long",
)
def test_no_page_is_too_much(body: str) -> None:
    """Depth, size and broken markup neither stop the reading nor hide what comes last."""
    text = plain_text(body)
    assert text is not None
    assert text.endswith("end")
    assert len(text) < 4 * len(body)


@pytest.mark.parametrize(
    "text",
    [
        " " * 2 * MANY + "\n>",
        "> \n" * MANY,
        ">" * MANY + "\nx",
        "On " * MANY + "\nwrote:",
        "On \n" * MANY,
        f"{INTRODUCTION}\n" * (MANY // 10),
        "From: a\n" * MANY,
        "From: a\nSent: 10:00\nTo: b\n" + "c@example.com;\n" * MANY,
        "-" * MANY + "\n" + "-\n" * MANY,
        "x\n" + "-- \n" * MANY,
        "x\n" + ("Sent from my iPhone\n" + "\n" * 99) * (MANY // 100),
        "(a@" * MANY + "\n" + ("[a@" * 99 + ":\n") * 99,
    ],
    ids=lambda text: f"{text[:24]!r}, {len(text):,} long",
)
def test_no_text_is_too_much(text: str) -> None:
    """Whatever repeats marks without end is still read, and cut only at its ends."""
    assert new_part(text).text in text


def steps(work: Callable[[], object]) -> int:
    """How many lines of Python some work takes."""
    taken = 0

    def count(_frame: FrameType, event: str, _argument: object) -> Trace:
        nonlocal taken
        taken += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        work()
    finally:
        sys.settrace(before)
    return taken


@pytest.mark.parametrize(
    "piece",
    [
        "> a\n",
        "\n",
        "-- \n",
        "a:\n",
        f"{INTRODUCTION}\n\n> a\n",
        "Sent from my iPhone\n\n\n",
        "From: a\nSent: 10:00\n",
        "____________\n\n",
        "<p>a<blockquote>b",
        "</blockquote><li>a",
    ],
)
def test_twice_the_text_takes_twice_the_steps(piece: str) -> None:
    """The work grows with the text and not with its square."""
    once, twice = (
        steps(lambda size=size: new_part(plain_text(f"a<br>{piece * size}") or ""))  # type: ignore[misc]
        + steps(lambda size=size: new_part(piece * size))  # type: ignore[misc]
        for size in (500, 1000)
    )
    assert twice < 2.1 * once + 500
