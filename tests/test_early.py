"""What is wanted soon is asked for before its turn, once, and nothing is lost by that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from live import Running
from support import catalog_of, emitted, held, late, sync, visits

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from pathlib import Path

LEFT, SAID = "mailchimp_list_unsubscribes", "mailchimp_conversation_messages"
MEMBERS = "/3.0/lists/*/members"


def tell(sandbox: Sandbox, told: object) -> None:
    """Have all audiences tell some number of people who left."""
    lists = sync(sandbox.config(), catalog=catalog_of("mailchimp_lists")).records["mailchimp_lists"]
    for row in lists:
        change = {"op": "update", "collection": "mailchimp.lists", "key": row["id"]}
        sandbox.mutate({**change, "row": {"stats": {"unsubscribe_count": told}}})
    sandbox.reset_stats()


def test_pages_are_asked_before_the_first_has_told_their_number(tmp_path: Path) -> None:
    """What an audience tells of those who left is enough to ask for all pages at once."""
    with Sandbox(lists=1, members=5000) as sandbox:
        sandbox.control(faults=[late(MEMBERS)])
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(LEFT)) as running:
            running.until(lambda _: len(visits(sandbox, "/members")) == 6)
            assert visits(sandbox, "/members")[0] is None
            assert running.rest() == 0
        assert emitted(running.found.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) == 6


@pytest.mark.parametrize("told", [0, 1, 2999, 30_000, 10**30, -1, "many", None, {"all": 1}])
def test_what_an_audience_tells_may_be_wrong(told: object) -> None:
    """Too many pages or too few asked for at first: all rows come, and few requests are wasted."""
    with Sandbox(lists=1, members=3500) as sandbox:
        tell(sandbox, told)
        run = sync(sandbox.config(), catalog=catalog_of(LEFT))
        assert run.failures == []
        assert emitted(run.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) <= 4 + 16


@pytest.mark.parametrize("connections", [1, 2, 8])
def test_pages_that_are_not_wanted_after_all_are_not_tried_again(connections: int) -> None:
    """A page beyond the end of a list, which fails, does not keep its connection busy."""
    with Sandbox(lists=2, members=8) as sandbox:
        tell(sandbox, 5000)
        beyond = [{"offset": str(place * 999)} for place in range(1, 7)]
        fault = {"kind": "status", "status": 500, "path": MEMBERS}
        sandbox.control(faults=[{**fault, "query": query} for query in beyond])
        run = sync(sandbox.config() | {"max_connections": connections}, catalog=catalog_of(LEFT))
        assert run.failures == []
        assert emitted(run.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) <= 2 * 6 + 2


@pytest.mark.parametrize("is_told", [True, False])
def test_the_next_list_is_asked_for_while_one_ends(tmp_path: Path, is_told: bool) -> None:  # noqa: FBT001
    """Once all pages of a list are asked for, those of the next follow, not only its first."""
    with Sandbox(lists=2, members=3500) as sandbox:
        if not is_told:
            tell(sandbox, None)
        # The first pages of both come first where it is not told how many there are.
        sandbox.control(faults=[late(MEMBERS, at=4 if is_told else 5)])
        with Running(tmp_path, sandbox.config(), catalog=catalog_of(LEFT)) as running:
            running.until(lambda _: visits(sandbox, "/members").count(200) == 7)
            assert visits(sandbox, "/members").count(None) == 1
            assert running.rest() == 0
        assert emitted(running.found.records[LEFT], LEFT) == held(sandbox, LEFT)
        assert len(visits(sandbox, "/members")) == 8


@pytest.mark.parametrize(
    ("status", "seconds"), [(403, 0), (403, 0.3), (404, 0), (404, 0.3), (410, 0), (400, 0)]
)
def test_a_list_of_parents_that_breaks_off_is_no_fault_of_a_parent(
    status: int, seconds: float
) -> None:
    """What is listed is read; that the list broke off is told, and the bookmark stays."""
    with Sandbox(conversations=1500, messages=1) as sandbox:
        broken = {"kind": "status", "status": status, "path": "/3.0/conversations", "at": 2}
        waits = {"kind": "stall", "seconds": seconds, "path": "/3.0/conversations", "at": 2}
        sandbox.control(faults=[broken, waits])
        run = sync(sandbox.config(), catalog=catalog_of(SAID))
        assert len(run.records[SAID]) >= 1000
        (summary,) = [line for line in run.log if f"{SAID}, account" in line and "emitted" in line]
        assert "skipped" not in summary
        told = [*run.failures, *(line for line in run.log if f"{SAID}: skipped" in line)]
        assert len(told) == 1
        assert run.bookmark(SAID) is None
        sandbox.control(faults=[])
        second = sync(sandbox.config(), state=run.state, catalog=catalog_of(SAID))
        assert emitted(second.records[SAID], SAID) == held(sandbox, SAID)
