"""A third source is one folder: this file declares one, and nothing else knows of it."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from singer_sdk import StreamSchema
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.schema.source import SchemaDirectory
from support import Messages, sync
from typing_extensions import override

from tap_replies import settings
from tap_replies.feed import CUSTOMER, Feed, Feeds, Reply
from tap_replies.job import Batch, Job
from tap_replies.paging import Collection, OffsetPaging
from tap_replies.sandbox import Sandbox
from tap_replies.source import Account, Ask, Problem, Profile, Request, Setting, Source
from tap_replies.sources import SOURCES
from tap_replies.stream import ApiStream
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LETTERS = "parcel_letters"
SALT = "0123456789 and more"
PERSON = "Ada@Example.com"


# The source, as its folder would hold it.


class ParcelApi:
    """How the made-up API is asked."""

    def __init__(self, account: Account) -> None:
        """Take the settings."""
        self._account = account
        self.base_url = account.values["api_url"]
        self.headers = {"Authorization": f"Token {account.values['token']}"}

    def profile(self, ask: Ask) -> Profile:
        """Who the account is."""
        return Profile(account_id=ask(Request("/me", about="the account"))["id"])

    def problem(self, status: int, _body: Any) -> Problem:  # noqa: ANN401 - any JSON
        """What a refusal says."""
        return Problem(f"{status}; check {self._account.setting('token')}")


class Letters(ApiStream):
    """One row per letter."""

    name = LETTERS
    schema = StreamSchema(SchemaDirectory(Path(__file__).parent / "data" / "third"))
    primary_keys = ("account_id", "id")
    replication_key = "written_at"
    holds_replies = True

    @override
    def batches(self, job: Job) -> Iterator[Batch]:
        """All letters."""
        paging = OffsetPaging(2, "total")
        request = Request("/letters", about="the letters")
        for page in job.walk(Collection(request, "letters", paging, itemgetter("id"))):
            yield Batch(page.rows, page.is_dirty)


def letter(record: Mapping[str, Any], _: Mapping[str, Any]) -> Reply:
    """What a letter says to `replies`."""
    return Reply(
        key=(record["id"],),
        role=CUSTOMER,
        conversation_id=record["case"],
        channel="letter",
        author_email=record["sender"],
        body=record["text"],
    )


PARCEL = Source(
    name="parcel",
    title="Parcel",
    account_settings=(
        Setting("token", "string", "Token of the account.", secret=True),
        Setting("api_url", "string", "Where the API is."),
    ),
    settings=(Setting("parcel_depth", "integer", "How deep to look.", default=3),),
    needs=(("token",), ("api_url",)),
    most_connections=None,
    check=lambda _: (),
    connect=ParcelApi,
    streams=lambda: (Letters,),
    feeds=lambda: Feeds(
        (Feed(Letters, ("id", "case", "sender", "text", "written_at"), letter),),
    ),
)


class ThreeSources(TapReplies):
    """The tap with one source more."""

    sources: ClassVar[Sequence[Source]] = (*SOURCES, PARCEL)
    config_jsonschema: ClassVar[dict[str, Any]] = settings.config_jsonschema(sources)


# What it speaks to.


class Post(BaseHTTPRequestHandler):
    """The made-up API."""

    letters: ClassVar[list[dict[str, Any]]] = []
    lacking: ClassVar[int] = 0

    def do_GET(self) -> None:
        """Answer one request."""
        url = urlsplit(self.path)
        status = 200
        document: dict[str, Any] = {"id": "parcel-1"}
        if self.headers["Authorization"] != "Token secret-token":
            status, document = 401, {}
        elif url.path == "/letters":
            query = {name: int(values[0]) for name, values in parse_qs(url.query).items()}
            start = query["offset"]
            rows = self.letters[start : start + query["count"]]
            document = {"letters": rows, "total": len(self.letters) + self.lacking}
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextmanager
def post(*senders: str, lacking: int = 0) -> Iterator[dict[str, Any]]:
    """The settings that reach an API with one letter of each sender."""
    letters = [
        {
            "id": f"{number}",
            "case": "case-7",
            "sender": sender,
            "text": f"Letter {number}",
            "written_at": f"2026-01-0{number + 1}T08:00:00+01:00",
        }
        for number, sender in enumerate(senders)
    ]
    facts: dict[str, Any] = {"letters": letters, "lacking": lacking}
    handler = type("Letters", (Post,), facts)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield {
            "parcel_token": "secret-token",
            "parcel_api_url": f"http://127.0.0.1:{server.server_port}",
            "retry_seconds": 0,
        }
        server.shutdown()


def run(config: dict[str, Any], state: dict[str, Any] | None = None) -> Messages:
    """A run of the tap with three sources."""
    return sync(config, state=state, tap_class=ThreeSources)


def test_its_streams_and_settings_are_there() -> None:
    """Discovery lists its stream, and the settings have its own, secrets marked as such."""
    tap = ThreeSources(validate_config=False)
    assert LETTERS in tap.streams
    known = ThreeSources.config_jsonschema["properties"]
    assert known["parcel_token"]["secret"] is True
    assert known["parcel_depth"]["default"] == 3


def test_its_rows_are_read_and_counted() -> None:
    """Pages are walked, cleaned, counted against the API's total, and bookmarked."""
    with post("a@example.com", "b@example.com", "c@example.com") as config:
        first = run(config)
        assert first.failures == []
        assert [row["id"] for row in first.records[LETTERS]] == ["0", "1", "2"]
        assert {row["account_id"] for row in first.records[LETTERS]} == {"parcel-1"}
        assert first.records[LETTERS][0]["written_at"] == "2026-01-01T07:00:00.000Z"
        assert any(
            f"{LETTERS}, account parcel-1: 3 emitted; 3 read of 3" in line for line in first.log
        )
        assert first.bookmark(LETTERS) == "2026-01-03T07:00:00.000Z"
        second = run(config, first.state)
        assert not second.records[LETTERS]
        assert not second.records["replies"]


