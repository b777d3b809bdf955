"""Claiming work in the same transaction as another write, so that a step of an orchestration costs two of them."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar
from uuid import uuid4

from hosting_durable.errors import StoreError
from hosting_durable.settings import DurableSettings
from hosting_durable.stores import work
from hosting_durable.stores.database import Database, Rows
from hosting_durable.stores.work import Claimed, Slots

T = TypeVar("T")

TURNS, ENTITIES, ACTIVITIES = range(3)
"""The kinds of work."""


class Claims:
    """What this process has claimed, and how much more it may.

    Args:
        database: the database.
        settings: how much runs at once.
    """

    def __init__(self, database: Database, settings: DurableSettings) -> None:
        self.id = uuid4().hex
        """The ID under which this host claims."""
        self.known: dict[str, tuple[str, int]] = {}
        """The execution and the turn of the instances whose history the engine keeps."""
        self._database = database
        self._limits = (settings.max_orchestrators, settings.max_entities, settings.max_activities)
        self._held = [0, 0, 0]
        self._lock = Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Claim nothing more, until ``resume``."""
        self._is_stopped = True

    def resume(self) -> None:
        """Claim again."""
        self._is_stopped = False

    def ended(self, kind: int) -> bool:
        """Give a slot back; return whether there was none."""
        with self._lock:
            was_full = self._held[kind] >= self._limits[kind]
            self._held[kind] -= 1
        return was_full

    async def write(self, function: Callable[[Rows], T], *, quiet: bool = False) -> tuple[T, Claimed | None]:
        """Run a function in a transaction, claim what is due then, and return both results.

        Of several writes that share a transaction, one gets all that is claimed, and the others None.

        Args:
            function: the function.
            quiet: whether other hosts need not know; it also asks when the next thing is due.

        Raises:
            StoreError: the database cannot be used. It is not known whether the claim is committed: under the next ID
                nothing is claimed for ever, as other hosts take over from the one before.
            Exception: what the function raises.
        """
        owner, lock, mine = self.id, self._database.for_update, [0, 0, 0]

        def claim(rows: Rows) -> Claimed:
            self._hold(mine, (0, 0, 0))  # what an earlier attempt has claimed
            claimed = work.claim(rows, owner, self._slots(), self.known, lock, finds_next=quiet)
            self._hold(mine, (len(claimed.turns), len(claimed.entities), len(claimed.activities)))
            return claimed

        try:
            return await self._database.write_and(function, claim, quiet=quiet)
        except BaseException as error:
            self._hold(mine, (0, 0, 0))
            if isinstance(error, StoreError) and self.id == owner:
                self.id = uuid4().hex
            raise

    async def claim(self) -> Claimed | None:
        """Claim what is due; None if a write of this process has done so meanwhile. Raises as ``write``."""
        _, claimed = await self.write(lambda _rows: None, quiet=True)
        return claimed

    def _slots(self) -> Slots:
        if self._is_stopped:
            return Slots(0, 0, 0)
        with self._lock:
            return Slots(*(max(limit - held, 0) for limit, held in zip(self._limits, self._held, strict=True)))

    def _hold(self, mine: list[int], counts: tuple[int, int, int]) -> None:
        """Replace what one write holds."""
        with self._lock:
            for kind, count in enumerate(counts):
                self._held[kind] += count - mine[kind]
                mine[kind] = count
