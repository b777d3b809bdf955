"""SQLite: a file that several processes of one machine share, or a database in memory for a test.

One thread writes. What is queued when it begins a transaction is in that transaction, so that many writes cost one
synchronization of the disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from hosting.bindings import host_logger
from hosting_durable.errors import StoreError
from hosting_durable.stores.database import Database, Row, Rows
from hosting_durable.stores.schema import migrate

T = TypeVar("T")

_NUMBER = "INTEGER PRIMARY KEY AUTOINCREMENT"
_BUSY_SECONDS = 30.0
_POLL_SECONDS = 0.1
_BATCH = 200

_logger = host_logger("durable.store")


class _Write:
    """A function to run in a transaction, and who waits for it."""

    def __init__(self, function: Callable[[Rows], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.loop = loop
        self.future: asyncio.Future[Any] = loop.create_future()
        self.value: Any = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        """Hand the result to who waits; called on the thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed, and no task waits
            self.loop.call_soon_threadsafe(self._set)

    def _set(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.value)


class SqliteDatabase(Database):
    """A task hub in a file of SQLite.

    Args:
        path: the file; None for a database in memory, which ends with ``close``.
        clock: returns the microseconds since 1970; by default the system's.
        synchronous: whether a commit survives a power cut, not only the end of the process.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        clock: Callable[[], int] = lambda: time.time_ns() // 1000,
        synchronous: bool = True,
    ) -> None:
        self._path = path
        self._clock = clock
        self._synchronous = synchronous
        self.description = "SQLite in memory" if path is None else f"SQLite file {path}"
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._reader: sqlite3.Connection | None = None
        self._readers = ThreadPoolExecutor(1, "durable-read")
        self._watcher: sqlite3.Connection | None = None
        self._changed = asyncio.Event()
        self._foreign = -1

    async def open(self) -> None:
        """Open the file, and create or update its tables."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        self._thread = Thread(target=self._work, args=(loop, opened), name="durable-write", daemon=True)
        self._thread.start()
        await opened
        if self._path is not None:
            self._reader = await loop.run_in_executor(self._readers, self._connect)
            self._watcher = self._connect()

    async def write(self, function: Callable[[Rows], T], *, quiet: bool = False) -> T:
        """Run a function in a transaction of the writing thread."""
        write = _Write(function, asyncio.get_running_loop())
        self._queue.put(write)
        value: T = await write.future
        if not quiet:
            self.wake()
        return value

    async def read(self, function: Callable[[Rows], T]) -> T:
        """Run a function on the connection for reading; one in memory has only one connection."""
        if self._reader is None:
            return await self.write(function)
        rows = _SqliteRows(self._reader, self._clock)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, self._read, function, rows)

    async def wait(self, seen: int, seconds: float) -> None:
        """Wait for a write; those of other processes are noticed by a counter in the file."""
        ends = time.monotonic() + seconds
        while self.writes == seen and (rest := ends - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest, _POLL_SECONDS)):
                    await self._changed.wait()
            if self._has_foreign_writes():
                self.wake()

    def wake(self) -> None:
        """Let all who wait go on now."""
        self.writes += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        if self._reader is not None:
            await asyncio.get_running_loop().run_in_executor(self._readers, self._reader.close)
            self._reader = None
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None
        self._readers.shutdown()

    def _has_foreign_writes(self) -> bool:
        if self._watcher is None:
            return False
        before = self._foreign
        with contextlib.suppress(sqlite3.Error):
            self._foreign = self._watcher.execute("PRAGMA data_version").fetchone()[0]
        return self._foreign != before

    def _connect(self) -> sqlite3.Connection:
        target = ":memory:" if self._path is None else str(self._path)
        connection = sqlite3.connect(
            target, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={'FULL' if self._synchronous else 'NORMAL'}")
        return connection

    def _read(self, function: Callable[[Rows], T], rows: Rows) -> T:
        rows.run("BEGIN")
        try:
            return function(rows)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        finally:
            rows.run("ROLLBACK")

    # On the writing thread

    def _work(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            connection = self._connect()
            rows = _SqliteRows(connection, self._clock)
            connection.execute("BEGIN IMMEDIATE")
            migrate(rows, _NUMBER)
            connection.execute("COMMIT")
        except (sqlite3.Error, StoreError) as error:
            failure = self._failure(error) if isinstance(error, sqlite3.Error) else error
            loop.call_soon_threadsafe(opened.set_exception, failure)
            return
        loop.call_soon_threadsafe(opened.set_result, None)
        while batch := self._batch():
            self._commit(connection, rows, batch)
        connection.close()

    def _batch(self) -> list[_Write]:
        """Return what is queued, at least one; empty at the end."""
        first = self._queue.get()
        batch = [] if first is None else [first]
        while batch and len(batch) < _BATCH and not self._queue.empty():
            following = self._queue.get()
            if following is None:
                self._queue.put(None)
                break
            batch.append(following)
        return batch

    def _commit(self, connection: sqlite3.Connection, rows: Rows, batch: list[_Write]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for write in batch:
                _run(connection, rows, write)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            for write in batch:
                write.error = self._failure(error)
        for write in batch:
            write.finish()

    def _failure(self, error: sqlite3.Error) -> StoreError:
        return StoreError(
            f"The store of Durable Functions, {self.description}, cannot be used: {error}.",
            remedy="See that the disk has space, that the file can be written, and that no other program locks it.",
        )


def _run(connection: sqlite3.Connection, rows: Rows, write: _Write) -> None:
    """Run one function; what it did is undone if it raises, and the others are kept."""
    connection.execute("SAVEPOINT one")
    try:
        write.value = write.function(rows)
    except sqlite3.Error:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to who waits for it
        write.error = error
        connection.execute("ROLLBACK TO one")
    connection.execute("RELEASE one")


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
        self._connection.executemany(statement, rows)

    def now(self) -> int:
        """Return the time of the clock."""
        return self._clock()
