"""The host's storage in a storage account: locks are blob leases, texts are blobs, in ``azure-webjobs-hosts``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError

from hosting.apps.timespans import parse_timespan
from hosting.bindings import Services, host_logger
from hosting.bindings.storage import GarbledError, HostStorage, Lease, StorageError
from hosting.errors import SettingsError
from hosting_storage.blobs.files import HOSTS, put
from hosting_storage.queues.options import is_development
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.outage import first_line

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobLeaseClient, ContainerClient

_LEASE_SECONDS = 60
"""How long a lock is held after its process was killed; leases cannot be longer."""
_LEASE_SECONDS_IN_DEVELOPMENT = _MIN_LEASE_SECONDS = 15
_RETRIES_PER_LEASE = 20
"""The number of failed renewals that fit into the duration of a lease."""
_TAKEN = frozenset((404, 409, 412))
"""Status codes of a lease that another host holds, or that does not exist."""

_logger = host_logger("storage.locks")


def host_storage(services: Services) -> HostStorage | None:
    """Return the host storage in the account of ``AzureWebJobsStorage``; None if the setting is missing.

    Raises:
        SettingsError: ``singleton.listenerLockPeriod`` of host.json cannot be used.
        ConnectionSettingError: the account's setting cannot be used.
    """
    connections = Connections(services)
    if not connections.has():
        return None
    return BlobStorage(connections, _lock_period(services))


class BlobStorage(HostStorage):
    """The host storage in the default account of an app, shared by its hosts on all machines.

    Args:
        connections: the clients; they are closed with this storage.
        lease_seconds: the duration of leases, 15 to 60.

    Raises:
        ConnectionSettingError: the account's setting cannot be used.
    """

    def __init__(self, connections: Connections, lease_seconds: float = _LEASE_SECONDS) -> None:
        self._connections = connections
        self._container: ContainerClient = connections.blob_service().get_container_client(HOSTS)
        self._lease_seconds = int(lease_seconds)

    async def read(self, path: str) -> str | None:
        """Return the text of the blob at ``path``; None if it does not exist. Raises StorageError or GarbledError."""
        with self._storage_errors():
            try:
                stream = await self._container.get_blob_client(path).download_blob()
                return (await stream.readall()).decode()
            except ResourceNotFoundError:
                return None
            except UnicodeDecodeError as error:
                remedy = f"Delete that blob in container '{HOSTS}'."
                raise GarbledError(f"Blob '{path}' is not UTF-8 text", remedy=remedy) from error

    async def write(self, path: str, text: str) -> None:
        """Write ``text`` to the blob at ``path``. Raises StorageError."""
        with self._storage_errors():
            await put(self._container, path, text.encode(), overwrite=True)

    async def lock(self, path: str) -> Lease | None:
        """Lease the blob at ``path``; None if another host holds it. Raises StorageError."""
        requested_at = asyncio.get_running_loop().time()
        with self._storage_errors():
            lease = await self._acquire(path)
        return None if lease is None else BlobLease(path, lease, self._lease_seconds, requested_at)

    async def close(self) -> None:
        """Close the clients."""
        await self._connections.close()

    async def _acquire(self, path: str) -> BlobLeaseClient | None:
        blob = self._container.get_blob_client(path)
        try:
            return await blob.acquire_lease(self._lease_seconds)
        except HttpResponseError as error:
            if error.status_code not in _TAKEN:
                raise
            if error.status_code != 404:
                return None
        try:
            await put(self._container, path, b"")
            return await blob.acquire_lease(self._lease_seconds)
        except HttpResponseError as error:
            if error.status_code not in _TAKEN:
                raise
            return None  # another host created it at the same time

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except AzureError as error:
            raise StorageError(
                f"The host's storage account '{self._container.account_name}' cannot be used: {first_line(error)}",
                remedy="Is Azurite running? Otherwise check the setting AzureWebJobsStorage.",
            ) from error


class BlobLease(Lease):
    """A lease of a blob. It is renewed in time; if that fails, another host may take it when it has expired.

    Args:
        path: the path of the lock, for the log.
        lease: the client of the acquired lease.
        lease_seconds: its duration.
        requested_at: when it was requested, by the clock of the event loop.
    """

    def __init__(self, path: str, lease: BlobLeaseClient, lease_seconds: float, requested_at: float) -> None:
        super().__init__()
        self._path = path
        self._lease = lease
        self._lease_seconds = lease_seconds
        self._expires_at = requested_at + lease_seconds
        self._is_released = False
        self._renewing = asyncio.create_task(self._renew(), name="lease")

    async def release(self) -> None:
        """Stop renewing the lease, and release it; does nothing if it is lost or released."""
        if self._is_released or self.lost.is_set():
            return
        self._is_released = True
        self._renewing.cancel()
        try:
            await self._lease.release(retry_total=0)
        except AzureError as error:
            _logger.debug("The lock %s could not be released; it expires by itself: %s", self._path, error)

    async def _renew(self) -> None:
        """Renew the lease after half of its duration; retry more often while that fails."""
        now = asyncio.get_running_loop().time
        pause = self._lease_seconds / 2
        while True:
            await asyncio.sleep(min(pause, max(0.0, self._expires_at - now())))
            requested_at = now()
            try:
                async with asyncio.timeout_at(self._expires_at):
                    await self._lease.renew(retry_total=0)
            except (TimeoutError, AzureError) as error:
                if now() >= self._expires_at or _is_taken(error):
                    return self._give_up(error)
                if pause > self._lease_seconds / _RETRIES_PER_LEASE:
                    _logger.warning("The lock %s cannot be renewed; retrying: %s", self._path, _reason(error))
                pause = self._lease_seconds / _RETRIES_PER_LEASE
            else:
                self._expires_at, pause = requested_at + self._lease_seconds, self._lease_seconds / 2

    def _give_up(self, error: Exception) -> None:
        _logger.warning("The lock %s is lost; another host may take it: %s", self._path, _reason(error))
        self.lost.set()


def _lock_period(services: Services) -> float:
    value = services.section("singleton").get("listenerLockPeriod")
    if value is None:
        return _LEASE_SECONDS_IN_DEVELOPMENT if is_development(services) else _LEASE_SECONDS
    seconds = parse_timespan(value) if isinstance(value, str) else None
    if seconds is None or not _MIN_LEASE_SECONDS <= seconds <= _LEASE_SECONDS:
        raise SettingsError(
            f'singleton.listenerLockPeriod must be a time span from "00:00:15" to "00:01:00", but is {value!r}.',
            remedy="Correct it, or leave it out for Azure's default.",
            file="host.json",
        )
    return seconds


def _reason(error: Exception) -> str:
    return "The storage does not respond." if isinstance(error, TimeoutError) else first_line(error)


def _is_taken(error: Exception) -> bool:
    return isinstance(error, HttpResponseError) and error.status_code in _TAKEN
