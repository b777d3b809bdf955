"""The small interface between a task hub and its database.

All statements of the package are written once, in the SQL that SQLite and PostgreSQL share. A database runs functions
of statements, each in a transaction.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")
U = TypeVar("U")
Row = Sequence[Any]


class Rows(ABC):
    """The statements that a function can run inside its transaction."""

    @abstractmethod
    def run(self, statement: str, *values: Any) -> int:
        """Run a statement with ``?`` for each value; return how many rows it has changed."""

    @abstractmethod
    def all(self, statement: str, *values: Any) -> list[Row]:
        """Return all rows of a query, or of a statement with RETURNING."""

    @abstractmethod
    def many(self, statement: str, rows: Sequence[Row]) -> None:
        """Run a statement once for each row of values."""

    @abstractmethod
    def now(self) -> int:
        """Return the database's time, in microseconds since 1970: one clock for all hosts of a hub."""

    def one(self, statement: str, *values: Any) -> Row | None:
        """Return the first row of a query; None if there is none."""
        found = self.all(statement, *values)
        return found[0] if found else None


class Database(ABC):
    """A database with the tables of one task hub. All methods belong to one event loop."""

    description = ""
    """What and where it is, for messages; without passwords."""

    for_update = ""
    """What a query ends with that reads rows in order to change them, when several hosts do so at once."""

    @abstractmethod
    async def open(self) -> None:
        """Connect, and create or update the tables.

        Raises:
            StoreError: it cannot be opened, or a newer version of this package has made its tables.
        """

    @abstractmethod
    async def write(self, function: Callable[[Rows], T], *, quiet: bool = False) -> T:
        """Run a function in a transaction, and return what it returns when that is committed.

        Functions of one process run one after the other; several may share a transaction. A function may run again if
        the transaction could not be committed, or if another function in it raised: it must change nothing but rows.

        Args:
            function: the function.
            quiet: whether those who ``wait`` need not know.

        Raises:
            StoreError: the database cannot be used.
            Exception: what the function raises; nothing that it did is kept.
        """

    async def write_and(
        self, function: Callable[[Rows], T], then: Callable[[Rows], U], *, quiet: bool = False
    ) -> tuple[T, U | None]:
        """Run a function as ``write`` does, and ``then`` at the end of its transaction; return what both return.

        Where several share the transaction, a database may run one ``then`` for all, that of a quiet one if there is
        one; the others get None for it.

        Args:
            function: the function.
            then: what follows; it may run again, as the function may. Pass only such as do the same.
            quiet: as for ``write``.

        Raises:
            StoreError: the database cannot be used.
            Exception: what the function raises; then nothing is kept of what it did.
        """
        return await self.write(lambda rows: (function(rows), then(rows)), quiet=quiet)

    @abstractmethod
    async def read(self, function: Callable[[Rows], T]) -> T:
        """Run a function that only reads; it sees what is committed.

        Raises:
            StoreError: the database cannot be used.
        """

    writes = 0
    """Counts what may have changed the tables; read it before you look at them, then ``wait`` with what you read."""

    @abstractmethod
    async def wait(self, seen: int, seconds: float) -> None:
        """Wait until ``writes`` is not ``seen``, at most for some seconds: this process or another one has written."""

    @abstractmethod
    def wake(self) -> None:
        """Let all who wait go on now."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what is queued and disconnect."""
