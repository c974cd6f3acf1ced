"""Certificates and proxies of the environment count, as for other Python programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from command_line import check_refusal, secrets
from strangers import MC, RE, SELF_SIGNED, closed_port, http, listening, run
from support import messages_in

if TYPE_CHECKING:
    from pathlib import Path

    from tap_replies.sandbox import Sandbox


def test_a_certificate_that_the_environment_trusts(tmp_path: Path) -> None:
    """It is taken as good: a company's own authority is named to all Python programs like this."""
    with listening(http("200 OK", {"account_id": "company"}), tls=True) as server:
        settings = MC | {"mailchimp_api_url": f"https://{server.address}"}
        trusted = {"REQUESTS_CA_BUNDLE": str(SELF_SIGNED)}
        outcome = run(settings, tmp_path, environment=trusted)
    assert outcome.status == 0, outcome.stderr
    [row] = messages_in(outcome.stdout).records["accounts"]
    assert (row["account_id"], row["is_reachable"]) == ("company", True)


def test_a_proxy_of_the_environment(tmp_path: Path) -> None:
    """The vendor is asked through it; an error names neither its password nor the account's."""
    with listening(b"HTTP/1.1 502 Bad Gateway\r\n\r\n") as proxy:
        place = {"HTTPS_PROXY": f"http://staff:hush@{proxy.address}", "NO_PROXY": ""}
        outcome = run(RE, tmp_path, environment=place)
    says = ("acme.reamaze.io could not be reached through the proxy", "run again")
    check_refusal(outcome, "reamaze:", *says, secret=[*secrets(RE), "hush"])
    assert proxy.heard
    for heard in proxy.heard:
        assert heard.startswith(b"CONNECT acme.reamaze.io:443 ")
        assert b"Proxy-Authorization: Basic " in heard
        assert b"\r\nAuthorization" not in heard


@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_sandbox_is_not_behind_the_proxy(scheme: str, still: Sandbox, tmp_path: Path) -> None:
    """A proxy of the environment is asked for nothing that has an `http` address."""
    place = {"HTTP_PROXY": f"http://{closed_port()}", "NO_PROXY": ""}
    place |= {name.lower(): value for name, value in place.items()}
    address = still.url.replace("http", scheme)
    settings = still.config() | {"mailchimp_api_url": address, "reamaze_api_url": address}
    outcome = run(settings, tmp_path, environment=place)
    assert outcome.status == 0, outcome.stderr
