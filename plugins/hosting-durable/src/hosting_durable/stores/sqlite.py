"""SQLite: a file that several processes of one machine share, or a database in memory for a test."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hosting_durable.errors import StoreError
from hosting_durable.stores.database import Row, Rows
from hosting_durable.stores.threaded import Session, ThreadedDatabase

_BUSY_SECONDS = 30.0
_STATEMENTS = 256
_BUSY_POLL_SECONDS = 0.1
_IDLE_POLL_SECONDS = 0.3
_CALM_SECONDS = 3.0


def system_time() -> int:
    """Return the system's time, in microseconds since 1970."""
    return time.time_ns() // 1000


class SqliteDatabase(ThreadedDatabase):
    """A task hub in a file of SQLite.

    Args:
        path: the file; None for a database in memory, which ends with ``close``.
        clock: returns the microseconds since 1970; by default the system's.
        synchronous: whether a commit survives a power cut, not only the end of the process.
        busy_seconds: how long to wait for another process that writes.
    """

    number_type = "INTEGER PRIMARY KEY AUTOINCREMENT"

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], int] = system_time,
        synchronous: bool = True,
        busy_seconds: float = _BUSY_SECONDS,
    ) -> None:
        super().__init__()
        self._path = path
        self._clock = clock
        self._synchronous = synchronous
        self._busy_seconds = busy_seconds
        self.description = "SQLite in memory" if path is None else f"SQLite file {path}"
        self._watcher: sqlite3.Connection | None = None
        self._foreign = -1
        self._changed_at = 0.0

    @property
    def poll_seconds(self) -> float:
        """How often to look for writes of other processes: less often when there were none for some seconds."""
        return _BUSY_POLL_SECONDS if time.monotonic() - self._changed_at < _CALM_SECONDS else _IDLE_POLL_SECONDS

    def wake(self) -> None:
        """Let all who wait go on now."""
        self._changed_at = time.monotonic()
        super().wake()

    @property
    def has_reader(self) -> bool:
        """Whether reads have a connection of their own: a database in memory has only one."""
        return self._path is not None

    async def open(self) -> None:
        """Open the file, and create or update its tables."""
        await super().open()
        if self._path is not None:
            self._watcher = sqlite3.connect(self._path, isolation_level=None)

    def connect(self, *, reads: bool = False) -> Session:
        """Open the file."""
        try:
            return _SqliteSession(self._open(), self._clock)
        except sqlite3.Error as error:
            raise self.failure(error) from error

    def _open(self) -> sqlite3.Connection:
        target = ":memory:" if self._path is None else str(self._path)
        connection = sqlite3.connect(
            target,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS,
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute(f"PRAGMA synchronous={'FULL' if self._synchronous else 'NORMAL'}")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def has_foreign_writes(self) -> bool:
        """Return whether the counter of changes in the file has changed."""
        before = self._foreign
        if self._watcher is not None:
            with contextlib.suppress(sqlite3.Error):
                self._foreign = self._watcher.execute("PRAGMA data_version").fetchone()[0]
        return self._foreign != before

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        await super().close()
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None

    def failure(self, error: Exception) -> StoreError:
        """Return the error for a person."""
        return StoreError(
            f"The store of Durable Functions, {self.description}, cannot be used: {error}.",
            remedy="See that the disk has space, that the file can be written, and that no other program locks it.",
        )


class _SqliteSession(Session):
    """A connection to a file."""

    errors = (sqlite3.Error,)

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self.rows = _SqliteRows(connection, clock)

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction; one that writes waits for other processes now."""
        self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    def commit(self, *, notify: bool) -> None:
        """Commit; the counter in the file notifies."""
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction."""
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("ROLLBACK")

    def is_conflict(self, error: Exception) -> bool:
        """Return False: processes write one after the other."""
        return False

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class _SqliteRows(Rows):
    """Statements of one connection."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], int]) -> None:
        self._connection = connection
        self._clock = clock

    def run(self, statement: str, *values: Any) -> int:
        """Run a statement."""
        return self._connection.execute(statement, values).rowcount

    def all(self, statement: str, *values: Any) -> list[Row]:
        """Return all rows."""
        return self._connection.execute(statement, values).fetchall()

    def many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""
        if rows:
            self._connection.executemany(statement, rows)

    def now(self) -> int:
        """Return the time of the clock."""
        return self._clock()
