"""Pages come whole and in order, as many at once as is allowed and never more."""

from __future__ import annotations

import gc
import threading
import weakref
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock, tap_with
from support import TRUTH_COLUMNS, asked, catalog_of, emitted, held, sync

from tap_replies.fan_out import fan_out
from tap_replies.limits import Limiter
from tap_replies.paging import Collection, Page
from tap_replies.sandbox import Sandbox
from tap_replies.source import Request
from tap_replies.sources.mailchimp.client import PAGING
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tap_replies.fetch import Fetcher
    from tap_replies.walk import Walk

LISTED, NUMBERED = "mailchimp_conversations", "reamaze_conversations"
OPT_OUTS = "mailchimp_unsubscribes"
NEVER = threading.Event()


@pytest.mark.parametrize("most", [1, 8, 10])
def test_as_many_at_once_as_allowed(pages: Sandbox, most: int) -> None:
    """`max_connections` requests are in flight where there is that much to ask, and never more."""
    pages.control(latency_ms=20)
    run = sync({**pages.config(), "max_connections": most}, catalog=catalog_of(OPT_OUTS))
    assert run.failures == []
    assert emitted(run.records[OPT_OUTS], OPT_OUTS) == held(pages, OPT_OUTS)
    assert pages.stats()["most_in_flight"] == most


def test_ten_connections_are_never_one_too_many(pages: Sandbox) -> None:
    """Mailchimp, which refuses the eleventh request at once, refuses none, whatever is read."""
    pages.control(latency_ms=20)
    everything = catalog_of("accounts", *TRUTH_COLUMNS, "replies")
    run = sync({**pages.config(), "max_connections": 10}, catalog=everything)
    assert run.failures == []
    assert pages.stats()["statuses"].keys() == {"200"}
    mailchimp = pages.world.mailchimp[0].name
    assert pages.stats()["most_in_flight_by_account"][mailchimp] == 10


def test_a_fan_out_asks_for_each_parent_once() -> None:
    """200 campaigns that people left take 202 requests, eight at a time, beside automations."""
    with Sandbox(campaigns=1, lists=1, unsubscribes=1, latency_ms=20) as sandbox:
        for number in range(199):
            report = {"id": f"{number:010}", "type": "regular", "parent_campaign_id": ""}
            sandbox.mutate(
                {"op": "insert", "collection": "mailchimp.reports", "row": report},
                {"op": "new_unsubscribe", "source": "mailchimp", "key": report["id"]},
            )
        run = sync(sandbox.config(), catalog=catalog_of(OPT_OUTS))
        assert emitted(run.records[OPT_OUTS], OPT_OUTS) == held(sandbox, OPT_OUTS)
        automated = 4
        assert sandbox.stats()["endpoints"] == {
            "/3.0": 1,
            # Whether an audience moved tells whether parts of series must be looked at.
            "/3.0/lists": 1,
            "/3.0/reports": 1,
            "/3.0/reports/{id}/unsubscribed": 200 + automated,
            # No list of reports holds the e-mails of automations.
            "/3.0/automations": 1,
            "/3.0/automations/{id}/emails": 2,
        }
        assert sandbox.stats()["most_in_flight"] == 8


@pytest.mark.parametrize(
    ("rows", "pages"),
    [(0, 1), (1, 1), (999, 1), (1000, 2), (1001, 2), (1998, 2), (1999, 3), (2500, 3)],
)
def test_pages_by_offset(rows: int, pages: int) -> None:
    """Lists of any length come whole; the row on a border shows in both pages and comes once."""
    with Sandbox(conversations=rows, messages=1) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of(LISTED))
        assert run.failures == []
        assert emitted(run.records[LISTED], LISTED) == held(sandbox, LISTED)
        assert len(asked(sandbox, "/3.0/conversations")) == pages


@pytest.mark.parametrize(
    ("rows", "pages"), [(0, 1), (1, 1), (29, 1), (30, 2), (31, 2), (60, 3), (61, 3)]
)
def test_pages_by_number(rows: int, pages: int) -> None:
    """Numbered pages are read until one is short, whatever the number of pages is said to be."""
    with Sandbox(reamaze_conversations=rows, reamaze_messages=1) as sandbox:
        run = sync(sandbox.config(), catalog=catalog_of(NUMBERED))
        assert run.failures == []
        assert emitted(run.records[NUMBERED], NUMBERED) == held(sandbox, NUMBERED)
        numbers = [query.get("page") for query in asked(sandbox, "/api/v1/conversations")]
        numbers.remove(None)  # the look-up of the account, beside the first page
        assert numbers[0] == "1"
        # Those after the first are under way side by side.
        assert sorted(numbers, key=str) == [str(number + 1) for number in range(pages)]


@pytest.fixture(scope="module")
def long_lists() -> Iterator[Sandbox]:
    """A sandbox whose lists have several pages."""
    with Sandbox(
        conversations=2500, messages=1, reamaze_conversations=100, campaigns=60
    ) as sandbox:
        yield sandbox


@pytest.fixture
def pages(long_lists: Sandbox) -> Sandbox:
    """The same, before anything goes wrong."""
    long_lists.reset()
    long_lists.control(total_delta=0, max_connections=10, latency_ms=0)
    return long_lists


@pytest.mark.parametrize("delta", [-10_000, -1500, -1, 1, 1500, 10_000])
@pytest.mark.parametrize("stream", [LISTED, NUMBERED])
def test_totals_that_lie(pages: Sandbox, stream: str, delta: int) -> None:
    """All rows come once, however far the total is from the truth."""
    if stream == NUMBERED:
        delta //= 50  # of each page that is promised, one is asked for
    pages.control(total_delta=delta)
    run = sync(pages.config(), catalog=catalog_of(stream))
    assert run.failures == []
    assert emitted(run.records[stream], stream) == held(pages, stream)
    missing = [line for line in run.log if "MISSING" in line]
    assert bool(missing) == (delta > 0)


