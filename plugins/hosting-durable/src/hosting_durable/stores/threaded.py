"""A database that one thread writes to.

What is queued when the thread begins a transaction is in that transaction, so that many writes cost one
synchronization of the disk. Reads have a connection and a thread of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from hosting_durable.errors import StoreError
from hosting_durable.stores.database import Database, Rows
from hosting_durable.stores.schema import migrate

T = TypeVar("T")
U = TypeVar("U")

_BATCH = 200
_ATTEMPTS = 5
_REMEDY = "See that the database runs and can be written, and that its disk has space."


class Conflict(Exception):
    """The transaction met another one, and can be repeated."""


class Disconnected(Exception):
    """The connection is gone, and the transaction was not committed: it can be repeated on another connection."""


class Session(ABC):
    """A connection; all methods belong to one thread at a time."""

    rows: Rows
    """What functions run their statements with."""
    errors: tuple[type[Exception], ...]
    """What the driver raises."""

    @abstractmethod
    def begin(self, *, writes: bool) -> None:
        """Begin a transaction."""

    @abstractmethod
    def commit(self, *, notify: bool) -> None:
        """Commit it, and let other hosts know if ``notify``."""

    @abstractmethod
    def rollback(self) -> None:
        """Undo it; does nothing if the connection is gone."""

    @abstractmethod
    def is_conflict(self, error: Exception) -> bool:
        """Return whether a transaction that failed so can be repeated."""

    def exclude_others(self) -> None:  # noqa: B027 - a transaction that writes excludes others in some databases
        """Let no other host create or update the tables until the transaction ends."""

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone."""
        return False

    @abstractmethod
    def close(self) -> None:
        """Disconnect."""


