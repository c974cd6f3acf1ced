"""The questions that README answers by SQL, on what the tap loads with each setting of privacy."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from loading import load_lines
from support import Record, messages_in, run_cli

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from loading import Database

README = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
SALT = "0123456789 and more"
PRIVACY: dict[str, dict[str, str]] = {
    "keep": {},
    "hash": {"personal_data": "hash", "personal_data_salt": SALT},
    "drop": {"personal_data": "drop", "personal_data_salt": SALT, "bodies": "drop"},
}
NOW = "2026-03-02T12:00:00Z"
Rows = list[tuple[Any, ...]]


class Loaded:
    """One run with a setting of privacy, and what the targets hold of it."""

    def __init__(self, database: Database, schema: str, records: dict[str, list[Record]]) -> None:
        """Take what the tap wrote."""
        self.database = database
        self.schema = schema
        self.records = records
        self.lines: dict[str, list[Record]] = {}

    @property
    def replies(self) -> list[Record]:
        """The rows of `replies`."""
        return self.records["replies"]

    def answer(self, question: str) -> Rows:
        """What the query below a question in README comes to."""
        found = re.search(rf"\*\*{re.escape(question)}\*\*\n\n```sql\n(.*?)```", README, re.DOTALL)
        assert found, question
        query: Any = found[1].replace("tap_replies.", f"{self.schema}.")
        return self.database.query(query)


@pytest.fixture(scope="module")
def load(postgres: Database, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Loaded]:
    """Runs all streams into both targets with a setting of privacy, once for each."""

    @cache
    def load(name: str) -> Loaded:
        folder = tmp_path_factory.mktemp(name)
        with Sandbox(now=NOW, conversations=25, reamaze_conversations=40) as sandbox:
            done = run_cli(config=sandbox.config() | PRIVACY[name], folder=folder)
        assert done.returncode == 0, done.stderr
        path = folder / "messages.jsonl"
        path.write_text(done.stdout, "utf-8")
        found = Loaded(postgres, f"questions_{name}", messages_in(done.stdout).records)
        postgres.load(path, found.schema, folder)
        found.lines = load_lines(path, folder)
        return found

    return load


@pytest.fixture(params=PRIVACY)
def loaded(request: pytest.FixtureRequest, load: Callable[[str], Loaded]) -> Loaded:
    """What a run with one of the settings came to."""
    return load(request.param)


def moment(record: Record) -> datetime:
    """When something was said, as the database tells it."""
    return datetime.fromisoformat(record["sent_at"]).replace(tzinfo=None)


def test_all_of_it_loads(loaded: Loaded) -> None:
    """Both targets hold as many rows as were emitted, whatever is hashed or dropped."""
    for stream, records in loaded.records.items():
        count = len(loaded.database.rows(loaded.schema, stream))
        assert count == len(records) == len(loaded.lines[stream]) > 0


def why(rows: list[Record]) -> Rows:
    """Reasons, how many gave them, and when last."""
    given = [row for row in rows if row["kind"] == "unsubscribe_reason"]
    latest: dict[str | None, datetime] = {}
    for row in sorted(given, key=moment):
        latest[row["body_text"]] = moment(row)
    counts = Counter(row["body_text"] for row in given)
    return [(reason, count, latest[reason]) for reason, count in counts.items()]


def waiting(rows: list[Record]) -> Rows:
    """Conversations whose newest message is a customer's."""
    newest: dict[tuple[str, str, str], Record] = {}
    for row in sorted(rows, key=lambda row: (str(row["sent_at"]), row["reply_id"])):
        if row["kind"] == "message" and row["direction"] in {"inbound", "outbound"}:
            newest[row["account_id"], row["source"], row["conversation_id"]] = row
    return [
        (
            row["source"],
            row["conversation_id"],
            row["author_name"],
            row["author_email"],
            moment(row),
        )
        for row in newest.values()
        if row["direction"] == "inbound"
    ]


def responses(rows: list[Record]) -> Rows:
    """The median of first responses by channel and week."""
    found = defaultdict(list)
    for row in rows:
        if row["is_first_response"]:
            day = moment(row).date()
            week = day - timedelta(days=day.weekday())
            found[row["channel"], week].append(row["response_seconds"])
    return [
        (channel, week, len(seconds), pytest.approx(median(seconds)))
        for (channel, week), seconds in found.items()
    ]


def both(rows: list[Record]) -> Rows:
    """People whose key is in both sources."""
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for row in rows:
        if row["author_role"] == "customer" and row["author_key"] is not None:
            found[row["author_key"]].append(row)
    counts = {key: Counter(row["source"] for row in said) for key, said in found.items()}
    return [
        (
            key,
            min(filter(None, (row["author_email"] for row in found[key]))),
            count["mailchimp"],
            count["reamaze"],
        )
        for key, count in counts.items()
        if len(count) > 1
    ]


QUESTIONS: dict[str, Callable[[list[Record]], Rows]] = {
    "Why do people leave?": why,
    "Who waits for an answer?": waiting,
    "How long is the median first response, by channel and week?": responses,
    "Who speaks to us in both tools?": both,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_answer_is_right(loaded: Loaded, question: str) -> None:
    """The query gives what the emitted rows amount to, and something at all."""
    answer = loaded.answer(question)
    expected = QUESTIONS[question](loaded.replies)
    key = {"Why do people leave?": (0,), "Who waits for an answer?": (0, 1)}.get(question, (0, 1))
    assert sorted(answer, key=lambda row: str([row[place] for place in key])) == sorted(
        expected, key=lambda row: str([row[place] for place in key])
    )
    is_hidden = loaded.schema == "questions_drop" and question == "Who speaks to us in both tools?"
    assert bool(answer) != is_hidden


def test_campaigns_that_get_replies(loaded: Loaded) -> None:
    """Replies and people by campaign, the most first."""
    answer = loaded.answer("Which campaigns get replies?")
    said = [
        row for row in loaded.replies if row["kind"] == "message" and row["direction"] == "inbound"
    ]
    counts = Counter(row["campaign_id"] for row in said if row["source"] == "mailchimp")
    lines = {
        row["id"]: row["settings"].get("subject_line")
        for row in loaded.records["mailchimp_campaigns"]
    }
    people = {
        campaign: len(
            {row["author_key"] for row in said if row["campaign_id"] == campaign} - {None}
        )
        for campaign in counts
    }
    expected = [
        (campaign, lines[campaign], count, people[campaign])
        for campaign, count in counts.items()
        if campaign in lines
    ]
    assert sorted(answer, key=str) == sorted(expected, key=str)
    assert [row[2] for row in answer] == sorted((row[2] for row in answer), reverse=True)
    assert answer


def test_people_are_the_same_whether_hashed_or_not(load: Callable[[str], Loaded]) -> None:
    """Hashing changes who is told, not how many speak in both tools and how often."""
    hashed, plain = (
        load(name).answer("Who speaks to us in both tools?") for name in ("hash", "keep")
    )
    assert sorted(row[2:] for row in hashed) == sorted(row[2:] for row in plain)
    assert not {row[0] for row in hashed} & {row[0] for row in plain}
