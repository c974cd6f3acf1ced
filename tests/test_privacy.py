"""Whom the records are about is hidden as the settings ask, in all that leaves the tap."""

from __future__ import annotations

import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from command_line import check_refusal, forked
from hiding import (
    COMPANY,
    DROP,
    HASH,
    MEMBERS,
    MESSAGES,
    MODES,
    NO_BODIES,
    PERSONS,
    PLANTED,
    SALT,
    TICKETS,
    URIST,
    known_people,
    stands_for_address,
    told,
)
from schema_files import FILES, Schema, is_json_text, load
from support import Messages, catalog_of, in_order, messages_in, sync

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command_line import Outcome
    from support import Record

    from tap_replies.sandbox import Sandbox


@pytest.fixture(scope="module")
def people() -> Iterator[Sandbox]:
    """The accounts with people known in every way."""
    with known_people() as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def open_run(people: Sandbox) -> Messages:
    """What the same accounts give when nothing is hidden."""
    return sync(people.config(accounts=True))


def run(folder: Path, config: dict[str, Any], catalog: dict[str, Any] | None = None) -> Outcome:
    """Run the command with all its talk."""
    (folder / "config.json").write_text(json.dumps(config))
    arguments = ["--config=config.json"]
    if catalog:
        (folder / "catalog.json").write_text(json.dumps(catalog))
        arguments.append("--catalog=catalog.json")
    outcome = forked(*arguments, folder=folder, environment={"TAP_REPLIES_LOGLEVEL": "DEBUG"})
    assert outcome.status == 0, outcome.stderr
    return outcome


def found(outcome: Outcome, words: set[str]) -> set[str]:
    """Which of some words are in the output, in any case, as they are or escaped as in JSON.

    Short names are looked for as words of their own: there is an Ines in every `business`.
    """
    everything = f"{outcome.stdout}\n{outcome.stderr}".lower()
    parts = set(re.findall(r"\w+", everything))
    return {
        word
        for word in words
        if word.lower() in parts
        or (not re.fullmatch(r"[a-zA-Z]{1,5}", word) and _is_within(everything, word))
    }


def _is_within(everything: str, word: str) -> bool:
    forms = (word, json.dumps(word)[1:-1], json.dumps(word, ensure_ascii=False)[1:-1])
    return any(form.lower() in everything for form in forms)


@MODES
def test_nothing_personal_is_in_the_output(
    mode: dict[str, Any], people: Sandbox, open_run: Messages, tmp_path: Path
) -> None:
    """No address, name, number, IP address or handle is in a record, in the state or in the log."""
    words = (told(open_run, PERSONS) | {*PLANTED}) - COMPANY
    config = people.config(accounts=True)
    assert found(run(tmp_path, config), words) == words
    assert len(words) > 200
    assert URIST in words
    hidden = run(tmp_path, config | mode | NO_BODIES)
    assert found(hidden, words | {SALT}) == set()
    whole = messages_in(hidden.stdout)
    counts = {stream: len(rows) for stream, rows in open_run.records.items()}
    assert {stream: len(rows) for stream, rows in whole.records.items()} == counts


@MODES
def test_bodies_may_be_kept(
    mode: dict[str, Any], people: Sandbox, open_run: Messages, tmp_path: Path
) -> None:
    """With `bodies: keep` what was written stays, and nothing else tells of anybody."""
    addresses = {word for word in told(open_run, PERSONS) if "@" in word}
    hidden = run(tmp_path, people.config(accounts=True) | mode)
    assert found(hidden, addresses | {*PLANTED}) == set()
    kinds = {"body", "subject", "slug"}
    assert told(messages_in(hidden.stdout), kinds) == told(open_run, kinds)


def test_bodies_dropped(people: Sandbox, open_run: Messages, tmp_path: Path) -> None:
    """With `bodies: drop` no body, subject, file or word of a slug is left, but all people are."""
    words = told(open_run, {"body", "subject", "slug"})
    hidden = run(tmp_path, people.config(accounts=True) | NO_BODIES)
    assert len(words) > 100
    long = {word for word in words if " " in word or "-" in word or "://" in word}
    assert found(hidden, long) == set()
    people_too = PERSONS - {"secret"} | {"free", "location"}
    records = messages_in(hidden.stdout)
    assert told(records, {"body", "subject", "secret"}) == set()
    assert told(records, people_too) == told(open_run, people_too)
    slugs = {row["slug"] for row in records.records[TICKETS]}
    assert {row["conversation_slug"] for row in records.records[MESSAGES]} == slugs
    assert {row["conversation"]["slug"] for row in records.records[MESSAGES]} == slugs


@pytest.mark.parametrize("mode", [HASH, DROP | NO_BODIES], ids=["hash", "drop"])
def test_a_second_run_tells_nothing_new(mode: dict[str, Any], people: Sandbox) -> None:
    """What is hidden is what is compared, so unchanged rows of the overlap are not told again."""
    config = people.config(accounts=True) | mode
    before = sync(config)
    later = sync(config, state=before.state)
    assert {name for name, rows in later.records.items() if rows} <= {"accounts", "mailchimp_lists"}
    again = sync(config).records
    for name, rows in before.records.items():
        assert name == "accounts" or in_order(again[name]) == in_order(rows)


