"""Mailchimp's past threads: all of them, only what changed, and nobody else's messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from support import Messages, asked, catalog_of, emitted, held, messages_in, run_cli, sync

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

THREADS, MESSAGES = "mailchimp_conversations", "mailchimp_conversation_messages"
THREAD = "/3.0/conversations/{id}/messages"
EXAMPLE = "fa8c387539"


@pytest.fixture
def shop() -> Iterator[Sandbox]:
    """An account whose present is known, to change."""
    with Sandbox(now="2026-03-01T12:00:00Z", conversations=20) as sandbox:
        yield sandbox


def read(sandbox: Sandbox, state: dict[str, Any] | None = None, **settings: Any) -> Messages:  # noqa: ANN401
    """The threads and their messages, with the requests counted anew."""
    sandbox.reset_stats()
    catalog = catalog_of(THREADS, MESSAGES)
    return sync({**sandbox.config(), **settings}, catalog=catalog, state=state)


def test_only_threads_with_something_new_are_opened(shop: Sandbox) -> None:
    """A second run opens the threads whose newest message is not before the bookmark."""
    first = read(shop)
    assert shop.stats()["endpoints"][THREAD] == 20
    other = next(key[0] for key in held(shop, THREADS) if key[0] != EXAMPLE)
    shop.mutate(
        {"op": "new_message", "source": "mailchimp", "key": other},
        {"op": "new_message", "source": "mailchimp", "key": other},
    )
    second = read(shop, first.state)
    opened = {path for path, _, _ in shop.stats()["requests"] if path.endswith("/messages")}
    assert opened == {f"/3.0/conversations/{each}/messages" for each in (other, EXAMPLE)}
    assert [row["conversation_id"] for row in second.records[MESSAGES]] == [other, other]
    assert [row["id"] for row in second.records[THREADS]] == [other]
    (query,) = asked(shop, f"/3.0/conversations/{other}/messages")
    assert query["since_timestamp"].endswith("+00:00")


def test_messages_of_other_threads_are_dropped_and_counted(shop: Sandbox) -> None:
    """The API once returned messages of everybody: rows of another thread are left out."""
    path = f"/3.0/conversations/{EXAMPLE}/messages"
    shop.control(faults=[{"kind": "foreign", "path": path}])
    messages = read(shop)
    assert messages.failures == []
    assert emitted(messages.records[MESSAGES], MESSAGES) == held(shop, MESSAGES)
    assert any("1 messages of another thread skipped" in line for line in messages.log)
    assert read(shop, strict=True).failures != []


def test_a_thread_that_is_gone_is_skipped_and_counted(shop: Sandbox) -> None:
    """A thread that vanished after it was listed is told, and the others arrive."""
    path = f"/3.0/conversations/{EXAMPLE}/messages"
    shop.control(faults=[{"kind": "status", "status": 404, "path": path}])
    messages = read(shop)
    assert messages.failures == []
    assert any("1 threads skipped" in line for line in messages.log)
    missing = held(shop, MESSAGES) - emitted(messages.records[MESSAGES], MESSAGES)
    assert {key[0] for key in missing} == {EXAMPLE}
    assert len(read(shop, strict=True).failures) == 1


def test_an_account_that_never_had_conversations(shop: Sandbox) -> None:
    """No thread is no failure: nothing comes, and no bookmark is made up."""
    shop.control(no_conversations=True)
    messages = read(shop)
    assert messages.failures == []
    assert messages.records == {}
    assert messages.bookmark(MESSAGES) is None


def test_threads_are_listed_once(shop: Sandbox) -> None:
    """Who reads both threads and messages asks for the list of threads once, in later runs too."""
    state: dict[str, Any] | None = None
    for _ in range(2):
        shop.reset_stats()
        messages = sync(shop.config(), catalog=catalog_of(THREADS, MESSAGES), state=state)
        assert len(asked(shop, "/3.0/conversations")) == 1
        state = messages.state
    assert emitted(sync(shop.config()).records[MESSAGES], MESSAGES) == held(shop, MESSAGES)


def test_a_message_that_comes_while_threads_are_listed(shop: Sandbox) -> None:
    """One that the list did not announce comes with the next run."""
    said = {"op": "new_message", "source": "mailchimp", "key": "fa8c387539"}
    fault = {"kind": "mutate", "path": "/3.0/conversations/*/messages", "at": 1}
    first = sync(shop.config(), catalog=catalog_of(THREADS, MESSAGES))
    shop.control(faults=[{**fault, "mutations": [said]}])
    second = sync(shop.config(), catalog=catalog_of(THREADS, MESSAGES), state=first.state)
    third = sync(shop.config(), catalog=catalog_of(THREADS, MESSAGES), state=second.state)
    told = [record for run in (first, second, third) for record in run.records[MESSAGES]]
    assert set(emitted(told, MESSAGES)) == set(held(shop, MESSAGES))


@pytest.mark.parametrize("strict", [False, True])
def test_a_plan_without_conversations(shop: Sandbox, strict: bool) -> None:  # noqa: FBT001
    """A 403 skips these streams with advice and the vendor's reason; only `strict` fails."""
    shop.control(plan_without_conversations=True)
    messages = sync({**shop.config(), "strict": strict})
    told = [line for line in messages.log if "does not allow it" in line]
    assert [line.partition(":")[0] for line in told] == [THREADS, MESSAGES]
    for line in told:
        assert "deselect it" in line
        assert "Your plan does not include conversations" in line
    without = f"replies, account {shop.world.mailchimp[0].name}: without {MESSAGES}:"
    assert [line for line in messages.failures if not line.startswith(without)] == (
        told if strict else []
    )
    assert any(line.startswith(without) for line in messages.log)
    assert emitted(messages.records["mailchimp_lists"], "mailchimp_lists") == held(
        shop, "mailchimp_lists"
    )
    assert not messages.records[THREADS] + messages.records[MESSAGES]
    assert messages.bookmark(THREADS) is None


