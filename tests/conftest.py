"""Fixtures that tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tap_replies.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from loading import Database


@pytest.fixture(scope="session")
def still() -> Iterator[Sandbox]:
    """A sandbox that nobody changes: for tests that only read."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own, to change and to break."""
    with Sandbox() as own:
        yield own


@pytest.fixture(scope="session")
def postgres() -> Iterator[Database]:
    """A PostgreSQL server; each test loads into a schema of its own."""
    from loading import database  # noqa: PLC0415 - only where it is needed: it takes a while

    with database() as server:
        yield server