@pytest.mark.parametrize("stream", [LISTED, NUMBERED])
def test_pages_come_in_order(pages: Sandbox, stream: str) -> None:
    """Rows come in the order of the list, although a later page may be answered first."""
    second = {"offset": "999"} if stream == LISTED else {"page": "2"}
    pages.control(faults=[{"kind": "stall", "seconds": 0.3, "path": "*", "query": second}])
    run = sync(pages.config(), catalog=catalog_of(stream))
    key = "id" if stream == LISTED else "slug"
    made = [each[0] for each in held(pages, stream)]
    assert [record[key] for record in run.records[stream]] == made[::-1]


def _fetcher(sandbox: Sandbox, **settings: Any) -> Fetcher:  # noqa: ANN401
    tap = TapReplies(config={**sandbox.config(), **settings})
    connection, *_ = tap.run.connections()
    return connection.fetcher


@pytest.mark.parametrize("most", [1, 3, 8])
def test_answers_are_not_hoarded(pages: Sandbox, most: int) -> None:
    """No more than twice `max_connections` pages are held, however slowly they are taken."""
    fetcher = _fetcher(pages, max_connections=most)
    wanted = 0

    def requests() -> Iterator[Request]:
        nonlocal wanted
        for number in range(60):
            wanted += 1
            yield Request("/ping", {"offset": number})

    taken: list[Any] = []
    for request, _ in fetcher.ahead(requests()):
        taken.append(request.params["offset"])
        # A reading within the reading, as that of a thread within the list of threads.
        inner = fetcher.ahead(Request("/ping") for _ in range(3))
        assert len(list(inner)) == 3
        assert wanted - len(taken) < 2 * most + 1
    assert sorted(taken) == list(range(60))
    fetcher.close()


def test_a_reading_that_is_left_frees_its_place(pages: Sandbox) -> None:
    """Who stops in the middle does not keep others from asking ahead."""
    fetcher = _fetcher(pages, max_connections=2)
    for _ in range(5):
        for _ in fetcher.ahead(Request("/ping") for _ in range(40)):
            break
    wanted = 0

    def requests() -> Iterator[Request]:
        nonlocal wanted
        for _ in range(9):
            wanted += 1
            yield Request("/ping")

    next(iter(ahead := fetcher.ahead(requests())))
    assert wanted == 4
    assert len(list(ahead)) == 8
    fetcher.close()


def test_a_list_that_was_read_is_forgotten_at_once(sandbox: Sandbox) -> None:
    """What was read of a thread goes with it, and does not wait to be swept up."""
    fetcher = _fetcher(sandbox)
    begun: list[weakref.ref[Walk]] = []
    most = 0

    def of(slug: str) -> Collection:
        path = f"/conversations/{slug}/messages"
        return Collection(Request(path), "conversation_messages", PAGING, itemgetter("id"))

    def read(walk: Walk, _: str) -> Iterator[Page]:
        begun.append(weakref.ref(walk))
        yield from walk

    threads = [str(thread) for (thread,) in held(sandbox, LISTED)]
    gc.disable()
    try:
        for _, page in fan_out(fetcher, threads, of, read):
            assert page.rows
            most = max(most, sum(each() is not None for each in begun))
    finally:
        gc.enable()
        fetcher.close()
    assert len(begun) == len(threads) > 30
    # Those under way, and those that ended since the last were looked at.
    assert most <= 2 * (fetcher.max_connections + 1)
    assert not any(each() for each in begun)


def test_requests_are_spaced(sandbox: Sandbox) -> None:
    """`max_requests_per_minute` spreads the requests evenly."""
    clock = ScriptedClock(sandbox.world.now + 600)
    config = {**sandbox.config(), "max_connections": 1, "max_requests_per_minute": 20}
    catalog = catalog_of("mailchimp_campaigns", "mailchimp_lists")
    run = sync(config, catalog=catalog, tap_class=tap_with(clock))
    assert run.failures == []
    assert sandbox.stats()["total"] == 3
    assert clock.waits == pytest.approx([3.05, 3.05])


def test_fewer_at_once_after_a_refusal() -> None:
    """A refusal halves what may be in flight; as many good answers as that let it grow by one."""
    limiter = Limiter(8, None, ScriptedClock(0), learns_quota=False)

    def answers(count: int, *, good: bool = True) -> int:
        for _ in range(count):
            limiter.leave(limiter.enter(NEVER).started, good=good)
        return limiter.allowed

    allowed = [answers(20)]
    for _ in range(5):
        limiter.refused(0, None)
        allowed.append(limiter.allowed)
    assert allowed == [8, 4, 2, 1, 1, 1]
    assert [answers(1), answers(2), answers(2), answers(1, good=False)] == [2, 3, 3, 3]
    assert [answers(2), answers(1), answers(100)] == [3, 4, 8]


def test_a_limit_that_others_share(pages: Sandbox) -> None:
    """Where others use up the vendor's connections, the tap asks less at once and gets it all."""
    pages.control(max_connections=3, latency_ms=5)
    run = sync(
        pages.config(),
        catalog=catalog_of("mailchimp_list_unsubscribes", OPT_OUTS),
        tap_class=tap_with(ScriptedClock(pages.world.now + 600)),
    )
    assert run.failures == []
    assert pages.stats()["statuses"]["429"] > 0
    for stream in ("mailchimp_list_unsubscribes", OPT_OUTS):
        assert emitted(run.records[stream], stream) == held(pages, stream)
