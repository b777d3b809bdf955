"""The host's storage in a storage account: locks are leases of blobs, texts are blobs, in ``azure-webjobs-hosts``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from hosting.apps.timespans import parse_timespan
from hosting.bindings import Services
from hosting.bindings.storage import GarbledError, HostStorage, Lease, StorageError
from hosting.errors import SettingsError
from hosting_storage.blobs.files import HOSTS, put
from hosting_storage.queues.options import is_development
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.outage import first_line

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

_LASTS = 60
"""Seconds for which a lock stays taken when its process was killed; leases cannot be longer."""
_LASTS_IN_DEVELOPMENT = _SHORTEST = 15
_TRIES = 20
"""Renewals that fit into the life of a lease, where they fail."""
_TAKEN = frozenset((404, 409, 412))
"""Answers that say that a lease is somebody else's, or gone."""

_logger = logging.getLogger("hosting.storage.locks")


def host_storage(services: Services) -> HostStorage | None:
    """The storage account of ``AzureWebJobsStorage``; None if the app has none.

    Raises:
        SettingsError: ``singleton.listenerLockPeriod`` of host.json cannot be used.
        ConnectionSettingError: the account's setting cannot be used.
    """
    connections = Connections(services)
    if not connections.has():
        return None
    return BlobStorage(connections, _lock_period(services))


class BlobStorage(HostStorage):
    """In the default account of an app, for all its hosts on any number of machines.

    Args:
        connections: the clients; closed with this.
        lasts: seconds for which leases are taken and renewed, 15 to 60.

    Raises:
        ConnectionSettingError: the account's setting cannot be used.
    """

    def __init__(self, connections: Connections, lasts: float = _LASTS) -> None:
        self._connections = connections
        self._container: ContainerClient = connections.blob_service().get_container_client(HOSTS)
        self._lasts = int(lasts)

    async def read(self, path: str) -> str | None:
        with self._reached():
            try:
                stream = await self._container.get_blob_client(path).download_blob()
                return (await stream.readall()).decode()
            except ResourceNotFoundError:
                return None
            except UnicodeDecodeError as error:
                remedy = f"Delete that blob of container '{HOSTS}'."
                raise GarbledError(f"Blob '{path}' is not text in UTF-8", remedy=remedy) from error

    async def write(self, path: str, text: str) -> None:
        with self._reached():
            await put(self._container, path, text.encode(), overwrite=True)

    async def lock(self, path: str) -> Lease | None:
        asked = asyncio.get_running_loop().time()
        with self._reached():
            lease = await self._leased(path)
        return None if lease is None else BlobLease(path, lease, self._lasts, asked)

    async def close(self) -> None:
        await self._connections.close()

    async def _leased(self, path: str) -> BlobLeaseClient | None:
        blob = self._container.get_blob_client(path)
        try:
            return await blob.acquire_lease(self._lasts)
        except HttpResponseError as error:
            if error.status_code not in _TAKEN:
                raise
            if error.status_code != 404:
                return None
        try:
            await put(self._container, path, b"")
            return await blob.acquire_lease(self._lasts)
        except HttpResponseError as error:
            if error.status_code not in _TAKEN:
                raise
            return None  # somebody else made it at the same time

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            raise StorageError(
                f"The host's storage account '{self._container.account_name}' cannot be used: {first_line(error)}",
                remedy="If it is Azurite, start it; else check the setting AzureWebJobsStorage.",
            ) from error


class BlobLease(Lease):
    """A leased blob. It is renewed in time; where that fails, others may have it as soon as it has run out.

    Args:
        path: the lock's, for the log.
        lease: as it was acquired.
        lasts: seconds from when it was asked for.
        asked: when that was, by the clock of the loop.
    """

    def __init__(self, path: str, lease: BlobLeaseClient, lasts: float, asked: float) -> None:
        super().__init__()
        self._path = path
        self._lease = lease
        self._lasts = lasts
        self._until = asked + lasts
        self._is_released = False
        self._renewing = asyncio.create_task(self._renew(), name="lease")

    async def release(self) -> None:
        if self._is_released or self.lost.is_set():
            return
        self._is_released = True
        self._renewing.cancel()
        try:
            await self._lease.release(retry_total=0)
        except AzureError as error:
            _logger.debug("The lock %s is not released, and ends by itself: %s", self._path, error)

    async def _renew(self) -> None:
        """Renew it when half its time is over, and again and again where that fails."""
        now = asyncio.get_running_loop().time
        pause = self._lasts / 2
        while True:
            await asyncio.sleep(min(pause, max(0.0, self._until - now())))
            asked = now()
            try:
                async with asyncio.timeout_at(self._until):
                    await self._lease.renew(retry_total=0)
            except (TimeoutError, AzureError) as error:
                if now() >= self._until or _is_taken(error):
                    return self._give_up(error)
                if pause > self._lasts / _TRIES:
                    _logger.warning("The lock %s cannot be renewed; trying again: %s", self._path, _told(error))
                pause = self._lasts / _TRIES
            else:
                self._until, pause = asked + self._lasts, self._lasts / 2

    def _give_up(self, error: Exception) -> None:
        _logger.warning("The lock %s is lost, and another host may take it: %s", self._path, _told(error))
        self.lost.set()


def _lock_period(services: Services) -> float:
    given = services.section("singleton").get("listenerLockPeriod")
    if given is None:
        return _LASTS_IN_DEVELOPMENT if is_development(services) else _LASTS
    seconds = parse_timespan(given) if isinstance(given, str) else None
    if seconds is None or not _SHORTEST <= seconds <= _LASTS:
        raise SettingsError(
            f'singleton.listenerLockPeriod must be a time span from "00:00:15" to "00:01:00", but is {given!r}.',
            remedy="Correct it, or leave it out for Azure's default.",
            file="host.json",
        )
    return seconds


def _told(error: Exception) -> str:
    return "The storage does not answer." if isinstance(error, TimeoutError) else first_line(error)


def _is_taken(error: Exception) -> bool:
    return isinstance(error, HttpResponseError) and error.status_code in _TAKEN
