"""A server that answers every list of either vendor with the same rows, however odd they are."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Iterator

MAILCHIMP = {
    "activity-feed": "activity",
    "messages": "conversation_messages",
    "sub-reports": "reports",
    "unsubscribed": "unsubscribes",
}
"""The names of the rows where they differ from the end of the path."""

GOOD = {
    "id": "good",
    "slug": "good",
    "email_id": "good",
    "response_id": "good",
    "created_at": "2026-01-01T00:00:00Z",
    "create_time": "2026-01-01T00:00:00Z",
    "last_changed": "2026-01-01T00:00:00Z",
    "timestamp": "2026-01-01T00:00:00Z",
    "unsubscribed": 1,
}
ODD: list[Any] = [
    None,
    3,
    "text",
    [],
    {},
    {"id": None, "slug": None},
    {"id": [], "slug": [], "email_id": []},
    {"id": {"a": 1}, "slug": {"a": 1}, "email_id": {}},
    {"id": 5, "slug": 5, "email_id": 5},
    {"id": True, "slug": 1.5},
    {"id": "\ud800", "slug": "\ud800", "email_id": "\ud800"},
    {"id": "a\0/?#b", "slug": "a\0/?#b", "email_id": "a\0b"},
    {"id": "k" * 4000, "slug": "k" * 4000, "email_id": "k" * 4000},
]
VALUES: list[Any] = [None, 5, 1.5, True, "", "\0\ud800", "9999-12-31T23:59:59-12:00", [], [1], {}]
FIELDS = (
    "body",
    "campaign_id",
    "category",
    "conversation",
    "conversation_id",
    "created_at",
    "create_time",
    "last_changed",
    "last_customer_message",
    "last_message",
    "list_id",
    "origin",
    "send_time",
    "status",
    "timestamp",
    "type",
    "unsubscribed",
    "updated_at",
    "user",
    "visibility",
)
# One odd value each in a row that has all it needs beside it.
ODD += [
    {**GOOD, "id": f"{name} {at}", "slug": f"{name} {at}", "email_id": f"{name} {at}", name: value}
    for name in FIELDS
    for at, value in enumerate(VALUES)
]
ODD.append(GOOD)


class OddAnswers(BaseHTTPRequestHandler):
    """Answers with `ODD`; there is one page."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def root(self) -> str:
        """Where the vendor's API begins."""
        return "/api/v1" if self.path.startswith("/api/v1") else "/3.0"

    def do_GET(self) -> None:
        """Answer a list, or who the account is."""
        document: dict[str, Any]
        url = urlsplit(self.path)
        last = url.path.rpartition("/")[2]
        query = parse_qs(url.query)
        is_first = query.get("offset", ["0"]) == ["0"] and query.get("page", ["1"]) == ["1"]
        # Only one parent's rows are odd, or there would be as many pages as odd ids, all of them.
        is_list = url.path.count("/") == self.root.count("/") + 1 or "/good/" in url.path
        rows = (ODD if is_list else [GOOD]) if is_first else []
        if self.root == "/api/v1":
            count = len(rows)
            document = {last: rows, "page_size": 30, "page_count": 1, "total_count": count}
        elif url.path.rstrip("/") == "/3.0":
            document = {"account_id": "acme", "account_name": "Acme\0", "role": {"a": "\ud800"}}
        else:
            document = {MAILCHIMP.get(last, last): rows, "total_items": len(rows)}
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def odd_answers() -> Iterator[dict[str, Any]]:
    """The settings with which the tap reads the server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), OddAnswers) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        yield {
            "mailchimp_api_key": f"{'0' * 32}-us6",
            "mailchimp_api_url": url,
            "reamaze_brand": "acme",
            "reamaze_login": "staff@acme.example",
            "reamaze_api_token": "token",
            "reamaze_api_url": url,
            "retry_seconds": 0,
        }
        server.shutdown()