@MODES
def test_single_objects_by_their_own_names(mode: dict[str, Any], people: Sandbox) -> None:
    """`only` takes ids and addresses as the API knows them, and gives the hidden rows."""
    list_id = next(people.world.mailchimp[0].rows("lists"))["id"]
    wanted = {MEMBERS: [{"list_id": list_id, "email": URIST}], TICKETS: ["knock-knock"]}
    records = sync(people.config() | mode | {"only": wanted}).records
    [member] = records[MEMBERS]
    assert member["id"] == stands_for_address(URIST)
    [ticket] = records[TICKETS]
    assert ticket["author"]["name"] != "Zebulon Quartermain"


def test_maps_flattening_and_batches_see_hidden_records(people: Sandbox, tmp_path: Path) -> None:
    """Expressions are computed, objects expanded and files written from what is hidden."""
    config = people.config() | HASH
    plain = sync(config, catalog=catalog_of(MEMBERS)).records[MEMBERS]
    maps = {MEMBERS: {"who": "email_address", "mark": "md5(email_address)", "id": "id"}}
    mapped = run(tmp_path, config | {"stream_maps": maps}, catalog_of(MEMBERS))
    rows = messages_in(mapped.stdout).records[MEMBERS]
    assert {row["id"]: row["who"] for row in rows} == {
        row["id"]: row["email_address"] for row in plain
    }
    settings = {"flattening_enabled": True, "flattening_max_depth": 5}
    flat = run(tmp_path, config | settings, catalog_of(MEMBERS))
    rows = messages_in(flat.stdout).records[MEMBERS]
    assert {row["id"]: row["last_note__created_by"] for row in rows} == {
        row["id"]: row["last_note"]["created_by"] for row in plain
    }
    batches = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": (tmp_path / "batches").as_uri()},
    }
    files = run(tmp_path, config | {"batch_config": batches}, catalog_of(MEMBERS))
    assert URIST not in files.stdout
    assert in_order(batched(tmp_path / "batches")) == in_order(plain)


def batched(folder: Path) -> list[Record]:
    """The records in the files of a BATCH run, in the order in which they were written."""
    files = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    lines = (line for file in files for line in gzip.decompress(file.read_bytes()).splitlines())
    return [json.loads(line) for line in lines]


def test_a_catalog_cannot_show_more(people: Sandbox) -> None:
    """Selection leaves columns out as ever; properties that only the catalog knows are dropped."""
    catalog = catalog_of(TICKETS, without={TICKETS: ["data", "email", "assignee"]})
    [entry] = [each for each in catalog["streams"] if each["tap_stream_id"] == TICKETS]
    author = entry["schema"]["properties"]["author"]["properties"]
    author["own"] = {"type": ["string", "null"]}
    plan = {"op": "update", "collection": "reamaze.conversations", "key": "knock-knock"}
    row = next(each for each in people.world.reamaze[0].rows("conversations"))
    people.mutate(plan | {"key": row["slug"], "row": {"author": {**row["author"], "own": URIST}}})
    rows = sync(people.config() | HASH, catalog=catalog).records[TICKETS]
    assert URIST not in json.dumps(rows)
    assert not [each for each in rows if "data" in each or "assignee" in each]
    assert not [each for each in rows if "email" in each["author"]]
    assert all(len(each["author"]["name"]) == 64 for each in rows)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"personal_data": "hash"}, "personal_data_salt: is missing"),
        ({"personal_data": "hash", "personal_data_salt": ""}, "personal_data_salt: is missing"),
        ({"personal_data": "hash", "personal_data_salt": "pepper"}, "is too short"),
        ({"personal_data": "drop", "personal_data_salt": " " * 20}, "is too short"),
        ({"personal_data": "encrypt"}, "personal_data: must be one of keep, hash, drop"),
        ({"personal_data": True}, "personal_data: must be a text"),
        ({"bodies": "hash"}, "bodies: must be one of keep, drop"),
        ({"personal_data_salt": 12345678901234567}, "personal_data_salt: must be a text"),
    ],
)
def test_wrong_settings(
    settings: dict[str, Any], says: str, people: Sandbox, tmp_path: Path
) -> None:
    """A setting that cannot be kept to ends the run before a request, and says what to do."""
    (tmp_path / "config.json").write_text(json.dumps(people.config() | settings))
    outcome = forked("--config=config.json", folder=tmp_path)
    check_refusal(
        outcome, says.split(":", maxsplit=1)[0], says, secret=["pepper", "12345678901234567"]
    )
    assert outcome.stdout == ""


def test_every_free_object_is_json_or_says_so() -> None:
    """The kinds that this file looks for are all there, so that no search is for nothing."""
    kinds = {kind for stream in FILES for kind in kinds_of(load(stream))}
    assert kinds >= PERSONS | {"free", "location", "body", "subject", "slug", "derived"}
    assert any(is_json_text(each) for each in load(TICKETS)["properties"].values())


def kinds_of(schema: Schema) -> Iterator[str]:
    """Every kind that a schema declares."""
    for each in schema.get("properties", {}).values():
        yield each.get("x-personal", "none")
        yield from kinds_of(each.get("items", each))
