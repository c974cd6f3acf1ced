"""A history: an account that changes between syncs and while it is read, and what must be told."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from clock import ScriptedClock, tap_with
from hypothesis import strategies as st
from support import Messages, Record, catalog_of, instant, sync
from worlds import MAILCHIMP_PAGE, NOW, REAMAZE_PAGE, SMALL, Ident, Mutation, Topic, World, at

from tap_replies.paging import OffsetPaging
from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE = 60
LOOKBACK = 60 * MINUTE
STALL = 0.015
"""Seconds: enough for other requests to be answered first."""


@dataclass(frozen=True)
class Change:
    """Something that happens to some rows, counted from the newest, some time about a run."""

    removes: bool
    kind: int
    which: int
    when: int
    rows: int = 1


@dataclass(frozen=True)
class During:
    """What happens while a run reads: at the n-th request of a path.

    With `late` an earlier request stalls, so that its answer is as of after the change, and that
    of a request between the two as of before.
    """

    path: int
    nth: int
    late: int
    change: Change


@dataclass(frozen=True)
class Fault:
    """What goes wrong while a run reads."""

    kind: str
    path: int
    nth: int
    delta: int


@dataclass(frozen=True)
class Step:
    """One run, what happened before it, and what happens meanwhile."""

    minutes: int
    before: list[Change]
    during: list[During]
    faults: list[Fault]


@dataclass(frozen=True)
class History:
    """What the API is like, and the runs one after another."""

    switches: dict[str, str]
    connections: int
    steps: list[Step]


_ROWS = st.sampled_from([1, 1, 2, 20])
_WHICH = st.integers(0, 25) | st.integers(0, 6)
_CHANGES = st.builds(Change, st.booleans(), st.integers(0, 5), _WHICH, st.integers(0, 4), _ROWS)
_DURING = st.builds(
    During,
    st.integers(0, 5),
    st.sampled_from([2, 2, 3, 3, 4, 5, 7, 8]),
    st.sampled_from([0, 0, 1, 2, 2]),
    _CHANGES,
)
_FAULTS = st.builds(
    Fault,
    st.sampled_from(["status", "truncated_json", "duplicate_rows", "total", "stall"]),
    st.integers(0, 5),
    st.integers(0, 6),
    st.sampled_from([1, -1, 4, -6, 13, -40]),
)
_STEPS = st.builds(
    Step,
    st.sampled_from([2, 30, 59, 61, 600, 20_000]),
    st.lists(_CHANGES, max_size=4),
    st.lists(_DURING, max_size=4),
    st.lists(_FAULTS, max_size=3),
)
HISTORIES = st.builds(
    History,
    st.fixed_dictionaries(
        {
            "mailchimp_order": st.sampled_from(["newest", "oldest", "last_message"]),
            "reamaze_order": st.sampled_from(["newest", "oldest"]),
            "initial_messages": st.sampled_from(["listed", "brand_hides", "count_hides"]),
        }
    ),
    st.sampled_from([1, 4]),
    st.lists(_STEPS, min_size=1, max_size=3),
)


@dataclass
class Teller:
    """Runs the tap over a history and holds what it told against what there was."""

    world: World
    config: dict[str, Any]
    clock: ScriptedClock = field(default_factory=lambda: ScriptedClock(NOW))
    state: dict[str, Any] | None = None
    told: dict[Ident, Record] = field(default_factory=dict)
    """All records so far, by their keys, as a database holds them."""

    seen: dict[Ident, Record] = field(default_factory=dict)
    """The same by what they have in common with the sandbox's rows."""

    stale: set[Ident] = field(default_factory=set)

    @property
    def topic(self) -> Topic:
        """The stream under test."""
        return self.world.topic

    def read(self, state: dict[str, Any] | None) -> Messages:
        """One run of the tap at the clock's moment."""
        catalog = catalog_of(self.topic.stream)
        tap_class = tap_with(self.clock)
        return sync(self.config, catalog=catalog, state=state, tap_class=tap_class)

    def step(self, step: Step) -> None:
        """What happens before a run, the run, and whether it told what it had to tell."""
        self.clock.advance(step.minutes * MINUTE)
        used: set[Ident] = set()
        for change in step.before:
            for mutation in self._planned(change, self._before(change), used, set()):
                self.world.sandbox.mutate(mutation)
        faults = list(self._faults(step))
        loose: set[Ident] = set()
        stale = set(self.stale)
        for each in step.during:
            moment = self.clock.time() + (0, 1, 40, 61, -30)[each.change.when]
            planned = self._planned(each.change, moment, used, loose)
            faults.append(self._fault(each.path, each.nth, kind="mutate", mutations=planned))
            if each.late and each.nth > each.late:
                nth = each.nth - each.late
                faults.append(self._fault(each.path, nth, kind="stall", seconds=STALL))
        self.stale |= stale  # there may be no such request, and then no such change
        self.world.sandbox.control(faults=faults)
        self._told(self.read(self.state), loose, is_calm=not step.during and not step.faults)
        self.world.sandbox.control(faults=[])

    def end(self) -> None:
        """A last quiet run makes the sum of all runs what a first run would tell now."""
        self.clock.advance(3 * LOOKBACK)
        self._told(self.read(self.state), set(), is_calm=True)
        key_of = self._key
        first = {key_of(row): row for row in self.read(None).records[self.topic.stream]}
        told = {
            key: record
            for key, record in self.told.items()
            if key in first and self.topic.ident(record) not in self.stale
        }
        assert told == {key: first[key] for key in told}
        assert {self.topic.ident(row) for row in first.values()} == set(self.world.held())
        assert set(first) <= set(self.told)
        if not self.topic.is_full:
            for _ in range(self.topic.settles):
                self.clock.advance(MINUTE)
                again = self.read(self.state)
                self.state = again.state
            assert again.records[self.topic.stream] == []

    def _before(self, change: Change) -> float:
        """Shortly before the run, at its very moment, or late but within the lookback."""
        now = self.clock.time()
        if self.world.bookmark is None:
            return now - change.when
        bookmark = instant(self.world.bookmark).timestamp()
        late = (now, now - 1, bookmark, bookmark - 1 - LOOKBACK // 2, bookmark - LOOKBACK + 1)
        return min(now, late[change.when])

    def _planned(
        self,
        change: Change,
        when: float,
        used: set[Ident],
        loose: set[Ident],
    ) -> list[Mutation]:
        """The change in the sandbox's words; no row changes twice within a step."""
        kinds = self.topic.changes
        make = self.topic.removal if change.removes else kinds[change.kind % len(kinds)]
        mutations: list[Mutation] = []
        rows = min(2, change.rows) if change.removes else change.rows
        for which in range(change.which, change.which + rows):
            plan = make(self.world, which, float(int(when)))
            if plan is not None and plan.subject not in used:
                used.add(plan.subject)
                self.stale -= plan.touched
                self.stale |= plan.stale
                loose |= plan.touched
                mutations += plan.mutations
        return mutations

    def _faults(self, step: Step) -> Iterator[dict[str, Any]]:
        for each in step.faults:
            fault = self._fault(each.path, each.nth, kind=each.kind, delta=each.delta)
            if each.kind == "status":
                fault["status"] = (500, 503, 429)[each.delta % 3]
            if each.kind == "stall":
                fault["seconds"] = STALL
            if each.nth == 0 and each.kind in {"total", "duplicate_rows"}:
                del fault["at"]
            yield fault

    def _fault(self, path: int, nth: int, **facts: Any) -> dict[str, Any]:  # noqa: ANN401
        globs = self.topic.paths
        return {"path": globs[path % len(globs)], "at": max(1, nth), **facts}

    def _key(self, record: Record) -> Ident:
        return tuple(record[name] for name in self._keys)

    def _told(self, run: Messages, loose: set[Ident], *, is_calm: bool) -> None:
        assert run.failures == []
        stream = self.topic.stream
        self._keys = run.schemas[0]["key_properties"]
        records = run.records[stream]
        texts = [str(sorted(record.items(), key=str)) for record in records]
        assert len(texts) == len(set(texts)), "a record came twice in one run"
        for record in records:
            self.told[self._key(record)] = record
            self.seen[self.topic.ident(record)] = record
        held = self.world.held()
        assert not {ident for ident in held if ident not in self.seen} - loose, "rows were lost"
        for ident, row in held.items():
            if ident not in loose and ident not in self.stale:
                assert self.topic.version(self.seen[ident]) == self.topic.version_of(row)
        if is_calm:
            assert not [line for line in run.log if "MISSING" in line]
        self._move(run)

    def _move(self, run: Messages) -> None:
        """Bookmarks only go on, and never beyond the moment in which the run began."""
        self.state = run.state or self.state
        for state in run.states:
            found = Messages(states=[state]).bookmark(self.topic.stream)
            if found is None:
                continue
            assert (self.world.bookmark or "") <= found
            assert instant(found).timestamp() <= self.clock.time()
            self.world.bookmark = found


def tell(topic: Topic, history: History) -> None:
    """Live through a history, and hold each run against what there was."""
    with ExitStack() as stack:
        paging = OffsetPaging(MAILCHIMP_PAGE, "total_items")
        stack.enter_context(patch("tap_replies.sources.mailchimp.client.PAGING", paging))
        stack.enter_context(patch("tap_replies.sandbox.reamaze.answers.PAGE_SIZE", REAMAZE_PAGE))
        options: dict[str, Any] = {**SMALL, **topic.sizes, **history.switches}
        sandbox = stack.enter_context(Sandbox(now=at(NOW), **options))
        config = {**sandbox.config(), **topic.settings, "max_connections": history.connections}
        teller = Teller(World(sandbox, topic), config)
        for step in history.steps:
            teller.step(step)
        teller.end()
