"""Who answered whom, and after how long; nothing where the beginning is not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from said import AGENTS, conversation, letter
from support import Record, catalog_of, instant
from then import NOW, run

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Sequence

CATALOG = catalog_of("replies")
TIMES = ("position", "previous_inbound_at", "response_seconds", "is_first_response")
DAY = datetime.fromisoformat("2026-02-20T08:00:00+00:00")
THREAD = "fa8c387539"
SIZES: dict[str, Any] = {
    "conversations": 1,
    "messages": 1,
    "members": 1,
    "campaigns": 1,
    "lists": 1,
    "reamaze_conversations": 1,
}


@dataclass(frozen=True)
class Line:
    """A message: so many minutes after the one before it, by whom, seen by whom."""

    minutes: int
    role: str
    visibility: int = 0

    @property
    def user(self) -> Record:
        """The author."""
        flag = {"customer": False, "staff": True, "nobody": None}[self.role]
        return {"name": self.role, "email": f"{self.role}@x.example", "staff?": flag}

    @property
    def direction(self) -> str | None:
        """Which way it went."""
        if self.role == "customer":
            return "inbound"
        return "internal" if self.visibility else {"staff": "outbound"}.get(self.role)


def timed(lines: Sequence[tuple[datetime, Line]]) -> list[list[Any]]:
    """What the columns of a whole conversation should be, worked out line by line from all."""
    messages = [(at, line) for at, line in lines if line.visibility != 1]
    found = []
    for index, (at, line) in enumerate(messages):
        before = messages[:index]
        inbound = [each for each, one in before if one.direction == "inbound"]
        outbound = [each for each, one in before if one.direction == "outbound"]
        answers = (
            line.direction == "outbound"
            and bool(inbound)
            and not any(each > inbound[-1] for each in outbound)
        )
        earlier = any(outbound and inbound[0] < each for each in outbound) if inbound else False
        seconds = (at - inbound[-1]).total_seconds() if answers else None
        last = inbound[-1] if inbound else None
        found.append([index + 1, last, seconds, answers and not earlier])
    return found


def told(rows: Sequence[Record]) -> list[list[Any]]:
    """The same columns of records."""
    return [
        [instant(row[name]) if name == TIMES[1] and row[name] else row[name] for name in TIMES]
        for row in rows
    ]


def of(rows: Sequence[Record], thread: str) -> list[Record]:
    """The rows of a conversation in their order."""
    own = [row for row in rows if row["conversation_id"] == thread]
    return sorted(own, key=lambda row: str(row["sent_at"]))


def moments(lines: Sequence[Line], start: datetime = DAY) -> list[tuple[datetime, Line]]:
    """The lines with their times; the first is that of the conversation."""
    found = []
    for line in lines:
        found.append((start, line))
        start += timedelta(minutes=line.minutes)
    return found


def letters(slug: str, lines: Sequence[tuple[datetime, Line]], begun: datetime) -> list[Any]:
    """The lines as messages to insert."""
    return [
        letter(
            slug,
            round((at - begun).total_seconds()),
            at.isoformat(timespec="milliseconds"),
            begun.isoformat(timespec="milliseconds"),
            line.user,
            visibility=line.visibility,
        )
        for at, line in lines
    ]


LINES = st.lists(
    st.builds(
        Line,
        st.integers(1, 2000),
        st.sampled_from(["customer", "customer", "staff", "staff", "nobody"]),
        st.sampled_from([0, 0, 0, 1, 2]),
    ),
    min_size=1,
    max_size=9,
)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(threads=st.lists(LINES, min_size=1, max_size=5), part=st.floats(0, 1))
def test_timing_is_that_of_the_whole_thread_or_none(threads: list[list[Line]], part: float) -> None:
    """A first run times whole threads; a later one repeats that or leaves it open, never wrong."""
    whole = {f"lamp-{number}": moments(lines) for number, lines in enumerate(threads)}
    every = sorted(at for lines in whole.values() for at, _ in lines)
    cut = every[int(part * (len(every) - 1))]
    with Sandbox(now=NOW, **SIZES) as sandbox:
        for slug in whole:
            sandbox.mutate(conversation(slug, DAY.isoformat(timespec="milliseconds")))
        for slug, lines in whole.items():
            sandbox.mutate(*letters(slug, [each for each in lines if each[0] <= cut], DAY))
        first = run(sandbox, None, CATALOG, lookback_minutes=0)
        for slug, lines in whole.items():
            if late := [each for each in lines if each[0] > cut]:
                sandbox.mutate(*letters(slug, late, DAY))
        # The sandbox's own rows are newer than these, so the bookmark is set back to the cut.
        state = _set_back(first.state, cut)
        second = run(sandbox, state, CATALOG, lookback_minutes=0)
        fresh = run(sandbox, None, CATALOG)
    for slug, lines in whole.items():
        known = [each for each in lines if each[0] <= cut]
        assert told(of(first.records["replies"], slug)) == timed(known)
        expected = timed(lines)
        rows = of(fresh.records["replies"], slug)
        assert told(rows) == expected
        right = dict(zip((row["reply_id"] for row in rows), expected, strict=True))
        for row in of(second.records["replies"], slug):
            assert told([row])[0] in ([None] * 4, right[row["reply_id"]])
        late_ids = {row["reply_id"] for row in rows if instant(row["sent_at"]) > cut}
        assert late_ids <= {row["reply_id"] for row in second.records["replies"]}


def _set_back(state: dict[str, Any], cut: datetime) -> dict[str, Any]:
    """The state with which a run goes on from a moment."""
    moment = f"{cut.astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    for partition in state["bookmarks"]["replies"]["partitions"]:
        for feed in partition["feeds"].values():
            if "replication_key_value" in feed:
                feed["replication_key_value"] = moment
    return state


def test_mailchimp_threads_are_timed_where_all_was_read() -> None:
    """A first run times all messages; a later one those of threads it holds whole, else none."""
    message = {"op": "new_message", "source": "mailchimp", "key": THREAD}
    answer = {"from_email": AGENTS}
    with Sandbox(now=NOW, **SIZES) as sandbox:
        first = run(sandbox, None, CATALOG)
        rows = of(first.records["replies"], THREAD)
        assert [row["position"] for row in rows] == list(range(1, 13))
        firsts = [row["author_role"] for row in rows if row["is_first_response"]]
        assert firsts == ["staff"]
        late = {"when": "2026-03-01T11:00:00+00:00", "row": answer}
        sandbox.mutate(
            {**message, **late},
            {"op": "new_conversation", "source": "mailchimp", "key": "a" * 10,
             "when": "2026-03-01T10:00:00+00:00"},
            {**message, **late, "key": "a" * 10},
        )  # fmt: skip
        second = run(sandbox, first.state, CATALOG)
    assert told(of(second.records["replies"], THREAD)) == [[None] * 4]
    new = of(second.records["replies"], "a" * 10)
    assert [row["position"] for row in new] == [1, 2]
    assert [row["response_seconds"] for row in new] == [None, 3600.0]
    assert [row["is_first_response"] for row in new] == [False, True]


def test_a_start_date_within_a_thread_leaves_it_untimed() -> None:
    """Who reads from a date on is not told that the first message after it was the first."""
    lines = moments([Line(60, "customer"), Line(60, "staff"), Line(60, "customer")])
    with Sandbox(now=NOW, **SIZES) as sandbox:
        sandbox.mutate(conversation("lamp", DAY.isoformat()), *letters("lamp", lines, DAY))
        start = (DAY + timedelta(minutes=30)).isoformat()
        rows = of(run(sandbox, None, CATALOG, start_date=start).records["replies"], "lamp")
    assert told(rows) == [[None] * 4] * 2


def test_a_list_without_first_messages_leaves_threads_untimed() -> None:
    """Where the brand-wide list hides initial messages, what follows them is not the first."""
    lines = moments([Line(60, "customer"), Line(60, "staff")])
    with Sandbox(now=NOW, **SIZES) as sandbox:
        sandbox.mutate(conversation("lamp", DAY.isoformat()), *letters("lamp", lines, DAY))
        sandbox.control(initial_messages="brand_hides")
        found = run(sandbox, None, CATALOG, reamaze_messages_from="brand")
        rows = of(found.records["replies"], "lamp")
        assert told(rows) == [[None] * 4]
        rows = of(run(sandbox, None, CATALOG).records["replies"], "lamp")
        assert told(rows) == timed(lines)


def test_threads_read_one_by_one_are_timed_in_later_runs_too() -> None:
    """Where Re:amaze's messages are read by threads, each is read from its beginning."""
    lines = moments([Line(60, "customer"), Line(60, "staff"), Line(60, "customer")])
    late = (instant("2026-03-01T11:59:00+00:00"), Line(0, "staff"))
    by_threads: dict[str, Any] = {"reamaze_messages_from": "conversations", "lookback_minutes": 0}
    with Sandbox(now=NOW, **SIZES) as sandbox:
        sandbox.mutate(conversation("lamp", DAY.isoformat()), *letters("lamp", lines, DAY))
        first = run(sandbox, None, CATALOG, **by_threads)
        change = {"op": "update", "collection": "reamaze.conversations", "key": "lamp"}
        sandbox.mutate(
            *letters("lamp", [late], DAY), {**change, "row": {"updated_at": late[0].isoformat()}}
        )
        second = run(sandbox, first.state, CATALOG, **by_threads)
    assert told(of(first.records["replies"], "lamp")) == timed(lines)
    assert told(of(second.records["replies"], "lamp")) == timed([*lines, late])[-1:]
