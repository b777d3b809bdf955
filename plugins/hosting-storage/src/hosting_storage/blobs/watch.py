"""Looking into the container of one function again and again, as long as no other host does."""

from __future__ import annotations

import asyncio
import logging

from azure.core.exceptions import AzureError

from hosting._asyncio import wait_for_event
from hosting.bindings.storage import HostStorage, Lease, StorageError
from hosting_storage.blobs.scan import Scan
from hosting_storage.shared.outage import Outage

_logger = logging.getLogger("hosting.storage.blobs")


class Watch:
    """One function's scan, under a lock: of several hosts of an app, one looks, and another one when that one ends.

    Args:
        name: the function's.
        scan: what is done under the lock.
        storage: has the lock.
        lock: its path.
        every: seconds between two looks.
        budget: blobs that a look may list.
        stopping: set when the host takes no new work.
        outage: told when the storage cannot be used.
    """

    def __init__(
        self,
        name: str,
        scan: Scan,
        storage: HostStorage,
        lock: str,
        *,
        every: float,
        budget: int,
        stopping: asyncio.Event,
        outage: Outage,
    ) -> None:
        self._who = f"the blob trigger of function '{name}'"
        self._scan = scan
        self._storage = storage
        self._lock = lock
        self._every = every
        self._budget = budget
        self._stopping = stopping
        self._outage = outage
        self._lease: Lease | None = None

    async def run(self) -> None:
        """Look, and wait, until the host stops; then leave the lock to others."""
        while not self._stopping.is_set():
            try:
                await self._look()
            except AzureError as error:
                self._outage.failed(self._who, error)
            except StorageError as error:
                self._outage.failed(self._who, error.__cause__ if isinstance(error.__cause__, AzureError) else error)
            except Exception:
                _logger.exception("A look for new blobs failed: %s", self._who)
            else:
                self._outage.answered(self._who)
            await wait_for_event(self._stopping, self._every)
        await self._leave()

    async def _look(self) -> None:
        if await self._is_elected():
            await self._scan.round(self._budget, self._goes_on)

    async def _is_elected(self) -> bool:
        if self._lease is not None and not self._lease.lost.is_set():
            return True
        self._lease = None
        lease = await self._storage.lock(self._lock)
        if lease is None:
            return False
        try:
            await self._scan.resume()
        except BaseException:
            await lease.release()
            raise
        self._lease = lease
        return True

    def _goes_on(self) -> bool:
        return not self._stopping.is_set() and self._lease is not None and not self._lease.lost.is_set()

    async def _leave(self) -> None:
        if self._lease is None:
            return
        try:
            if not self._lease.lost.is_set():
                await self._scan.keep()
        except (AzureError, StorageError) as error:
            _logger.debug("The progress of %s is not kept: %s", self._who, error)
        finally:
            await self._lease.release()
