"""Finding blobs in a real Azurite: everything that is written is told of, through restarts, pages and failures."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from storage_support.blobs import VERSION, Blobs

from hosting.bindings.storage import FileStorage
from hosting_storage.blobs import scan as blob_scan
from hosting_storage.blobs.messages import BlobVersion
from hosting_storage.blobs.paths import BlobPattern
from hosting_storage.blobs.scan import Progress, Scan
from hosting_storage.testing import Azurite

ALL = 10_000
KEY = "scan/F"


class Place:
    """A container of its own, and what was told of it."""

    def __init__(self, azurite: Azurite, folder: Path) -> None:
        self.blobs = Blobs(azurite.connection_string)
        self.name = f"scan-{uuid.uuid4().hex}"
        self.told: list[BlobVersion] = []
        self.unsettled: set[str] = set()
        self.storage = FileStorage(folder)
        self.listed = 0
        self._text = azurite.connection_string

    def put(self, *names: str) -> None:
        for name in names:
            self.blobs.put(f"{self.name}/{name}", uuid.uuid4().hex)

    def names(self) -> list[str]:
        """What was told of since the last call."""
        names = [version.path.blob for version in self.told]
        self.told.clear()
        return names

    async def tell(self, version: BlobVersion) -> bool:
        if version.path.blob in self.unsettled:
            return False
        self.told.append(version)
        return True

    def run(self, scenario: Callable[[Scan], Awaitable[None]], pattern: str = "", *, resumed: bool = True) -> None:
        """Run a scenario with a new scan, as a new host has it."""

        async def run() -> None:
            async with BlobServiceClient.from_connection_string(self._text, api_version=VERSION) as service:
                container = service.get_container_client(self.name)
                path = BlobPattern(f"{self.name}/{pattern}" if pattern else self.name)
                scan = Scan(container, path, "Host.Functions.F", self.storage, KEY, self.tell)
                if resumed:
                    await scan.resume()
                await scenario(scan)

        asyncio.run(run())

    def look(self, pattern: str = "", budget: int = ALL, rounds: int = 1) -> list[str]:
        """Look once, or several times, as a new host; give the names that were told of."""

        async def rounds_of(scan: Scan) -> None:
            for _ in range(rounds):
                await scan.round(budget, lambda: True)

        self.run(rounds_of, pattern)
        return self.names()


@pytest.fixture
def place(azurite: Azurite, tmp_path: Path) -> Iterator[Place]:
    found = Place(azurite, tmp_path)
    yield found
    found.blobs.close()


def test_each_version(place: Place) -> None:
    """A blob is told of when it is new and whenever it was written again, with its ETag and kind."""
    place.put("a", "b")

    async def scenario(scan: Scan) -> None:
        await scan.round(ALL, lambda: True)
        assert sorted(place.names()) == ["a", "b"]
        await scan.round(ALL, lambda: True)
        assert place.names() == []
        etag = place.blobs.put(f"{place.name}/b", "again")
        place.blobs.container(place.name).get_blob_client("c").create_append_blob()
        await scan.round(ALL, lambda: True)
        found = {version.path.blob: version for version in place.told}
        assert {name: version.kind for name, version in found.items()} == {"b": "BlockBlob", "c": "AppendBlob"}
        assert found["b"].etag == etag

    place.run(scenario)


def test_written_in_the_same_second(place: Place) -> None:
    """Writes are dated in whole seconds: one that comes right after a look is found by the next one all the same."""

    async def scenario(scan: Scan) -> None:
        for number in range(20):
            place.put(f"{number}")
            await scan.round(ALL, lambda: True)
            assert place.names() == [f"{number}"]

    place.run(scenario)


def test_no_container(place: Place) -> None:
    """A container that does not exist yet is empty, and what is put into it later is found."""

    async def scenario(scan: Scan) -> None:
        await scan.round(ALL, lambda: True)
        place.put("a")
        await scan.round(ALL, lambda: True)
        assert place.names() == ["a"]
        place.blobs.service.delete_container(place.name)
        await scan.round(ALL, lambda: True)

    place.run(scenario)


def test_pattern(place: Place) -> None:
    """Only blobs that match are told of, and only those with the right beginning are listed."""
    place.put("in/a.png", "in/a.txt", "out/b.png", "in/c d/é%.png")
    assert sorted(place.look("in/{name}.png")) == ["in/a.png", "in/c d/é%.png"]


def test_restart(place: Place) -> None:
    """A new host goes on where the last one was: it looks again at the last minute only."""
    place.put("old")
    assert place.look() == ["old"]
    with patch.object(blob_scan, "_OVERLAP", timedelta(seconds=-3600)):
        assert place.look(rounds=2) == ["old"]  # what was kept before still goes back a minute
        assert place.look() == []
    progress = json.loads(asyncio.run(place.storage.read(KEY)) or "")
    assert progress["Marker"] is None


def test_looked_at_again(place: Place) -> None:
    """Who deletes what is written down of the progress, or sets it back, has older blobs looked at again."""
    place.put("old")
    later = patch.object(blob_scan, "_OVERLAP", timedelta(seconds=-3600))
    always = patch.object(blob_scan, "_SAVE_INTERVAL", timedelta())

    async def scenario(scan: Scan) -> None:
        await scan.round(ALL, lambda: True)
        await scan.round(ALL, lambda: True)
        assert place.names() == ["old"]
        await place.storage.write(KEY, "")
        await scan.round(ALL, lambda: True)
        await scan.round(ALL, lambda: True)
        assert place.names() == ["old"]

    with later, always:
        place.run(scenario)


def test_another_path(place: Place) -> None:
    """Who changes a function's path, or its account, has everything looked at from the start."""
    place.put("a.png", "b.txt")
    with patch.object(blob_scan, "_OVERLAP", timedelta(seconds=-3600)):
        assert place.look("{name}.png") == ["a.png"]
        assert place.look("{name}.png") == []
        assert sorted(place.look("{name}.{ext}")) == ["a.png", "b.txt"]


