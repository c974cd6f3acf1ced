"""The SDK's own tests of a tap, and the one of keys that these lack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class
from support import TRUTH_COLUMNS, Messages, sync

from tap_replies.sandbox import Sandbox
from tap_replies.tap import TapReplies

if TYPE_CHECKING:
    from collections.abc import Iterator

SANDBOX = Sandbox()
CONFIG: dict[str, Any] = SANDBOX.world.config("http://127.0.0.1:9")
"""The suite makes a tap while it is imported, before the sandbox has an address."""

STATE = {
    "bookmarks": {
        stream: {
            "partitions": [
                {
                    "context": {"account_id": account.name},
                    "replication_key_value": "2000-01-01T00:00:00.000Z",
                }
            ]
        }
        for stream, account in (
            ("mailchimp_conversation_messages", SANDBOX.world.account("", "mailchimp")),
            ("reamaze_messages", SANDBOX.world.account("", "reamaze")),
        )
    }
}
"""A run before this one, as `accounts` tells of it; each column must have a value to be tested."""


@pytest.fixture(scope="module", autouse=True)
def _served() -> Iterator[None]:
    with SANDBOX:
        CONFIG.update(SANDBOX.config())
        yield


TestTapReplies = get_tap_test_class(
    TapReplies,
    config=CONFIG,
    suite_config=SuiteConfig(max_records_limit=None),
    parse_env_config=False,
    state=STATE,
)


@pytest.fixture(scope="module")
def messages(still: Sandbox) -> Messages:
    """A whole run."""
    return sync(still.config())


@pytest.mark.parametrize("stream", ["accounts", *TRUTH_COLUMNS])
def test_keys_are_unique_and_never_null(messages: Messages, stream: str) -> None:
    """No two records of a stream have the same key, and no part of one is null."""
    names = next(each["key_properties"] for each in messages.schemas if each["stream"] == stream)
    keys = [tuple(record[name] for name in names) for record in messages.records[stream]]
    assert len(set(keys)) == len(keys) > 0
    assert not [key for key in keys if None in key or "" in key]