class _Write:
    """A function to run in a transaction, and the task that waits for it."""

    def __init__(
        self,
        function: Callable[[Rows], Any],
        then: Callable[[Rows], Any] | None,
        loop: asyncio.AbstractEventLoop,
        *,
        quiet: bool,
    ) -> None:
        self.function = function
        self.then = then
        self.quiet = quiet
        self.future: asyncio.Future[Any] = loop.create_future()
        self.value: Any = None
        self.following: Any = None
        self.error: BaseException | None = None

    def finish(self) -> None:
        """Hand over the result; called on the event loop."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result((self.value, self.following))


def _finish(batch: list[_Write]) -> None:
    for write in batch:
        write.finish()


class ThreadedDatabase(Database):
    """The common part of the databases: the queue, its thread, and the waiting for changes."""

    number_type = ""
    """The type of a key that counts by itself."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[_Write | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._reader: Session | None = None
        self._readers = ThreadPoolExecutor(1, "durable-read")
        self._changed = asyncio.Event()
        self._is_closed = False

    @abstractmethod
    def connect(self, *, reads: bool = False) -> Session:
        """Return a new connection; called on the thread that uses it."""

    @property
    def has_reader(self) -> bool:
        """Whether reads have a connection of their own."""
        return True

    async def open(self) -> None:
        """Connect, and create or update the tables."""
        loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = loop.create_future()
        self._thread = Thread(target=self._work, args=(loop, opened), name="durable-write", daemon=True)
        self._thread.start()
        await opened

    async def write(self, function: Callable[[Rows], T], *, quiet: bool = False) -> T:
        """Run a function in a transaction of the writing thread."""
        value, _ = await self._write(function, None, quiet=quiet)
        return value

    async def write_and(
        self, function: Callable[[Rows], T], then: Callable[[Rows], U], *, quiet: bool = False
    ) -> tuple[T, U | None]:
        """Run a function in a transaction of the writing thread, and what follows once for all functions in it."""
        return await self._write(function, then, quiet=quiet)

    async def _write(
        self, function: Callable[[Rows], T], then: Callable[[Rows], U] | None, *, quiet: bool
    ) -> tuple[T, U | None]:
        if self._thread is None or self._is_closed:
            raise StoreError(f"The store of Durable Functions, {self.description}, is not open.")
        write = _Write(function, then, asyncio.get_running_loop(), quiet=quiet)
        self._queue.put(write)
        result: tuple[T, U | None] = await write.future
        if not quiet:
            self.wake()
        return result

    async def read(self, function: Callable[[Rows], T]) -> T:
        """Run a function on the connection for reading."""
        if not self.has_reader:
            return await self.write(function, quiet=True)
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._read, function)

    async def wait(self, seen: int, seconds: float) -> None:
        """Wait for a write."""
        ends = time.monotonic() + seconds
        while self.writes == seen and (rest := ends - time.monotonic()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(rest, self.poll_seconds)):
                    await self._changed.wait()
            if self.has_foreign_writes():
                self.wake()

    @property
    def poll_seconds(self) -> float:
        """How often ``wait`` asks ``has_foreign_writes``."""
        return 60.0

    def has_foreign_writes(self) -> bool:
        """Return whether another process may have written since the last call; called on the event loop."""
        return False

    def wake(self) -> None:
        """Let all who wait go on now."""
        self.writes += 1
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def close(self) -> None:
        """Finish what is queued and disconnect."""
        self._is_closed = True
        if self._thread is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._thread.join)
        await asyncio.get_running_loop().run_in_executor(self._readers, self._close_reader)
        self._readers.shutdown()

    # On the reading thread

    def _read(self, function: Callable[[Rows], T]) -> T:
        try:
            return self._read_once(function)
        except Disconnected:
            try:
                return self._read_once(function)  # on another connection
            except Disconnected as error:
                raise self.failure(error) from error

    def _read_once(self, function: Callable[[Rows], T]) -> T:
        session = self._reader = self._reader or self.connect(reads=True)
        try:
            session.begin(writes=False)
            try:
                return function(session.rows)
            finally:
                session.rollback()
        except session.errors as error:
            is_lost = session.is_lost
            self._close_reader()
            if is_lost:
                raise Disconnected(str(error)) from error
            raise self.failure(error) from error

    def _close_reader(self) -> None:
        session, self._reader = self._reader, None
        if session is not None:
            session.close()

    # On the writing thread

    def _work(self, loop: asyncio.AbstractEventLoop, opened: asyncio.Future[None]) -> None:
        try:
            session: Session | None = self._migrated()
        except StoreError as error:
            self._is_closed = True
            loop.call_soon_threadsafe(opened.set_exception, error)
            return
        loop.call_soon_threadsafe(opened.set_result, None)
        while batch := self._batch():
            session = self._commit(session, batch)
            with contextlib.suppress(RuntimeError):  # the loop is closed, and no task waits
                loop.call_soon_threadsafe(_finish, batch)
        if session is not None:
            session.close()

    def _migrated(self) -> Session:
        session = self.connect()
        try:
            session.begin(writes=True)
            session.exclude_others()
            migrate(session.rows, self.number_type)
            session.commit(notify=False)
        except session.errors as error:
            session.close()
            raise self.failure(error) from error
        except StoreError:
            session.close()
            raise
        return session

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

    def _commit(self, session: Session | None, batch: list[_Write]) -> Session | None:
        """Run a batch, and return the connection for the next one; None if it is gone."""
        for _ in range(_ATTEMPTS):
            try:
                session = session or self.connect()
                self._transact(session, batch)
            except StoreError as error:
                _fail(batch, error)
                return None
            except Conflict as error:
                _fail(batch, StoreError(f"Other hosts write to {self.description} all the time: {error}."))
            except Disconnected as error:
                _fail(batch, self.failure(error))
                session = None
            except Exception as error:  # noqa: BLE001 - whatever the driver raises
                _fail(batch, self.failure(error))
                if session is not None:
                    session.close()
                return None
            else:
                return session
        return session

    def _transact(self, session: Session, batch: list[_Write]) -> None:
        """Run a batch in a transaction; raises Conflict or Disconnected if it can be repeated."""
        is_committing = False
        for write in batch:
            write.error, write.following = None, None
        try:
            session.begin(writes=True)
            if not _run_all(session, batch):
                # One has raised, which is rare: only then what each does is kept apart from the others.
                session.rollback()
                session.begin(writes=True)
                for write in batch:
                    _run_apart(session, write)
            _follow(session, batch)
            is_committing = True
            session.commit(notify=not all(write.quiet for write in batch))
        except session.errors as error:
            session.rollback()
            if session.is_conflict(error):
                raise Conflict(str(error)) from error
            if session.is_lost and not is_committing:
                session.close()
                raise Disconnected(str(error)) from error
            raise

    def failure(self, error: Exception) -> StoreError:
        """Return the error for a person, about one of the driver."""
        return StoreError(
            f"The store of Durable Functions, {self.description}, cannot be used: {str(error).strip()}.", remedy=_REMEDY
        )


def _fail(batch: list[_Write], error: StoreError) -> None:
    for write in batch:
        write.error = error


def _run_all(session: Session, batch: list[_Write]) -> bool:
    """Run all functions; return False if one has raised, so that none of it can be kept."""
    for write in batch:
        try:
            write.value = write.function(session.rows)
        except session.errors:
            raise
        except Exception as error:  # noqa: BLE001 - it belongs to the task that waits for it
            write.error = error
            if len(batch) > 1 or write.then is not None:
                return False
            session.rollback()  # there is nothing else in the transaction
            session.begin(writes=True)
    return True


def _run_apart(session: Session, write: _Write) -> None:
    """Run one function; what it did is undone if it raises, and the others are kept."""
    write.error = None
    session.rows.run("SAVEPOINT one")
    try:
        write.value = write.function(session.rows)
    except session.errors:
        raise
    except Exception as error:  # noqa: BLE001 - it belongs to the task that waits for it
        write.error = error
        session.rows.run("ROLLBACK TO SAVEPOINT one")
    session.rows.run("RELEASE SAVEPOINT one")


def _follow(session: Session, batch: list[_Write]) -> None:
    """Run what follows, for one function that has not raised."""
    found = [write for write in batch if write.then is not None and write.error is None]
    for write in sorted(found, key=lambda one: not one.quiet)[:1]:
        assert write.then is not None
        write.following = write.then(session.rows)
