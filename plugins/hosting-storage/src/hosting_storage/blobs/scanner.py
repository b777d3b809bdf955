"""Scans the container of one function periodically, while no other host does."""

from __future__ import annotations

import asyncio
import math
import time

from azure.core.exceptions import AzureError

from hosting._asyncio import wait_for_event
from hosting.bindings import host_logger
from hosting.bindings.storage import HostStorage, Lease, StorageError
from hosting_storage.blobs.scan import Scan
from hosting_storage.shared.outage import Outage

_logger = host_logger("storage.blobs")


def described(name: str) -> str:
    """Return the blob trigger of a function, as the outages of its account name it."""
    return f"the blob trigger of function '{name}'"


class Scanner:
    """Runs one function's scan under a lock: of several hosts of an app, one scans; when it ends, another takes over.

    Args:
        name: the function's name.
        scan: the scan to run while the lock is held.
        storage: the storage with the lock.
        lock: the path of the lock.
        interval: seconds between two scans.
        budget: the maximum number of blobs that one scan lists.
        stopping: set when the host accepts no new work.
        outage: gets failures of the storage.
    """

    def __init__(
        self,
        name: str,
        scan: Scan,
        storage: HostStorage,
        lock: str,
        *,
        interval: float,
        budget: int,
        stopping: asyncio.Event,
        outage: Outage,
    ) -> None:
        self._description = described(name)
        self._scan = scan
        self._storage = storage
        self._lock = lock
        self._interval = interval
        self._budget = budget
        self._stopping = stopping
        self._outage = outage
        self._lease: Lease | None = None
        self._left_at = -math.inf

    @property
    def description(self) -> str:
        """What it scans, for messages."""
        return self._description

    @property
    def looked_at(self) -> float:
        """When the container was last looked at, by ``time.monotonic``: here, or by the host that holds the lock."""
        return max(self._left_at, self._scan.swept_at)

    async def run(self) -> None:
        """Scan and wait until the host stops; then release the lock."""
        while not self._stopping.is_set():
            try:
                await self._scan_if_elected()
            except AzureError as error:
                self._outage.failed(self._description, error)
            except StorageError as error:
                self._outage.failed(
                    self._description, error.__cause__ if isinstance(error.__cause__, AzureError) else error
                )
            except Exception:
                _logger.exception("A scan for new blobs failed: %s", self._description)
            else:
                self._outage.answered(self._description)
            await wait_for_event(self._stopping, self._interval)
        await self._release()

    async def _scan_if_elected(self) -> None:
        asked_at = time.monotonic()
        if not await self._try_lock():
            self._left_at = asked_at
        else:
            await self._scan.round(self._budget, self._may_continue)

    async def _try_lock(self) -> bool:
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

    def _may_continue(self) -> bool:
        return not self._stopping.is_set() and self._lease is not None and not self._lease.lost.is_set()

    async def _release(self) -> None:
        if self._lease is None:
            return
        try:
            if not self._lease.lost.is_set():
                await self._scan.save()
        except (AzureError, StorageError) as error:
            _logger.debug("The progress of %s could not be saved: %s", self._description, error)
        finally:
            await self._lease.release()
