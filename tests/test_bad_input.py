"""Bad settings get a clear answer: the setting, the cause and the remedy, and never a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from command_line import check_refusal, forked, secrets

if TYPE_CHECKING:
    from pathlib import Path

HEX = "0123456789abcdef0123456789abcdef"
KEY = f"{HEX}-us6"
TOKEN = "4d7c1e90-secret-token"  # noqa: S105 - made up
NUMBER = 471147114711

MC = {"mailchimp_api_key": KEY}
RE = {"reamaze_brand": "acme", "reamaze_login": "staff@acme.example", "reamaze_api_token": TOKEN}
MC_ENTRY = {"source": "mailchimp", "api_key": KEY}
RE_ENTRY = {"source": "reamaze", "brand": "acme", "login": "s@acme.example", "api_token": TOKEN}
ZIPPED = {"format": "jsonl", "compression": "gzip"}
BATCHES = {"encoding": ZIPPED, "storage": {"root": "file:///tmp"}}

# What the case is, the settings, the setting that the answer names, and words that it says.
TABLE: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("nothing", {}, "No account", ("mailchimp_api_key", "reamaze_brand", "`accounts`")),
    ("no entry", {"accounts": []}, "No account", ("mailchimp_api_key", "reamaze_brand")),
    # Mailchimp's credential and server
    ("key without server", {"mailchimp_api_key": HEX}, "mailchimp_api_key", ("-us6", "whole key")),
    ("odd server in key", {"mailchimp_api_key": f"{HEX}-us6.evil.example/"}, "mailchimp_api_key",
     ("does not end with a data center", "set mailchimp_server")),
    ("server against key", MC | {"mailchimp_server": "us7"}, "mailchimp_server",
     ("is us7", "one of us6", "remove the setting")),
    ("host as server", MC | {"mailchimp_server": "us6.evil.example/"}, "mailchimp_server",
     ("must look like us6",)),
    ("server with line end", MC | {"mailchimp_server": "us6\n"}, "mailchimp_server",
     ("must look like us6",)),
    ("server alone", {"mailchimp_server": "us6"}, "mailchimp_api_key/mailchimp_access_token",
     ("is missing",)),
    ("key and token", MC | {"mailchimp_access_token": TOKEN}, "mailchimp_api_key",
     ("together with mailchimp_access_token", "keep one")),
    ("key with line end", {"mailchimp_api_key": f"{KEY}\n"}, "mailchimp_api_key",
     ("line break", "copy it again")),
    ("header in token", {"mailchimp_access_token": f"{TOKEN}\r\nX-Evil: 1"},
     "mailchimp_access_token", ("line break", "copy it again")),
    ("token not ASCII", {"mailchimp_access_token": f"{TOKEN}…"}, "mailchimp_access_token",
     ("is in no key", "copy it again")),
    ("key as list", {"mailchimp_api_key": [KEY]}, "mailchimp_api_key", ("must be a text",)),
    # Re:amaze's brand and credential
    ("nonsense as brand", RE | {"reamaze_brand": "ac me!"}, "reamaze_brand",
     ("is no brand", "before .reamaze.io")),
    ("other host as brand", RE | {"reamaze_brand": "https://evil.example"}, "reamaze_brand",
     ("is no brand", "before .reamaze.io")),
    ("broken URL as brand", RE | {"reamaze_brand": "http://[acme"}, "reamaze_brand",
     ("is no brand",)),
    ("login without token", {"reamaze_brand": "acme", "reamaze_login": "a@acme.example"},
     "reamaze_api_token", ("is missing",)),
    ("token alone", {"reamaze_api_token": TOKEN}, "reamaze_login", ("is missing",)),
    ("colon in login", RE | {"reamaze_login": "a:b"}, "reamaze_login", ("colon", "e-mail address")),
    ("number as token", RE | {"reamaze_api_token": NUMBER}, "reamaze_api_token",
     ("must be a text",)),
    # URLs
    ("plain http", MC | {"mailchimp_api_url": "http://proxy.example"}, "mailchimp_api_url",
     ("must be https", "could be read on the way")),
    ("http to a private net", RE | {"reamaze_api_url": "http://10.0.0.1:80"}, "reamaze_api_url",
     ("must be https",)),
    ("password in URL", MC | {"mailchimp_api_url": "https://me:hush-hush@proxy.example"},
     "mailchimp_api_url", ("must not hold a user or password",)),
    ("URL without scheme", RE | {"reamaze_api_url": "proxy.example.com"}, "reamaze_api_url",
     ("must be a URL such as https://",)),
    ("other scheme", MC | {"mailchimp_api_url": "ftp://proxy.example"}, "mailchimp_api_url",
     ("must be a URL such as https://",)),
    ("broken URL", MC | {"mailchimp_api_url": "https://[proxy"}, "mailchimp_api_url",
     ("must be a URL such as https://",)),
    ("no such port", MC | {"mailchimp_api_url": "https://proxy.example:99999"},
     "mailchimp_api_url", ("must be a URL such as https://",)),
    ("query in URL", MC | {"mailchimp_api_url": "https://proxy.example/?a=b"},
     "mailchimp_api_url", ("must end with the path",)),
    # Numbers and words
    ("no connection", MC | {"max_connections": 0}, "max_connections", ("must be 1 or more",)),
    ("11 connections", MC | {"max_connections": 11}, "max_connections",
     ("refuses more than 10", "set 10 or less")),
    ("a word for connections", MC | {"max_connections": "a"}, "max_connections",
     ("must be a whole number",)),
    ("half a connection", MC | {"max_connections": 2.5}, "max_connections",
     ("must be a whole number",)),
    ("true for connections", MC | {"max_connections": True}, "max_connections",
     ("must be a whole number",)),
    ("a billion connections", RE | {"max_connections": 10**9}, "max_connections",
     ("must be 100 or less",)),
    ("negative lookback", MC | {"lookback_minutes": -1}, "lookback_minutes",
     ("must be 0 or more",)),
    ("endless lookback", MC | {"lookback_minutes": 10**17}, "lookback_minutes",
     ("must be 1000000 or less",)),
    ("endless timeout", MC | {"request_timeout": 10**17}, "request_timeout",
     ("must be 3600 or less",)),
    ("no timeout", MC | {"request_timeout": 0}, "request_timeout", ("must be 1 or more",)),
    ("endless refresh", MC | {"campaign_refresh_days": 10**17}, "campaign_refresh_days",
     ("must be 36500 or less",)),
    ("negative retry", MC | {"retry_seconds": -1}, "retry_seconds", ("must be 0 or more",)),
    ("unknown word", MC | {"on_count_mismatch": "panic"}, "on_count_mismatch",
     ("must be one of warn, fail, ignore",)),
    ("a word for yes", MC | {"strict": "yes"}, "strict", ("must be true or false",)),
    ("two lines of user agent", MC | {"user_agent": "a\r\nX-Evil: 1"}, "user_agent",
     ("one line", "ASCII")),
    # Dates
    ("no date", MC | {"start_date": "tomorrow"}, "start_date", ("is no date", "2026-01-31")),
    ("13th month", MC | {"end_date": "2026-13-01"}, "end_date", ("is no date", "2026-01-31")),
    ("number as date", MC | {"start_date": 20260131}, "start_date", ("must be a text",)),
    ("end before start", MC | {"start_date": "2026-02-01", "end_date": "2026-01-01"}, "end_date",
     ("must be later than start_date",)),
    ("year 1", MC | {"start_date": "0001-01-01"}, "start_date", ("from 1970 on",)),
    # Accounts
    ("unknown source", {"accounts": [{"source": "zendesk", "api_key": KEY}]}, "accounts[0].source",
     ("must be one of mailchimp, reamaze",)),
    ("no source", {"accounts": [MC_ENTRY, {"api_key": KEY}]}, "accounts[1].source",
     ("must be one of mailchimp, reamaze",)),
    ("same name twice", {"accounts": [MC_ENTRY | {"name": "x"}, RE_ENTRY | {"name": "x"}]},
     "accounts", ("the name 'x'", "2 times", "must differ")),
    ("number as name", {"accounts": [MC_ENTRY | {"name": 7}]}, "accounts[0].name",
     ("must be a text",)),
    ("half a JSON text", {"accounts": json.dumps([MC_ENTRY])[:-2]}, "accounts",
     ("not JSON", "an array of objects")),
    ("object as JSON text", {"accounts": json.dumps(MC_ENTRY)}, "accounts",
     ("an array of objects",)),
    ("object for array", {"accounts": MC_ENTRY}, "accounts", ("must be an array",)),
    ("key as entry", {"accounts": [KEY]}, "accounts[0]", ("must be an object with `source`",)),
    ("misspelt setting", {"accounts": [{"source": "mailchimp", "apikey": KEY}]},
     "accounts[0].apikey", ("no such setting of Mailchimp", "did you mean api_key?")),
    ("key as setting", {"accounts": [MC_ENTRY | {KEY: "api_key"}]}, "accounts[0]",
     ("no such setting of Mailchimp",)),
    ("entry without token", {"accounts": [RE_ENTRY | {"api_token": None}]},
     "accounts[0].api_token", ("is missing",)),
    ("number as entry's token", {"accounts": [RE_ENTRY | {"api_token": NUMBER}]},
     "accounts[0].api_token", ("must be a text",)),
    ("entry's server", {"accounts": [MC_ENTRY | {"server": "us7"}]}, "accounts[0].server",
     ("is us7", "one of us6")),
    # Filters and choices
    ("unknown filter", MC | {"mailchimp_filters": {"lst_id": "a"}}, "mailchimp_filters",
     ("no filter 'lst_id'", "there are list_id, campaign_id")),
    ("number as id", MC | {"mailchimp_filters": {"list_id": 7}}, "mailchimp_filters",
     ("list_id must be an id",)),
    ("text as filters", MC | {"mailchimp_filters": "list_id=a"}, "mailchimp_filters",
     ("must be an object",)),
    ("unknown Re:amaze filter", RE | {"reamaze_filters": {"tags": "a"}}, "reamaze_filters",
     ("no filter 'tags'", "there are filter, sort")),
    ("odd Re:amaze filter", RE | {"reamaze_filters": {"filter": "closed"}}, "reamaze_filters",
     ("filter must be one of all, archived",)),
    ("odd filter date", RE | {"reamaze_filters": {"start_date": "soon"}}, "reamaze_filters",
     ("start_date must be a date",)),
    ("half a character", RE | {"reamaze_filters": {"for": "\ud800"}}, "reamaze_filters",
     ("holds half of a character", "write it anew")),
    ("half a character in an account", {"accounts": [RE_ENTRY | {"name": "\udfff"}]}, "accounts",
     ("holds half of a character", "write it anew")),
    ("odd way to read", RE | {"reamaze_messages_from": "threads"}, "reamaze_messages_from",
     ("must be one of auto, brand, conversations",)),
    # Single objects
    ("unknown stream", MC | {"only": {"mailchimp_conversation": ["a"]}}, "only",
     ("no stream 'mailchimp_conversation'", "did you mean 'mailchimp_conversations'")),
    ("stream of no account", MC | {"only": {"reamaze_messages": ["a"]}}, "only",
     ("no account", "reamaze_messages")),
    ("stream without objects", MC | {"only": {"accounts": ["a"]}}, "only",
     ("accounts has no objects", "remove it")),
    ("id for list", MC | {"only": {"mailchimp_lists": "a"}}, "only",
     ("mailchimp_lists must be a list of ids",)),
    ("number for id", RE | {"only": {"reamaze_conversations": [7]}}, "only",
     ("reamaze_conversations must be a list of ids",)),
    ("id for object", MC | {"only": {"mailchimp_unsubscribes": ["a"]}}, "only",
     ("list of objects with campaign_id and email (optional)",)),
    ("half an object", MC | {"only": {"mailchimp_list_unsubscribes": [{"list_id": "a"}]}}, "only",
     ("list of objects with list_id and email",)),
    # What singer-sdk adds
    ("text as maps", MC | {"stream_maps": "x"}, "stream_maps", ("must be an object",)),
    ("map of no stream", MC | {"stream_maps": {"lists": {"id": None}}}, "stream_maps",
     ("no stream 'lists'", "there are accounts, mailchimp_lists")),
    ("list as map", MC | {"stream_maps": {"mailchimp_lists": ["id"]}}, "stream_maps",
     ("mailchimp_lists must be an object",)),
    ("number as expression", MC | {"stream_maps": {"mailchimp_lists": {"x": 7}}}, "stream_maps",
     ("mailchimp_lists.x must be a text",)),
    ("half a character in a map", MC | {"stream_maps": {"accounts": {"x": "'\ud800'"}}},
     "stream_maps", ("holds half of a character", "write it anew")),
    ("half an expression", MC | {"stream_maps": {"mailchimp_lists": {"x": "str("}}}, "stream_maps",
     ("Failed to parse expression str(",)),
    ("map without the key", MC | {"stream_maps": {"mailchimp_lists": {"id": None}}},
     "stream_maps", ("key property 'id'", "`__key_properties__`")),
    ("word for depth", MC | {"flattening_enabled": True, "flattening_max_depth": "deep"},
     "flattening_max_depth", ("must be a whole number",)),
    ("no depth", MC | {"flattening_enabled": True}, "flattening_max_depth", ("is required",)),
    ("batches nowhere", MC | {"batch_config": {"encoding": ZIPPED}}, "batch_config",
     ("`storage` (`root`",)),
    ("batches as CSV", MC | {"batch_config": BATCHES | {"encoding": {"format": "csv"}}},
     "batch_config", ("`format` jsonl",)),
    ("batches packed otherwise",
     MC | {"batch_config": BATCHES | {"encoding": {"format": "jsonl", "compression": "zstd"}}},
     "batch_config", ("`compression` gzip or none",)),
    ("batches of nothing", MC | {"batch_config": BATCHES | {"batch_size": 0}}, "batch_config",
     ("`batch_size` (1 or more)",)),
    ("batches to nowhere known",
     MC | {"batch_config": BATCHES | {"storage": {"root": "nosuch://a/b"}}}, "batch_config",
     ("`storage` (`root`",)),
    ("batches where only reading goes",
     MC | {"batch_config": BATCHES | {"storage": {"root": "https://h.example/x"}}}, "batch_config",
     ("storage.root cannot be used",)),
    ("batches of a prefix that is a number",
     MC | {"batch_config": BATCHES | {"storage": {"root": "file:///tmp/b", "prefix": 7}}},
     "batch_config", ("maybe `prefix`, a text",)),
    ("keys of a map that are numbers",
     MC | {"stream_maps": {"accounts": {"__key_properties__": [7]}}},
     "stream_maps: accounts.__key_properties__", ("must be a list of columns",)),
    ("a map to no stream", MC | {"stream_maps": {"accounts": {"__alias__": None}}},
     "stream_maps: accounts.__alias__", ("must be a text",)),
    ("a map of no stream", MC | {"stream_maps": {"accounts": {"__source__": None}}},
     "stream_maps: accounts.__source__", ("must be a text",)),
    ("flattened names that are the same",
     MC | {"flattening_enabled": True, "flattening_max_depth": 2, "flattening_max_key_length": 1},
     "flattening_enabled", ("Duplicate column", "raise flattening_max_key_length")),
    ("a name with U+0000",
     {"accounts": [MC | {"source": "mailchimp"}], "mailchimp_api_key": "a\0b-us6"},
     "mailchimp_api_key", ("holds U+0000", "write it anew")),
    ("batches and maps", MC | {"batch_config": BATCHES, "stream_maps": {"accounts": {}}},
     "batch_config", ("take no notice of stream_maps", "remove one")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "at", "says"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
def test_bad_settings_are_refused_in_words(
    settings: dict[str, Any], at: str, says: tuple[str, ...], tmp_path: Path
) -> None:
    """The answer begins with the setting, says the cause and the remedy, and holds no secret."""
    (tmp_path / "config.json").write_text(json.dumps(settings))
    outcome = forked("--config", "config.json", folder=tmp_path)
    check_refusal(outcome, at, *says, secret=[*secrets(settings), HEX, TOKEN, "hush-hush"])
    assert any(error.startswith(at) for error in outcome.told("ERROR"))
    assert outcome.stdout == ""


def test_several_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """Each wrong setting has a line of its own."""
    settings = {**MC, "mailchimp_server": "us7", "start_date": "soon", "max_connections": 11}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    outcome = forked("--config", "config.json", folder=tmp_path)
    assert [error.partition(":")[0] for error in outcome.told("ERROR")] == [
        "start_date",
        "max_connections",
        "mailchimp_server",
    ]
