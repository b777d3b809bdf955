"""The host's storage in a real Azurite: texts, locks, and locks that are lost."""

from __future__ import annotations

import asyncio
import logging
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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


@asynccontextmanager
async def open_storage(azurite: Azurite) -> AsyncIterator[BlobStorage]:
    """The host's storage in the account, closed at the end of the block."""
    connections = Connections(Services({}, {"AzureWebJobsStorage": azurite.connection_string}))
    storage = BlobStorage(connections, lease_seconds=15)
    try:
        yield storage
    finally:
        await storage.close()


@pytest.fixture
def path() -> str:
    return f"{uuid.uuid4().hex}/{PATH}"


async def test_text_is_read_back_as_it_was_written(azurite: Azurite, path: str) -> None:
    """A text that is written is read back unchanged; one that was never written is None."""
    async with open_storage(azurite) as storage:
        assert await storage.read(path) is None
        for text in ("grün\n", ""):
            await storage.write(path, text)
            assert await storage.read(path) == text


async def test_read_of_a_blob_that_is_not_utf8_is_an_error_with_a_remedy(azurite: Azurite, path: str) -> None:
    """A blob in another encoding is a GarbledError, and can be overwritten."""
    blobs = Blobs(azurite.connection_string)
    blobs.put(f"{HOSTS}/{path}", b"\xff")
    blobs.close()

    async with open_storage(azurite) as storage:
        with pytest.raises(GarbledError, match="is not UTF-8 text") as refused:
            await storage.read(path)
        assert "Delete that blob" in refused.value.remedy
        await storage.write(path, "text")
        assert await storage.read(path) == "text"


async def test_lock_is_held_by_one_host_until_it_is_released(azurite: Azurite, path: str) -> None:
    """One host at a time holds a lock; releasing it twice does no harm."""
    async with open_storage(azurite) as storage:
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


async def test_lock_that_several_hosts_request_at_once_is_given_to_one(azurite: Azurite, path: str) -> None:
    """Of several concurrent requests for a new lock, one gets it."""
    async with open_storage(azurite) as storage:
        leases = await asyncio.gather(*(storage.lock(path) for _ in range(8)))
        (lease,) = filter(None, leases)
        await lease.release()


async def test_lock_is_renewed_before_it_expires(azurite: Azurite, path: str) -> None:
    """A lock is renewed before it expires, as long as it is held."""
    renewed: list[float] = []

    async with open_storage(azurite) as storage:
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


async def test_lock_that_another_host_took_is_lost_at_the_next_renewal(
    azurite: Azurite, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A lock whose lease is gone is lost at the next renewal, and is not released."""
    async with open_storage(azurite) as storage:
        lease = await storage.lock(path)
        assert isinstance(lease, BlobLease)
        blobs = Blobs(azurite.connection_string)
        blob = blobs.service.get_blob_client(HOSTS, path)
        SyncBlobLeaseClient(blob).break_lease(0)
        other = blob.acquire_lease(-1)
        quick = BlobLease(path, lease._lease, 0.2, asyncio.get_running_loop().time())
        await asyncio.wait_for(quick.lost.wait(), 60)
        await quick.release()
        lease._renewing.cancel()
        other.renew()
        other.release()
        blobs.close()
        assert f"The lock {path} is lost; another host may take it" in caplog.text


async def test_lock_that_cannot_be_renewed_is_lost_when_it_expires(
    azurite: Azurite, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A lock that cannot be renewed until it expires is lost; a renewal that hangs counts as failed."""
    caplog.set_level(logging.WARNING)

    async with open_storage(azurite) as storage:
        lease = await storage.lock(path)
        assert isinstance(lease, BlobLease)
        inner: BlobLeaseClient = lease._lease

        async def hang(**options: object) -> None:
            await asyncio.sleep(3600)

        inner.renew = hang  # type: ignore[method-assign]
        quick = BlobLease(path, inner, 0.3, asyncio.get_running_loop().time())
        await asyncio.wait_for(quick.lost.wait(), 60)
        await lease.release()
    assert f"The lock {path} is lost; another host may take it: The storage does not respond." in caplog.messages


async def test_unreachable_storage_is_a_storage_error_with_a_remedy(azurite: Azurite, path: str) -> None:
    """Storage that cannot be reached is a StorageError with a remedy."""
    nowhere = re.sub(r":\d+/", ":9/", azurite.connection_string)

    with patch.object(connections, "_RETRIES", {"retry_total": 0}):
        storage = BlobStorage(Connections(Services({}, {"AzureWebJobsStorage": nowhere})))
        for call in (storage.read(path), storage.write(path, "x"), storage.lock(path)):
            with pytest.raises(StorageError, match="devstoreaccount1") as raised:
                await call
            assert "Is Azurite running" in raised.value.remedy
        await storage.close()


async def test_host_storage_is_in_the_account_of_azurewebjobsstorage_or_in_files(azurite: Azurite) -> None:
    """An app with AzureWebJobsStorage has its storage there, and one without it in files."""
    with_account = Services({}, {"AzureWebJobsStorage": azurite.connection_string})
    assert isinstance(with_account.storage, BlobStorage)
    assert isinstance(Services({}, {}).storage, FileStorage)
    await with_account.close()


@pytest.mark.parametrize("period", ["00:00:14", "00:01:01", "soon", 20, True])
def test_invalid_lock_period_is_refused(azurite: Azurite, period: object) -> None:
    """A lock period that Azure Storage does not support is refused with those that it supports."""
    host_json = {"singleton": {"listenerLockPeriod": period}}
    services = Services(host_json, {"AzureWebJobsStorage": azurite.connection_string})
    with pytest.raises(HostingError, match='from "00:00:15" to "00:01:00"'):
        host_storage(services)


@pytest.mark.parametrize(
    ("host_json", "environ", "seconds"),
    [
        ({}, {}, 60),
        ({}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, 15),
        ({"singleton": {"listenerLockPeriod": "00:00:30"}}, {"AZURE_FUNCTIONS_ENVIRONMENT": "Development"}, 30),
    ],
)
async def test_lock_period_depends_on_the_environment_and_host_json(
    azurite: Azurite, host_json: dict[str, object], environ: dict[str, str], seconds: int
) -> None:
    """Locks last a minute, in development 15 seconds, unless host.json sets a period."""
    services = Services(host_json, {"AzureWebJobsStorage": azurite.connection_string, **environ})
    storage = host_storage(services)
    assert isinstance(storage, BlobStorage)
    assert storage._lease_seconds == seconds
    await storage.close()
