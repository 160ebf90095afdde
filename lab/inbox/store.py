"""The store: the messages of the inbox, in an SQLite file that outlives a restart and stays within bounds."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from lab.errors import LabError

Kind = Literal["mail", "slack"]

MEBIBYTE = 2**20
MAX_MESSAGE_BYTES = 10 * MEBIBYTE
MAX_MESSAGES = 1_000
MAX_TOTAL_BYTES = 100 * MEBIBYTE

# A title or an address of any length is shown in one line.
LINE_CHARACTERS = 500
PREVIEW_CHARACTERS = 200
# For search. What stands behind the first million characters of a message is not found.
TEXT_CHARACTERS = 1_000_000

SCHEMA = """
PRAGMA auto_vacuum = FULL;
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    received_at REAL NOT NULL,
    kind TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    raw BLOB NOT NULL,
    size INTEGER NOT NULL
);
"""
SUMMARY = f"id, received_at, kind, sender, recipients, title, substr(text, 1, {LINE_CHARACTERS + PREVIEW_CHARACTERS})"
INSERT = """
INSERT INTO messages (received_at, kind, sender, recipients, title, text, raw, size) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
"""
DROP_OLDEST = """
DELETE FROM messages WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER newest_first AS position, sum(size) OVER newest_first AS bytes
        FROM messages
        WINDOW newest_first AS (ORDER BY id DESC)
    )
    WHERE position > ? OR bytes > ?
)
"""


@dataclass(frozen=True)
class Summary:
    """What a list of messages shows of one. `preview` is the beginning of its text, without the title."""

    id: int
    kind: Kind
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    title: str
    preview: str


@dataclass(frozen=True)
class Query:
    """Which messages are meant: of this kind, with this text anywhere (case does not matter), not older than this."""

    kind: Kind | None = None
    text: str = ""
    since: datetime | None = None


class Store:
    """The messages in one directory. Its methods may be called from any thread."""

    def __init__(
        self, directory: Path, max_messages: int = MAX_MESSAGES, max_total_bytes: int = MAX_TOTAL_BYTES
    ) -> None:
        """Open the store, or make it.

        Raises:
            LabError: the directory or the file in it cannot be used.
        """
        self._limits = max_messages, max_total_bytes
        self._lock = Lock()
        file = directory / "messages.sqlite"
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = sqlite3.connect(file, check_same_thread=False)
            self._connection.create_function("casefold", 1, str.casefold, deterministic=True)
            self._connection.executescript(SCHEMA)
            self._connection.execute(f"SELECT {SUMMARY} FROM messages LIMIT 1")  # noqa: S608 - constants
        except (OSError, sqlite3.Error) as error:
            raise LabError(f"The inbox cannot use {file}: {error}\nMove it away; the inbox makes a new one.") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def add(self, kind: Kind, *, sender: str, recipients: tuple[str, ...], title: str, text: str, raw: bytes) -> None:
        """Keep a message; drop the oldest ones that are too many or too much with it."""
        row = (
            time.time(),
            kind,
            _line(sender),
            json.dumps([_line(recipient) for recipient in recipients], ensure_ascii=False),
            _line(title),
            _line(text, TEXT_CHARACTERS),
            raw,
        )
        with self._transaction() as connection:
            connection.execute(INSERT, (*row, len(row[-2]) + len(raw)))
            connection.execute(DROP_OLDEST, self._limits)

    def find(self, query: Query, limit: int) -> list[Summary]:
        """Return the messages that are meant, newest first, at most `limit`."""
        condition, values = _condition(query)
        statement = f"SELECT {SUMMARY} FROM messages WHERE {condition} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants
        with self._transaction() as connection:
            return [_summary(row) for row in connection.execute(statement, (*values, limit))]

    def count(self, query: Query) -> int:
        """Return how many messages are meant."""
        condition, values = _condition(query)
        with self._transaction() as connection:
            (count,) = connection.execute(f"SELECT count(*) FROM messages WHERE {condition}", values).fetchone()  # noqa: S608 - constants
        return int(count)

    def get(self, message_id: int) -> tuple[Summary, bytes] | None:
        """Return a message and what was received, byte for byte."""
        statement = f"SELECT {SUMMARY}, raw FROM messages WHERE id = ?"  # noqa: S608 - constants
        with self._transaction() as connection:
            row = connection.execute(statement, (message_id,)).fetchone()
        return (_summary(row[:-1]), row[-1]) if row else None

    def clear(self) -> None:
        """Delete all messages. Their numbers are not used again."""
        with self._transaction() as connection:
            connection.execute("DELETE FROM messages")

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._connection:
            yield self._connection


def _condition(query: Query) -> tuple[str, list[Any]]:
    conditions: list[str] = ["TRUE"]
    values: list[Any] = []
    if query.kind:
        conditions.append("kind = ?")
        values.append(query.kind)
    if query.since:
        conditions.append("received_at >= ?")
        values.append(query.since.timestamp())
    if query.text:
        conditions.append(
            "instr(casefold(title || char(10) || sender || char(10) || recipients || char(10) || text), ?) > 0"
        )
        values.append(_line(query.text).casefold())
    return " AND ".join(conditions), values


def _summary(row: tuple[Any, ...]) -> Summary:
    number, received_at, kind, sender, recipients, title, beginning = row
    return Summary(
        id=number,
        kind=kind,
        received_at=datetime.fromtimestamp(received_at, UTC),
        sender=sender,
        recipients=tuple(json.loads(recipients)),
        title=title,
        preview=beginning.removeprefix(title).lstrip()[:PREVIEW_CHARACTERS],
    )


def _line(text: str, characters: int = LINE_CHARACTERS) -> str:
    """One line: every run of blanks and line ends is one blank, and there is an end to it."""
    # SQLite takes no halves of surrogate pairs.
    return " ".join(text[: 2 * characters].split())[:characters].rstrip().encode("utf-8", "replace").decode()