@pytest.mark.parametrize(("strict", "status"), [(False, 0), (True, 1)])
def test_the_exit_status_of_a_plan_without_conversations(
    shop: Sandbox,
    tmp_path: Path,
    strict: bool,  # noqa: FBT001
    status: int,
) -> None:
    """The process ends with 0, as what may be read was read; with `strict` it ends with 1."""
    shop.control(plan_without_conversations=True)
    done = run_cli(config={**shop.config(), "strict": strict}, folder=tmp_path)
    assert done.returncode == status
    assert messages_in(done.stdout).records["mailchimp_campaigns"]
    assert "does not allow it" in done.stderr


@pytest.mark.parametrize("order", ["newest", "oldest", "last_message"])
def test_the_order_of_threads_does_not_matter(shop: Sandbox, order: str) -> None:
    """It is not documented how conversations are ordered; all arrive, and then what is new."""
    shop.control(mailchimp_order=order)
    first = read(shop)
    assert emitted(first.records[THREADS], THREADS) == held(shop, THREADS)
    assert emitted(first.records[MESSAGES], MESSAGES) == held(shop, MESSAGES)
    shop.mutate({"op": "new_conversation", "source": "mailchimp", "key": "0123456789"})
    second = read(shop, first.state)
    assert [row["id"] for row in second.records[THREADS]] == ["0123456789"]
    assert [row["conversation_id"] for row in second.records[MESSAGES]] == ["0123456789"]


def test_a_message_joins_its_audience(still: Sandbox) -> None:
    """A message names its audience by number, which is the `web_id` of a list."""
    messages = sync(still.config(), catalog=catalog_of(MESSAGES, "mailchimp_lists"))
    lists = {row["web_id"] for row in messages.records["mailchimp_lists"]}
    assert {row["list_id"] for row in messages.records[MESSAGES]} == lists
