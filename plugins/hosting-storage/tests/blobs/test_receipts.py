"""Receipts in a real Azurite: each version is announced once, and again if a host is killed meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from azure.storage.blob.aio import BlobServiceClient
from storage_support.blobs import VERSION, Blobs

from hosting_storage.blobs.messages import BlobVersion
from hosting_storage.blobs.paths import BlobPath
from hosting_storage.blobs.receipts import Receipts
from hosting_storage.testing import Azurite

FIRST = BlobVersion("Host.Functions.F", BlobPath("images", "a/b c.png"), '"0x1"')


class ReceiptContainer:
    """A new container for receipts."""

    def __init__(self, azurite: Azurite) -> None:
        self._connection_string = azurite.connection_string
        self.name = f"receipts-{uuid.uuid4().hex}"
        self.blobs = Blobs(azurite.connection_string)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Receipts]:
        """The receipts of a new host, until the end of the block."""
        async with BlobServiceClient.from_connection_string(self._connection_string, api_version=VERSION) as service:
            yield Receipts(service.get_container_client(self.name), "host")

    def receipt(self, name: str) -> dict[str, str]:
        """Return the metadata of a receipt."""
        return dict(self.blobs.service.get_blob_client(self.name, name).get_blob_properties().metadata)


@pytest.fixture
def container(azurite: Azurite) -> Iterator[ReceiptContainer]:
    container = ReceiptContainer(azurite)
    yield container
    container.blobs.close()


class Announcer:
    """Counts announcements; the first ``failures`` of them fail."""

    def __init__(self, failures: int = 0) -> None:
        self.calls = 0
        self._failures = failures

    async def __call__(self) -> None:
        self.calls += 1
        if self.calls <= self._failures:
            raise RuntimeError("killed")


async def test_version_is_announced_once_by_all_hosts(container: ReceiptContainer) -> None:
    """A version is announced once, however often and by however many hosts; another version separately."""
    announce, announce_other = Announcer(), Announcer()
    for _ in range(2):
        async with container.open() as receipts:
            assert await receipts.once(FIRST, announce)
            assert await receipts.once(FIRST, announce)
            assert await receipts.once(FIRST._replace(etag='"0x2"'), announce_other)
    assert (announce.calls, announce_other.calls) == (1, 1)
    assert container.receipt('blobreceipts/host/Host.Functions.F/"0x1"/images/a/b c.png') == {}


async def test_version_announced_concurrently_is_announced_once(container: ReceiptContainer) -> None:
    """Of several concurrent announcements of a version one is made; the others have to retry."""
    announce = Announcer()

    async with container.open() as receipts:
        results = await asyncio.gather(*(receipts.once(FIRST, announce) for _ in range(8)))
        assert any(results)
        assert await receipts.once(FIRST, announce)
    assert announce.calls == 1


async def test_version_whose_announcement_fails_is_announced_again(container: ReceiptContainer) -> None:
    """After a failed announcement the receipt stays incomplete, and the version is announced again."""
    announce = Announcer(failures=1)

    async with container.open() as receipts:
        with pytest.raises(RuntimeError, match="killed"):
            await receipts.once(FIRST, announce)
        assert [*container.receipt(receipts.name(FIRST))] == ["Incomplete"]
        assert await receipts.once(FIRST, announce)
    assert announce.calls == 2


async def test_version_whose_receipt_is_deleted_is_announced_again(container: ReceiptContainer) -> None:
    """After its receipt is deleted, a blob is announced once more."""
    announce = Announcer()

    async with container.open() as receipts:
        await receipts.once(FIRST, announce)
        container.blobs.container(container.name).delete_blob(receipts.name(FIRST))
        await receipts.once(FIRST, announce)
    assert announce.calls == 2


async def test_version_whose_receipt_is_leased_by_another_host_is_not_announced(container: ReceiptContainer) -> None:
    """While another host has leased a receipt, its version is not announced."""
    announce = Announcer()

    async with container.open() as receipts:
        container.blobs.put(f"{container.name}/{receipts.name(FIRST)}", metadata={"incomplete": "true"})
        lease = container.blobs.service.get_blob_client(container.name, receipts.name(FIRST)).acquire_lease(-1)
        assert not await receipts.once(FIRST, announce)
        lease.release()
        assert await receipts.once(FIRST, announce)
    assert announce.calls == 1


@pytest.mark.parametrize(
    "name", ["x" * 1024, "a/" * 253 + "b", "%2F", "ä ö?#[]&+'\"", "日本/語.txt", ".", "a//b", "a\\b"]
)
async def test_receipt_of_a_blob_with_an_unusual_name_can_be_stored(container: ReceiptContainer, name: str) -> None:
    """A blob with any valid name has a receipt."""
    announce = Announcer()
    version = FIRST._replace(path=BlobPath("images", name))

    async with container.open() as receipts:
        assert await receipts.once(version, announce)
        assert await receipts.once(version, announce)
    assert announce.calls == 1
