"""What the tap says it can do, it can: maps, flattening, batches, structured logging."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
import yaml
from command_line import check_refusal, forked
from support import Messages, catalog_of, in_order, messages_in, sync

if TYPE_CHECKING:
    from command_line import Outcome

    from tap_replies.sandbox import Sandbox

LISTS = "mailchimp_lists"
THREADS = "reamaze_conversations"


def run(
    sandbox: Sandbox,
    folder: Path,
    *streams: str,
    **settings: Any,  # noqa: ANN401
) -> Outcome:
    """Run the command for some streams."""
    (folder / "config.json").write_text(json.dumps(sandbox.config() | settings))
    (folder / "catalog.json").write_text(json.dumps(catalog_of(*streams)))
    outcome = forked("--config=config.json", "--catalog=catalog.json", folder=folder)
    assert "Traceback" not in outcome.stderr, outcome.stderr
    return outcome


def good(outcome: Outcome) -> Messages:
    """The messages of a run that went well."""
    assert outcome.status == 0, outcome.stderr
    return messages_in(outcome.stdout)


def plain(sandbox: Sandbox, stream: str) -> list[dict[str, Any]]:
    """The records without any of this."""
    return sync(sandbox.config(), catalog=catalog_of(stream)).records[stream]


def test_a_map_renames_filters_and_computes(still: Sandbox, tmp_path: Path) -> None:
    """The schema tells what the records then hold."""
    wanted = {"__alias__": "audiences", "__filter__": "name.endswith('shop 1')", "name": None}
    maps = {LISTS: {**wanted, "loud": "name.upper()"}, THREADS: None}
    found = good(run(still, tmp_path, LISTS, THREADS, stream_maps=maps))
    rows = [row for row in plain(still, LISTS) if row["name"].endswith("shop 1")]
    assert len(rows) > 0
    assert set(found.records) == {"audiences"}
    expected = [{**row, "loud": row["name"].upper()} for row in rows]
    for row in expected:
        del row["name"]
    assert found.records["audiences"] == expected
    [schema] = found.schemas
    assert schema["stream"] == "audiences"
    assert "loud" in schema["schema"]["properties"]
    assert "name" not in schema["schema"]["properties"]


@pytest.mark.parametrize("is_in_environment", [False, True])
def test_a_map_computes_with_a_fraction(
    is_in_environment: bool,  # noqa: FBT001
    still: Sandbox,
    tmp_path: Path,
) -> None:
    """What `stream_map_config` holds may be any number, in a file and in the environment."""
    settings = {
        **still.config(),
        "stream_maps": {LISTS: {"id": "id", "rate": "float(config['rate']) * 2"}},
        "stream_map_config": {"rate": 1.5},
    }
    (tmp_path / "config.json").write_text("{}" if is_in_environment else json.dumps(settings))
    (tmp_path / "catalog.json").write_text(json.dumps(catalog_of(LISTS)))
    arguments = ["--config=config.json", "--catalog=catalog.json"]
    environment = {}
    if is_in_environment:
        arguments.append("--config=ENV")
        for name, value in settings.items():
            text = value if isinstance(value, str) else json.dumps(value)
            environment[f"TAP_REPLIES_{name.upper()}"] = text
    found = good(forked(*arguments, folder=tmp_path, environment=environment))
    assert {row["rate"] for row in found.records[LISTS]} == {3}


def test_a_map_may_be_for_many_streams(still: Sandbox, tmp_path: Path) -> None:
    """A pattern maps the selected streams, and does not mind those that are not."""
    maps = {"mailchimp_*": {"vendor": "'mailchimp'"}}
    found = good(run(still, tmp_path, LISTS, "mailchimp_campaigns", THREADS, stream_maps=maps))
    for stream in (LISTS, "mailchimp_campaigns"):
        assert {row["vendor"] for row in found.records[stream]} == {"mailchimp"}
    assert found.records[THREADS] == plain(still, THREADS)


def test_all_else_may_be_left_out(still: Sandbox, tmp_path: Path) -> None:
    """`__else__: null` drops the streams, and within a stream the columns, that are not named."""
    columns = {"account_id": "account_id", "id": "id", "__else__": None}
    maps = {LISTS: columns, "__else__": None}
    found = good(run(still, tmp_path, LISTS, THREADS, stream_maps=maps))
    expected = [{"account_id": row["account_id"], "id": row["id"]} for row in plain(still, LISTS)]
    assert dict(found.records) == {LISTS: expected}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("no_such_column + 1", "no_such_column + 1"),
        ("int(name)", "ValueError"),
        ("name / 2", "TypeError"),
    ],
)
def test_a_map_that_fails_on_a_record(
    expression: str, says: str, still: Sandbox, tmp_path: Path
) -> None:
    """Its stream fails, without the record's own words in the log, and the others go on."""
    maps = {LISTS: {"computed": expression}}
    outcome = run(still, tmp_path, LISTS, THREADS, stream_maps=maps)
    names = [row["name"] for row in plain(still, LISTS)]
    check_refusal(outcome, f"stream_maps: {LISTS}:", says, "correct it", secret=names)
    assert outcome.status == 1
    found = messages_in(outcome.stdout)
    assert found.records[LISTS] == []
    assert found.records[THREADS] == plain(still, THREADS)


