"""A contestant: a tap in the ordinary way of the SDK, as its cookiecutter template has it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from singer_sdk import RESTStream, Tap
from singer_sdk.authenticators import BasicAuthenticator
from singer_sdk.pagination import BaseOffsetPaginator

if TYPE_CHECKING:
    from collections.abc import Mapping

    import requests

PAGE = 1000


class Paginator(BaseOffsetPaginator):
    """Goes on as long as pages are full."""

    def has_more(self, response: requests.Response) -> bool:
        """Whether the page before was full."""
        settings = PlainTap.settings
        return len(response.json()[settings["rows_key"]]) == PAGE


class PlainStream(RESTStream[int]):
    """One list."""

    name = "plain"
    path = ""
    primary_keys = ("id",)
    replication_key = None

    @property
    def url_base(self) -> str:
        """Where the list is."""
        return str(PlainTap.settings["url"])

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the rows."""
        found: dict[str, Any] = PlainTap.settings["schema"]
        return found

    @property
    def records_jsonpath(self) -> str:
        """Where the rows are in an answer."""
        return f"$.{PlainTap.settings['rows_key']}[*]"

    @property
    def authenticator(self) -> BasicAuthenticator:
        """The credential."""
        return BasicAuthenticator(username="plain", password=PlainTap.settings["key"])

    def get_new_paginator(self) -> Paginator:
        """How to go on."""
        return Paginator(0, PAGE)

    def get_url_params(
        self,
        context: Mapping[str, Any] | None,  # noqa: ARG002 - the SDK's own form
        next_page_token: int | None,
    ) -> dict[str, Any]:
        """The query of one page."""
        return {**PlainTap.settings["params"], "count": PAGE, "offset": next_page_token}


class PlainTap(Tap):
    """A tap of one stream."""

    name = "tap-plain"
    config_jsonschema: ClassVar[dict[str, Any]] = {"type": "object", "properties": {}}
    settings: ClassVar[dict[str, Any]] = {}

    def discover_streams(self) -> list[PlainStream]:
        """The one stream."""
        return [PlainStream(self)]


def main(given: Path, told: Path) -> None:
    """Read the list as the settings say, and tell how long it took."""
    PlainTap.settings = json.loads(given.read_text())
    tap = PlainTap(config={})
    begun = time.perf_counter()
    tap.sync_all()
    seconds = time.perf_counter() - begun
    # Not `ru_maxrss`, which begins with that of the process that started this one.
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    told.write_text(json.dumps({"seconds": seconds, "peak_mb": peak}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
