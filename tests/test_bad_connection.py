"""An account that cannot be reached or read is told in words, and stops no other account."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from clock import ScriptedClock
from command_line import check_discretion, check_refusal, secrets
from strangers import KEY, MC, RE, closed_port, http, listening, run
from support import catalog_of, emitted, held, messages_in, sync

from tap_replies.sandbox import Sandbox
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from pathlib import Path

STREAM_OF = {"mailchimp": "mailchimp_lists", "reamaze": "reamaze_conversations"}

# What the sandbox is told, what the error names, and what it says of the cause and the remedy.
REFUSALS: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("revoked key", {"faults": [{"kind": "revoke", "path": "/3.0/*"}]}, "mailchimp:",
     ("refused the account", "401", "check mailchimp_api_key")),
    ("revoked token", {"faults": [{"kind": "revoke", "path": "/api/*"}]}, "reamaze:",
     ("refused the account", "401", "check reamaze_login and reamaze_api_token")),
    ("deactivated user", {"user_disabled": True}, "mailchimp:",
     ("403 User Disabled", "deactivated", "check mailchimp_api_key")),
    ("no permission", {"faults": [{"kind": "status", "status": 403, "path": "/3.0/*"}]},
     "mailchimp:", ("the account was refused", "403", "check mailchimp_api_key")),
    ("unknown brand", {"faults": [{"kind": "status", "status": 404, "path": "/api/*"}]},
     "reamaze:", ("the account was refused", "404", "check reamaze_brand, reamaze_login")),
    ("unknown brand as HTML",
     {"faults": [{"kind": "status", "status": 404, "path": "/api/*", "body": "html"}]},
     "reamaze:", ("the account was refused", "404", "check reamaze_brand")),
    ("elsewhere", {"faults": [{"kind": "redirect", "path": "/3.0/*", "to": "https://a.example/"}]},
     "mailchimp:", ("redirected to another host", "check the account's URL")),
    ("broken Location", {"faults": [{"kind": "redirect", "path": "/3.0/*", "to": "http://[a/"}]},
     "mailchimp:", ("an answer that is no HTTP", "run again")),
    ("in circles", {"faults": [{"kind": "redirect", "path": "/3.0/*", "to": "/3.0/"}]},
     "mailchimp:", ("redirected more than 5 times",)),
    ("broken for ever", {"faults": [{"kind": "status", "status": 500, "path": "/3.0/*"}]},
     "mailchimp:", ("failed for 1 s (retry_seconds)", "500", "run again once the server answers")),
    ("busy for ever", {"faults": [{"kind": "status", "status": 429, "path": "/api/*"}]},
     "reamaze:", ("failed for 1 s (retry_seconds)", "429", "run again once the server answers")),
    ("a page for ever", {"faults": [{"kind": "html200", "path": "/api/*"}]},
     "reamaze:", ("failed for 1 s (retry_seconds)", "without a JSON body", "run again")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("switches", "at", "says"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS]
)
def test_a_refused_account_stops_no_other(
    switches: dict[str, Any], at: str, says: tuple[str, ...], sandbox: Sandbox, tmp_path: Path
) -> None:
    """The error names the account, cause and remedy; the other account is read to its end."""
    sandbox.control(**switches)
    settings = sandbox.config() | {"retry_seconds": 1}
    [refused] = [name for name in STREAM_OF if name == at.removesuffix(":")]
    [other] = [name for name in STREAM_OF if name != refused]
    outcome = run(settings, tmp_path, "accounts", *STREAM_OF.values())
    check_refusal(outcome, at, *says, secret=secrets(settings))
    assert outcome.status == 1
    found = messages_in(outcome.stdout)
    reachable = {row["source"]: row["is_reachable"] for row in found.records["accounts"]}
    assert reachable == {refused: False, other: True}
    stream = STREAM_OF[other]
    assert emitted(found.records[stream], stream) == held(sandbox, stream)
    assert found.records[STREAM_OF[refused]] == []


def test_a_bad_key_among_accounts_of_one_source(tmp_path: Path) -> None:
    """Of two accounts the one with a good key is read, and the run says which one failed."""
    with Sandbox(accounts=2) as sandbox:
        good, bad, brand = sandbox.config(accounts=True)["accounts"]
        accounts = [bad | {"api_key": KEY, "name": "bad"}, good | {"name": "good"}, brand]
        outcome = run({"accounts": accounts}, tmp_path, "mailchimp_lists")
        check_refusal(outcome, "accounts[0]:", "401", "check accounts[0].api_key")
        check_discretion(outcome, secrets(accounts))
        rows = messages_in(outcome.stdout).records["mailchimp_lists"]
        assert {row["account_id"] for row in rows} == {"good"}
        assert (
            len(rows) == sandbox.truth(sandbox.world.mailchimp[0].name)["mailchimp_lists"]["count"]
        )


@pytest.mark.parametrize("name", [None, "sandbox"])
def test_an_account_that_is_there_twice(name: str | None, still: Sandbox, tmp_path: Path) -> None:
    """It is read once: with one `account_id` the two would share their bookmarks."""
    brand = still.config(accounts=True)["accounts"][1]
    accounts = [brand, brand | {"name": name}]
    outcome = run({"accounts": accounts}, tmp_path, "accounts", "reamaze_conversations")
    says = ("is account sandbox", "accounts[0] names already", "remove one of them")
    check_refusal(outcome, "accounts[1]:", *says, secret=secrets(accounts))
    found = messages_in(outcome.stdout)
    rows = found.records["reamaze_conversations"]
    assert emitted(rows, "reamaze_conversations") == held(still, "reamaze_conversations")
    rows = found.records["accounts"]
    assert [(row["account_id"], row["is_reachable"]) for row in rows] == [
        ("sandbox", True),
        ("accounts[1]", False),
    ]


def test_the_wrong_data_center(tmp_path: Path) -> None:
    """Mailchimp says that the key lives elsewhere; the error says which settings to look at."""
    problem = {"title": "Wrong Datacenter", "status": 403, "detail": "The API key is of us7."}
    with listening(http("403 Forbidden", problem)) as server:
        settings = MC | {"mailchimp_api_url": f"http://{server.address}"}
        outcome = run(settings, tmp_path)
    check_refusal(
        outcome, "mailchimp:", "403 Wrong Datacenter", "of us7", "check mailchimp_api_key",
        "mailchimp_api_url", secret=[KEY],
    )  # fmt: skip


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_refused_connection(scheme: str, tmp_path: Path) -> None:
    """The error names the address and says for how long it was tried."""
    address = closed_port()
    settings = RE | {"reamaze_api_url": f"{scheme}://{address}"}
    outcome = run(settings, tmp_path)
    says = (f"{address} refused the connection", "for 1 s (retry_seconds)", "run again")
    check_refusal(outcome, "reamaze:", *says, secret=secrets(settings))


def test_a_certificate_that_nobody_trusts(tmp_path: Path) -> None:
    """The error says so at once, and nothing was sent to that server."""
    with listening(tls=True) as server:
        settings = MC | {"mailchimp_api_url": f"https://{server.address}", "retry_seconds": 600}
        outcome = run(settings, tmp_path)
        assert server.heard == []
    says = (server.address, "no trusted TLS certificate", "check the URL")
    check_refusal(outcome, "mailchimp:", *says, secret=[KEY])


def test_https_where_http_is_spoken(still: Sandbox, tmp_path: Path) -> None:
    """The error says so at once."""
    settings = still.config() | {"reamaze_api_url": still.url.replace("http:", "https:")}
    outcome = run(settings, tmp_path)
    says = (still.url.removeprefix("http://"), "TLS", "check the URL")
    check_refusal(outcome, "reamaze:", *says, secret=secrets(settings))


def test_a_server_that_hangs_up(tmp_path: Path) -> None:
    """A connection that breaks in the midst of its start is tried again, like any other."""
    with listening() as server:
        outcome = run(RE | {"reamaze_api_url": f"https://{server.address}"}, tmp_path)
    says = (f"{server.address} broke the connection", "for 1 s (retry_seconds)", "run again")
    check_refusal(outcome, "reamaze:", *says, secret=secrets(RE))
    assert len(server.heard) > 1


def test_an_unknown_host(tmp_path: Path) -> None:
    """The error names the host, whether the name server denies it or cannot be asked."""
    settings = RE | {"reamaze_api_url": "https://acme.invalid"}
    outcome = run(settings, tmp_path)
    check_refusal(outcome, "reamaze:", "acme.invalid", secret=secrets(settings))


class Waiting(TapReplies):
    """A tap whose waits are over at once."""

    clock = ScriptedClock(1_700_000_000)


@pytest.mark.parametrize(
    ("code", "tries", "says"),
    [
        (socket.EAI_NONAME, 1, "there is no host acme.reamaze.io; check"),
        (socket.EAI_AGAIN, 5, "acme.reamaze.io could not be looked up (DNS)"),
    ],
)
def test_a_name_is_looked_up(
    code: int, tries: int, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that does not exist fails at once; a name server that is down may come back."""
    asked = []

    def look_up(host: str, *_: object, **__: object) -> None:
        asked.append(host)
        raise socket.gaierror(code, "no")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(Waiting, "clock", ScriptedClock(1_700_000_000))
    found = sync(RE | {"retry_seconds": 600}, catalog=catalog_of("accounts"), tap_class=Waiting)
    [failure] = found.failures
    assert says in failure
    assert len(asked) == 1 if tries == 1 else len(asked) >= tries


def test_a_token_is_looked_up_at_mailchimp(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error about the host that knows a token's data center names that host."""

    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    found = sync({"mailchimp_access_token": "4d7c1e90"}, catalog=catalog_of("accounts"))
    [failure] = found.failures
    assert "there is no host login.mailchimp.com; check" in failure