def test_a_map_that_fails_leaves_the_bookmark(still: Sandbox, tmp_path: Path) -> None:
    """What was not written is read again by the next run."""
    maps = {THREADS: {"computed": "1 / 0"}}
    outcome = run(still, tmp_path, THREADS, stream_maps=maps)
    assert outcome.status == 1
    assert messages_in(outcome.stdout).bookmark(THREADS) is None


def flattened(value: dict[str, Any], path: str = "") -> dict[str, Any]:
    """The leaves of an object by their path."""
    found: dict[str, Any] = {}
    for name, each in value.items():
        if isinstance(each, dict) and each:
            found |= flattened(each, f"{path}{name}__")
        else:
            found[path + name] = each
    return found


def test_flattening(still: Sandbox, tmp_path: Path) -> None:
    """Objects become columns of their own, in schema and records alike."""
    settings = {"flattening_enabled": True, "flattening_max_depth": 5}
    found = good(run(still, tmp_path, LISTS, **settings))
    [schema] = found.schemas
    properties = schema["schema"]["properties"]
    assert "contact__city" in properties
    assert not any("properties" in definition for definition in properties.values())
    for row, flat in zip(plain(still, LISTS), found.records[LISTS], strict=True):
        assert flat == {name: flat[name] for name in properties if name in flat}
        leaves = flattened(row)
        assert {name: flat[name] for name in leaves if not isinstance(leaves[name], list)} == {
            name: value for name, value in leaves.items() if not isinstance(value, list)
        }


def test_batches_hold_the_same_records(still: Sandbox, tmp_path: Path) -> None:
    """The files named by BATCH messages hold what RECORD messages would, and the state follows."""
    batch_config = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": (tmp_path / "batches").as_uri(), "prefix": "replies-"},
        "batch_size": 25,
    }
    streams = (LISTS, THREADS, "mailchimp_conversation_messages")
    outcome = run(still, tmp_path, *streams, batch_config=batch_config)
    found = good(outcome)
    assert found.records == {}
    rows: dict[str, list[dict[str, Any]]] = {stream: [] for stream in streams}
    for line in map(json.loads, outcome.stdout.splitlines()):
        if line["type"] == "BATCH":
            assert line["encoding"] == batch_config["encoding"]
            for url in line["manifest"]:
                file = Path(url2pathname(urlsplit(url).path))
                assert file.name.startswith("replies-")
                texts = gzip.decompress(file.read_bytes()).splitlines()
                assert 0 < len(texts) <= 25
                rows[line["stream"]] += map(json.loads, texts)
    assert rows.keys() == {*streams}
    assert all(in_order(rows[stream]) == in_order(plain(still, stream)) for stream in streams)
    assert [kind for kind, _ in found.kinds][-1] == "STATE"
    whole = sync(still.config(), catalog=catalog_of(*streams))
    for stream in streams[1:]:
        assert found.bookmark(stream) == whole.bookmark(stream) is not None


LOG_CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "singer_sdk.logging.StructuredFormatter"}},
    "handlers": {
        "file": {"class": "logging.FileHandler", "formatter": "json", "filename": "log.jsonl"}
    },
    "root": {"level": "INFO", "handlers": ["file"]},
}


def test_structured_logging(still: Sandbox, tmp_path: Path) -> None:
    """With the SDK's log configuration every line of the log is a JSON object."""
    (tmp_path / "config.json").write_text(json.dumps(still.config()))
    (tmp_path / "catalog.json").write_text(json.dumps(catalog_of(LISTS)))
    (tmp_path / "log.yaml").write_text(yaml.safe_dump(LOG_CONFIG))
    outcome = forked(
        "--config=config.json",
        "--catalog=catalog.json",
        folder=tmp_path,
        environment={"SINGER_SDK_LOG_CONFIG": "log.yaml"},
    )
    assert outcome.status == 0, outcome.stderr
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    [summary] = [line for line in lines if line["message"].startswith(f"{LISTS}, account")]
    assert summary["level"] == "info"
