"""Receipts in a real Azurite: each version is told of once, and whoever dies in the middle has it told again."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterator

import pytest
from azure.storage.blob.aio import BlobServiceClient
from storage_support.blobs import VERSION, Blobs

from hosting_storage.blobs.messages import BlobVersion
from hosting_storage.blobs.paths import BlobPath
from hosting_storage.blobs.receipts import Receipts
from hosting_storage.testing import Azurite

FIRST = BlobVersion("Host.Functions.F", BlobPath("images", "a/b c.png"), '"0x1"')

Scenario = Callable[[Receipts], Awaitable[None]]


class Place:
    """A container of receipts of its own."""

    def __init__(self, azurite: Azurite) -> None:
        self.text = azurite.connection_string
        self.container = f"receipts-{uuid.uuid4().hex}"
        self.blobs = Blobs(azurite.connection_string)

    def run(self, scenario: Scenario) -> None:
        async def run() -> None:
            async with BlobServiceClient.from_connection_string(self.text, api_version=VERSION) as service:
                await scenario(Receipts(service.get_container_client(self.container), "host"))

        asyncio.run(run())

    def receipt(self, name: str) -> dict[str, str]:
        """The metadata of a receipt."""
        return dict(self.blobs.service.get_blob_client(self.container, name).get_blob_properties().metadata)


@pytest.fixture
def place(azurite: Azurite) -> Iterator[Place]:
    found = Place(azurite)
    yield found
    found.blobs.close()


class Told:
    """Counts how often somebody is told."""

    def __init__(self, fails: int = 0) -> None:
        self.times = 0
        self._fails = fails

    async def __call__(self) -> None:
        self.times += 1
        if self.times <= self._fails:
            raise RuntimeError("killed")


def test_once(place: Place) -> None:
    """A version is told of once, however often and in however many hosts; another version is told of by itself."""
    told, again = Told(), Told()

    async def scenario(receipts: Receipts) -> None:
        assert await receipts.once(FIRST, told)
        assert await receipts.once(FIRST, told)
        assert await receipts.once(FIRST._replace(etag='"0x2"'), again)

    place.run(scenario)
    place.run(scenario)
    assert (told.times, again.times) == (1, 1)
    assert place.receipt('blobreceipts/host/Host.Functions.F/"0x1"/images/a/b c.png') == {}


def test_at_the_same_time(place: Place) -> None:
    """Of several that want to tell of a version at the same time one does; the others are told to come again."""
    told = Told()

    async def scenario(receipts: Receipts) -> None:
        ends = await asyncio.gather(*(receipts.once(FIRST, told) for _ in range(8)))
        assert any(ends)
        assert await receipts.once(FIRST, told)

    place.run(scenario)
    assert told.times == 1


def test_failure(place: Place) -> None:
    """Where telling fails, the receipt stays incomplete, and the version is told of again."""
    told = Told(fails=1)

    async def scenario(receipts: Receipts) -> None:
        with pytest.raises(RuntimeError, match="killed"):
            await receipts.once(FIRST, told)
        assert [*place.receipt(receipts.name(FIRST))] == ["Incomplete"]
        assert await receipts.once(FIRST, told)

    place.run(scenario)
    assert told.times == 2


def test_deleted(place: Place) -> None:
    """A receipt that somebody deletes has its blob told of once more."""
    told = Told()

    async def scenario(receipts: Receipts) -> None:
        await receipts.once(FIRST, told)
        place.blobs.container(place.container).delete_blob(receipts.name(FIRST))
        await receipts.once(FIRST, told)

    place.run(scenario)
    assert told.times == 2


def test_held(place: Place) -> None:
    """While another host holds a receipt nobody else tells of its version."""
    told = Told()

    async def scenario(receipts: Receipts) -> None:
        place.blobs.put(f"{place.container}/{receipts.name(FIRST)}", metadata={"incomplete": "true"})
        lease = place.blobs.service.get_blob_client(place.container, receipts.name(FIRST)).acquire_lease(-1)
        assert not await receipts.once(FIRST, told)
        lease.release()
        assert await receipts.once(FIRST, told)

    place.run(scenario)
    assert told.times == 1


@pytest.mark.parametrize(
    "name", ["x" * 1024, "a/" * 253 + "b", "%2F", "ä ö?#[]&+'\"", "日本/語.txt", ".", "a//b", "a\\b"]
)
def test_odd_names(place: Place, name: str) -> None:
    """Whatever a blob is called, its receipt has room for it."""
    told = Told()
    version = FIRST._replace(path=BlobPath("images", name))

    async def scenario(receipts: Receipts) -> None:
        assert await receipts.once(version, told)
        assert await receipts.once(version, told)

    place.run(scenario)
    assert told.times == 1