def test_a_shortfall_is_told() -> None:
    """What its API counts but does not give is missing."""
    with post("a@example.com", lacking=2) as config:
        found = run({**config, "on_count_mismatch": "fail"})
    assert any("2 MISSING by total" in line for line in found.log)
    assert any(text.startswith(f"{LETTERS},") for text in found.failures)


@pytest.mark.parametrize("privacy", ["keep", "hash"])
def test_a_person_is_the_same_in_all_sources(privacy: str) -> None:
    """Its rows stand in `replies` beside those of the others, and people join by their key."""
    with Sandbox(now="2026-03-01T12:00:00Z", conversations=4, lists=1, members=3) as sandbox:
        wrote = next(iter(sandbox.world.account("", "mailchimp").rows("messages")))["from_email"]
        with post(f" {wrote.upper()} ") as own:
            config = {**sandbox.config(), **own, "personal_data": privacy}
            found = run({**config, "personal_data_salt": SALT})
    assert found.failures == []
    [reply] = [row for row in found.records["replies"] if row["source"] == "parcel"]
    assert (reply["channel"], reply["direction"]) == ("letter", "inbound")
    assert reply["body"] == "Letter 0"
    keys = {row["author_key"] for row in found.records["replies"] if row["source"] == "mailchimp"}
    assert reply["author_key"] in keys


@pytest.mark.parametrize("privacy", ["hash", "drop"])
def test_its_schema_says_what_is_personal(privacy: str) -> None:
    """Addresses and texts are hidden as the settings ask, in its own stream and in `replies`."""
    with post(PERSON) as config:
        chosen = {"personal_data": privacy, "personal_data_salt": SALT, "bodies": "drop"}
        found = run({**config, **chosen})
    text = json.dumps([found.records, found.states, found.log]).lower()
    assert PERSON.lower() not in text
    assert "letter 0" not in text
    assert found.records[LETTERS][0]["sender"] is None or privacy == "hash"


def test_its_messages_name_its_settings() -> None:
    """A refused credential and a missing setting are told by the names of its settings."""
    with post("a@example.com") as config:
        found = run({**config, "parcel_token": "another"})
        assert any("parcel_token" in text for text in found.failures)
        with pytest.raises(ConfigValidationError) as refused:
            run({"parcel_api_url": config["parcel_api_url"]})
    assert any("parcel_token" in message for message in refused.value.errors)