def test_pages(place: Place) -> None:
    """A large container is listed a bit at a time, across rounds and restarts, until all of it is seen."""
    names = [f"{number:02}" for number in range(25)]
    place.put(*names)
    assert place.look(budget=10) == names[:10]
    assert place.look(budget=10) == names[10:20]
    assert place.look(budget=10) == names[20:]


def test_written_behind_its_back(place: Place) -> None:
    """What is written to a part of the container that a sweep has passed is found by the next one."""
    place.put(*"bcdefgh")

    async def scenario(scan: Scan) -> None:
        await scan.round(3, lambda: True)
        place.put("a", "c", "z")
        await scan.round(3, lambda: True)
        await scan.round(3, lambda: True)
        assert sorted(place.names()) == sorted("bcdefghz")
        for _ in range(4):
            await scan.round(3, lambda: True)
        assert sorted(place.names()) == ["a", "c"]

    place.run(scenario)


def test_somebody_else_tells(place: Place) -> None:
    """While another host is about to tell of a blob, its page is looked at again and nothing is passed over."""
    place.put("a", "b", "c")
    place.unsettled = {"b"}

    async def scenario(scan: Scan) -> None:
        await scan.round(ALL, lambda: True)
        assert sorted(place.names()) == ["a", "c"]
        place.unsettled = set()
        await scan.round(ALL, lambda: True)
        assert place.names() == ["b"]

    place.run(scenario)


def test_failures(place: Place) -> None:
    """Where telling fails for one blob, the others of its page are told of, and it is tried again."""
    place.put(*"abc")
    fails = {"b"}
    tell = place.tell

    async def failing(version: BlobVersion) -> bool:
        if version.path.blob in fails:
            raise HttpResponseError("busy")
        return await tell(version)

    place.tell = failing  # type: ignore[method-assign]

    async def scenario(scan: Scan) -> None:
        with pytest.raises(HttpResponseError, match="busy"):
            await scan.round(ALL, lambda: True)
        assert sorted(place.names()) == ["a", "c"]
        fails.clear()
        await scan.round(ALL, lambda: True)
        assert place.names() == ["b"]

    place.run(scenario)


def test_stops_between_pages(place: Place) -> None:
    """A host that stops ends its look at the next page, and the next one takes up there."""
    place.put(*"abcd")
    asked: list[bool] = []

    def twice() -> bool:
        asked.append(True)
        return len(asked) <= 2

    async def scenario(scan: Scan) -> None:
        with patch.object(blob_scan, "_PAGE_SIZE", 1):
            await scan.round(ALL, twice)

    place.run(scenario)
    assert place.names() == ["a", "b"]
    assert place.look() == ["c", "d"]


def test_unknown_marker(place: Place) -> None:
    """A marker that the storage no longer knows begins the sweep anew."""
    place.put("a")
    refused: list[str] = []
    real = ContainerClient.list_blobs

    async def scenario(scan: Scan) -> None:
        scan._progress = Progress(marker="stale")
        with pytest.raises(HttpResponseError):
            await scan.round(ALL, lambda: True)
        await scan.round(ALL, lambda: True)

    def refusing(self: ContainerClient, **options: object) -> object:
        pages = real(self, **options)  # type: ignore[arg-type]
        by_page = pages.by_page

        def refuse(marker: str | None = None) -> object:
            if marker:
                refused.append(marker)
                error = HttpResponseError("One of the query parameters is out of range")
                error.status_code = 400
                raise error
            return by_page(marker)

        pages.by_page = refuse  # type: ignore[method-assign, assignment]
        return pages

    with patch.object(ContainerClient, "list_blobs", refusing):
        place.run(scenario)
    assert (refused, place.names()) == (["stale"], ["a"])


def test_clock_set_back(place: Place) -> None:
    """A storage whose clock was set back still has its new blobs found."""
    place.put("a")

    async def scenario(scan: Scan) -> None:
        await scan.round(ALL, lambda: True)
        scan._progress = scan._progress._replace(seen_until=scan._now + timedelta(hours=1))
        place.put("b")
        await scan.round(ALL, lambda: True)

    place.run(scenario)
    assert place.names() == ["a", "b"]


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"Place": "x"}', '{"Place": "here", "SweepStart": 1}', "nonsense"]
)
def test_no_progress(text: str | None) -> None:
    """Progress that cannot be read, or is another path's, is none: the scan begins at the start."""
    assert Progress.read(text, "here") == Progress()


def test_progress() -> None:
    """Progress is read back as it was written."""
    progress = Progress(marker="m")
    progress = progress._replace(sweep_start=progress.seen_until + timedelta(days=1), seen_until=progress.seen_until)
    assert Progress.read(progress.text("here"), "here") == progress
