"""The host's storage in a real Azurite: texts, locks that one host holds, and locks that are lost."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import Awaitable, Callable
from unittest.mock import patch

import pytest
from azure.storage.blob import BlobLeaseClient as SyncBlobLeaseClient
from azure.storage.blob.aio import BlobLeaseClient
from storage_support.blob_hosts import until
from storage_support.blobs import Blobs

from hosting.bindings import Services
from hosting.bindings.storage import FileStorage, GarbledError, StorageError
from hosting.errors import HostingError
from hosting_storage.blobs.files import HOSTS
from hosting_storage.blobs.storage import BlobLease, BlobStorage, host_storage
from hosting_storage.shared import connections
from hosting_storage.shared.connections import Connections
from hosting_storage.testing import Azurite

PATH = "locks/host/Host.Functions.ä b.Listener"


def run(azurite: Azurite, scenario: Callable[[BlobStorage], Awaitable[None]], lasts: float = 15) -> None:
    async def run() -> None:
        storage = BlobStorage(Connections(Services({}, {"AzureWebJobsStorage": azurite.connection_string})), lasts)
        try:
            await scenario(storage)
        finally:
            await storage.close()

    asyncio.run(run())


@pytest.fixture
def path() -> str:
    return f"{uuid.uuid4().hex}/{PATH}"


def test_texts(azurite: Azurite, path: str) -> None:
    """What is written is read back, whole; what was never written is None."""

    async def scenario(storage: BlobStorage) -> None:
        assert await storage.read(path) is None
        for text in ("grün\n", ""):
            await storage.write(path, text)
            assert await storage.read(path) == text

    run(azurite, scenario)


def test_what_is_no_text(azurite: Azurite, path: str) -> None:
    """A blob that somebody else wrote in another encoding is told of as such, and can be written over."""
    blobs = Blobs(azurite.connection_string)
    blobs.put(f"{HOSTS}/{path}", b"\xff")
    blobs.close()

    async def scenario(storage: BlobStorage) -> None:
        with pytest.raises(GarbledError, match="is not UTF-8 text") as refused:
            await storage.read(path)
        assert "Delete that blob" in refused.value.remedy
        await storage.write(path, "text")
        assert await storage.read(path) == "text"

    run(azurite, scenario)


def test_lock(azurite: Azurite, path: str) -> None:
    """One host at a time holds a lock; who releases it twice does no harm."""

    async def scenario(storage: BlobStorage) -> None:
        first = await storage.lock(path)
        assert first is not None
        assert await storage.lock(path) is None
        assert not first.lost.is_set()
        await first.release()
        second = await storage.lock(path)
        assert second is not None
        await first.release()
        assert await storage.lock(path) is None
        await second.release()

    run(azurite, scenario)


def test_locks_at_the_same_time(azurite: Azurite, path: str) -> None:
    """Of many that ask at the same time for a lock that nobody had before, one gets it."""

    async def scenario(storage: BlobStorage) -> None:
        found = await asyncio.gather(*(storage.lock(path) for _ in range(8)))
        (lease,) = filter(None, found)
        await lease.release()

    run(azurite, scenario)


def test_renewal(azurite: Azurite, path: str) -> None:
    """A lock is renewed before it runs out, as long as it is held."""
    renewed: list[float] = []

    async def scenario(storage: BlobStorage) -> None:
        lease = await storage.lock(path)
        assert isinstance(lease, BlobLease)
        inner = lease._lease
        real = inner.renew

        async def renew(**options: object) -> None:
            renewed.append(asyncio.get_running_loop().time())
            await real()

        inner.renew = renew  # type: ignore[method-assign]
        quick = BlobLease(path, inner, 3.0, asyncio.get_running_loop().time())
        await until(lambda: len(renewed) >= 3)
        assert not quick.lost.is_set()
        lease._renewing.cancel()
        await quick.release()

    run(azurite, scenario)


def test_lost_to_another(azurite: Azurite, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A lock whose lease is gone is lost at the next renewal, and released no more."""

    async def scenario(storage: BlobStorage) -> None:
        lease = await storage.lock(path)
        assert isinstance(lease, BlobLease)
        blobs = Blobs(azurite.connection_string)
        blob = blobs.service.get_blob_client(HOSTS, path)
        SyncBlobLeaseClient(blob).break_lease(0)
        other = blob.acquire_lease(15)
        quick = BlobLease(path, lease._lease, 0.2, asyncio.get_running_loop().time())
        await asyncio.wait_for(quick.lost.wait(), 60)
        await quick.release()
        lease._renewing.cancel()
        other.renew()
        other.release()
        blobs.close()
        assert f"The lock {path} is lost; another host may take it" in caplog.text

    run(azurite, scenario)


