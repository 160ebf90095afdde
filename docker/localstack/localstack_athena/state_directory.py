"""The state directory: what survives LocalStack, as pickled records in one SQLite file, and files beside it.

    <directory>/
        lock             held by the one LocalStack that uses the directory
        records.sqlite   records (kind, id, value) and the versions that wrote them
        s3/              the bytes of S3 objects, see object_store

A change is in the operating system's hands when `commit` returns: it survives SIGKILL at any moment, and a power cut
costs at most the last seconds. Whatever is wrong with the directory ends the start with a StateDirectoryError.
"""

from __future__ import annotations

import fcntl
import os
import pickle
import sqlite3
import threading
from contextlib import closing
from typing import IO, TYPE_CHECKING, Any, TypeAlias

from localstack.constants import VERSION as LOCALSTACK_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

LOCK = "lock"
FORMAT = 1
"""Raise it whenever older records would be read wrongly: it covers every class that is pickled into a record."""

SCHEMA = """
CREATE TABLE writer (format INTEGER NOT NULL, localstack TEXT NOT NULL);
CREATE TABLE record (kind TEXT NOT NULL, id TEXT NOT NULL, value BLOB NOT NULL, UNIQUE (kind, id));
"""
UPSERT = "INSERT INTO record VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value"
DELETE = "DELETE FROM record WHERE kind = ? AND id = ?"

UNUSABLE = "Set LOCALSTACK_ATHENA_STATE_DIR to a directory that LocalStack may write to"

RecordKey: TypeAlias = tuple[str, str]
"""Kind and id of a record, e.g. ("s3.bucket", "pt-data-lab")."""


class StateDirectoryError(Exception):
    """The directory cannot be used; the message says which file, why, and what to do."""

    def __init__(self, path: Path, problem: str, remedy: str) -> None:
        super().__init__(f"{path}: {problem}. {remedy}")


class DamagedStateError(StateDirectoryError):
    """A file of the directory is missing, shortened or unreadable."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            path,
            problem,
            "The saved state is damaged and LocalStack does not guess: restore the file from a backup, or begin with "
            "an empty state (`make clean`, or delete the state directory)",
        )


class StateDirectory:
    """An open, locked state directory."""

    def __init__(self, path: Path) -> None:
        """Lock the directory, create what is missing, and read every record; raises StateDirectoryError."""
        self.path = path
        self._file = path / "records.sqlite"
        self._guard = threading.Lock()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = _lock(path / LOCK)
            if not self._file.exists():
                self._create()
            self._database = sqlite3.connect(self._file, check_same_thread=False)
            self._check()
            self._records = self._read()
        except sqlite3.DatabaseError as error:
            raise DamagedStateError(self._file, str(error)) from error
        except OSError as error:
            raise StateDirectoryError(path, str(error), UNUSABLE) from error

    def take(self, kind: str) -> dict[str, Any]:
        """Values by id of the records of one kind as they were at start, oldest first; the caller owns them now."""
        return self._records.pop(kind, {})

    def commit(self, changes: Mapping[RecordKey, object | None]) -> None:
        """Write all changes or, when it raises, none; None deletes the record."""
        upserts = [(*key, pickle.dumps(value)) for key, value in changes.items() if value is not None]
        deletes = [key for key, value in changes.items() if value is None]
        with self._guard, self._database:
            self._database.executemany(UPSERT, upserts)
            self._database.executemany(DELETE, deletes)

    def _create(self) -> None:
        """Create the records under another name first: a file of the right name is never half-made."""
        draft = self._file.with_suffix(".new")
        for leftover in self.path.glob(f"{draft.name}*"):
            leftover.unlink()
        if others := sorted({entry.name for entry in self.path.iterdir()} - {LOCK}):
            raise DamagedStateError(self._file, f"the file is missing, yet its directory holds {', '.join(others[:3])}")
        with closing(sqlite3.connect(draft)) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(SCHEMA)
            database.execute("INSERT INTO writer VALUES (?, ?)", (FORMAT, LOCALSTACK_VERSION))
        draft.replace(self._file)

    def _check(self) -> None:
        self._database.execute("PRAGMA synchronous = NORMAL")
        if (report := self._database.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise DamagedStateError(self._file, report)
        writer = self._database.execute("SELECT format, localstack FROM writer").fetchone()
        if writer != (FORMAT, LOCALSTACK_VERSION):
            raise StateDirectoryError(
                self._file,
                f"was written by LocalStack {writer[1]} in format {writer[0]}, but this is LocalStack "
                f"{LOCALSTACK_VERSION} with format {FORMAT}",
                "Start the version that wrote it, or begin with an empty state (`make clean`, or delete the state "
                "directory)",
            )

    def _read(self) -> dict[str, dict[str, Any]]:
        records: dict[str, dict[str, Any]] = {}
        for kind, id_, value in self._database.execute("SELECT kind, id, value FROM record ORDER BY rowid"):
            try:
                records.setdefault(kind, {})[id_] = pickle.loads(value)  # noqa: S301 - only our user can write the file
            except Exception as error:
                raise DamagedStateError(self._file, f"record {kind} {id_} is unreadable ({error!r})") from error
        return records


def _lock(path: Path) -> IO[str]:
    """Lock the file for as long as the process lives, however it ends; the file names the process for people."""
    lock = path.open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StateDirectoryError(
            path,
            f"another LocalStack uses this state directory (process {holder})",
            "Stop that one first, or set LOCALSTACK_ATHENA_STATE_DIR to another directory",
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
