"""PostgreSQL: many hosts on many machines share a database; each task hub has a schema."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from functools import lru_cache
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from hosting_durable.errors import StoreError
from hosting_durable.stores.database import Row, Rows
from hosting_durable.stores.threaded import Session, ThreadedDatabase

if TYPE_CHECKING:
    import psycopg

_CONNECT_SECONDS = 10
_LISTEN_SECONDS = 1.0
_RECONNECT_SECONDS = 2.0
_LOCK = 0x64757261626C65  # "durable": one host at a time creates tables


class PostgresDatabase(ThreadedDatabase):
    """A task hub in a schema of a PostgreSQL database.

    Args:
        uri: the libpq URI of the database.
        hub: the name of the task hub.

    Raises:
        StoreError: psycopg is not installed.
    """

    number_type = "BIGSERIAL PRIMARY KEY"
    for_update = " FOR UPDATE SKIP LOCKED"

    def __init__(self, uri: str, hub: str) -> None:
        super().__init__()
        try:
            import psycopg  # noqa: F401 - only hubs in PostgreSQL need it
        except ImportError as error:
            raise StoreError(
                "The store of Durable Functions is postgresql, and psycopg is not installed.",
                remedy='pip install "hosting-durable[postgresql]" installs it.',
            ) from error
        self._uri = uri
        self._schema = f"durable_{hub.lower()}"
        self.description = f"PostgreSQL schema {self._schema}"
        self._listener: Thread | None = None
        self._is_closing = Event()

    async def open(self) -> None:
        """Connect, and create or update the tables."""
        await super().open()
        loop = asyncio.get_running_loop()
        self._listener = Thread(target=self._listen, args=(loop,), name="durable-listen", daemon=True)
        self._listener.start()

    def connect(self, *, reads: bool = False) -> Session:
        """Connect to the database."""
        import psycopg

        try:
            connection = self._connect()
            if not reads:
                connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
                connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"')
                connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
            return _PostgresSession(connection, self._schema)
        except psycopg.Error as error:
            raise self.failure(error) from error

    def _connect(self) -> psycopg.Connection[Any]:
        import psycopg

        connection = psycopg.connect(self._uri, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        connection.execute(f'SET search_path TO "{self._schema}"')
        return connection

    async def close(self) -> None:
        """Finish what is queued and disconnect."""
        self._is_closing.set()
        with contextlib.suppress(StoreError):
            await self.write(lambda _rows: None)  # its notification ends the listening
        await super().close()
        if self._listener is not None:
            await asyncio.to_thread(self._listener.join)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let ``wait`` return when any host has written; runs on a thread of its own."""
        import psycopg

        while not self._is_closing.is_set():
            try:
                with self._connect() as connection:
                    connection.execute(f'LISTEN "{self._schema}"')
                    self._wake_from(loop)
                    while not self._is_closing.is_set():
                        if any(True for _ in connection.notifies(timeout=_LISTEN_SECONDS, stop_after=1)):
                            self._wake_from(loop)
            except psycopg.Error:
                self._is_closing.wait(_RECONNECT_SECONDS)

    def _wake_from(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(self.wake)


class _PostgresSession(Session):
    """A connection to a database."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        import psycopg

        self.errors = (psycopg.Error,)
        self._connection = connection
        self._schema = schema
        self._conflicts = (
            psycopg.errors.DeadlockDetected,
            psycopg.errors.SerializationFailure,
            psycopg.errors.UniqueViolation,
        )
        self.rows = _PostgresRows(connection)

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction."""
        self._connection.execute("BEGIN" if writes else "BEGIN READ ONLY")

    def commit(self, *, notify: bool) -> None:
        """Commit, and notify all hosts."""
        if notify:
            self._connection.execute(f'NOTIFY "{self._schema}"')
        self._connection.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction."""
        import psycopg

        with contextlib.suppress(psycopg.Error):
            self._connection.execute("ROLLBACK")

    def is_conflict(self, error: Exception) -> bool:
        """Return whether two hosts met: one of them repeats its transaction."""
        return isinstance(error, self._conflicts)

    def exclude_others(self) -> None:
        """Let one host at a time create tables: its IF NOT EXISTS does not lock."""
        self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))

    @property
    def is_lost(self) -> bool:
        """Whether the server has ended, or has ended the connection."""
        return self._connection.closed

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


@lru_cache(maxsize=256)
def _placeholders(statement: str) -> str:
    return statement.replace("?", "%s")


class _PostgresRows(Rows):
    """Statements of one connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def run(self, statement: str, *values: Any) -> int:
        """Run a statement."""
        return self._connection.execute(_placeholders(statement), values or None).rowcount

    def all(self, statement: str, *values: Any) -> list[Row]:
        """Return all rows."""
        return self._connection.execute(_placeholders(statement), values or None).fetchall()

    def many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement for each row."""
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(_placeholders(statement), rows)

    def now(self) -> int:
        """Return the database's time."""
        row = self._connection.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint").fetchone()
        assert row is not None
        return int(row[0])