def test_lost_to_an_outage(azurite: Azurite, path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A lock that cannot be renewed for as long as it lasts is lost; a renewal that hangs counts as none."""
    caplog.set_level(logging.WARNING)

    async def scenario(storage: BlobStorage) -> None:
        lease = await storage.lock(path)
        assert isinstance(lease, BlobLease)
        inner: BlobLeaseClient = lease._lease

        async def hang(**options: object) -> None:
            await asyncio.sleep(3600)

        inner.renew = hang  # type: ignore[method-assign]
        quick = BlobLease(path, inner, 0.3, asyncio.get_running_loop().time())
        await asyncio.wait_for(quick.lost.wait(), 60)
        await lease.release()

    run(azurite, scenario)
    assert f"The lock {path} is lost; another host may take it: The storage does not respond." in caplog.messages


def test_unreachable(azurite: Azurite, path: str) -> None:
    """Storage that cannot be reached is a StorageError with what to do about it."""
    nowhere = re.sub(r":\d+/", ":9/", azurite.connection_string)

    async def scenario() -> None:
        storage = BlobStorage(Connections(Services({}, {"AzureWebJobsStorage": nowhere})))
        for call in (storage.read(path), storage.write(path, "x"), storage.lock(path)):
            with pytest.raises(StorageError, match="devstoreaccount1") as raised:
                await call
            assert "Is Azurite running" in raised.value.remedy
        await storage.close()

    with patch.object(connections, "_RETRIES", {"retry_total": 0}):
        asyncio.run(scenario())


def test_chosen(azurite: Azurite) -> None:
    """An app with AzureWebJobsStorage has its storage there, and one without it in files."""
    with_account = Services({}, {"AzureWebJobsStorage": azurite.connection_string})
    assert isinstance(with_account.storage, BlobStorage)
    assert isinstance(Services({}, {}).storage, FileStorage)
    asyncio.run(with_account.close())


@pytest.mark.parametrize("given", ["00:00:14", "00:01:01", "soon", 20, True])
def test_no_lock_period(azurite: Azurite, given: object) -> None:
    """A lock period that Azure Storage does not have is refused with those that it has."""
    host_json = {"singleton": {"listenerLockPeriod": given}}
    services = Services(host_json, {"AzureWebJobsStorage": azurite.connection_string})
    with pytest.raises(HostingError, match='from "00:00:15" to "00:01:00"'):
        host_storage(services)


@pytest.mark.parametrize(
    ("host_json", "environ", "lasts"),
    [
        ({}, {}, 60),
        ({}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, 15),
        ({"singleton": {"listenerLockPeriod": "00:00:30"}}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, 30),
    ],
)
def test_lock_period(azurite: Azurite, host_json: dict[str, object], environ: dict[str, str], lasts: int) -> None:
    """Locks last a minute, in development a quarter of one, unless host.json says otherwise."""
    services = Services(host_json, {"AzureWebJobsStorage": azurite.connection_string, **environ})
    storage = host_storage(services)
    assert isinstance(storage, BlobStorage)
    assert storage._lease_seconds == lasts
    asyncio.run(storage.close())
