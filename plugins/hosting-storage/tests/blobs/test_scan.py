"""Scans of a container in a real Azurite: every version is announced, despite restarts, pages and failures."""

from __future__ import annotations

import json
import math
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
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

UNLIMITED = 10_000
KEY = "scan/F"


class ScanContainer:
    """A new container, and what its scans announced."""

    def __init__(self, azurite: Azurite, folder: Path) -> None:
        self.blobs = Blobs(azurite.connection_string)
        self.name = f"scan-{uuid.uuid4().hex}"
        self.announcements: list[BlobVersion] = []
        self.unsettled: set[str] = set()
        self.storage = FileStorage(folder)
        self._connection_string = azurite.connection_string

    def put(self, *names: str) -> None:
        for name in names:
            self.blobs.put(f"{self.name}/{name}", uuid.uuid4().hex)

    def take_names(self) -> list[str]:
        """Return the names of the blobs that were announced since the last call."""
        names = [version.path.blob for version in self.announcements]
        self.announcements.clear()
        return names

    async def announce(self, version: BlobVersion) -> bool:
        if version.path.blob in self.unsettled:
            return False
        self.announcements.append(version)
        return True

    @asynccontextmanager
    async def open(self, pattern: str = "") -> AsyncIterator[Scan]:
        """A new scan, as a new host has it, until the end of the block."""
        async with BlobServiceClient.from_connection_string(self._connection_string, api_version=VERSION) as service:
            container = service.get_container_client(self.name)
            path = BlobPattern(f"{self.name}/{pattern}" if pattern else self.name)
            scan = Scan(container, path, "Host.Functions.F", self.storage, KEY, self.announce)
            await scan.resume()
            yield scan

    async def scan(self, pattern: str = "", budget: int = UNLIMITED, rounds: int = 1) -> list[str]:
        """Scan once, or several rounds, as a new host; return the names that were announced."""
        async with self.open(pattern) as scan:
            for _ in range(rounds):
                await scan.round(budget, lambda: True)
        return self.take_names()


@pytest.fixture
def container(azurite: Azurite, tmp_path: Path) -> Iterator[ScanContainer]:
    container = ScanContainer(azurite, tmp_path)
    yield container
    container.blobs.close()


async def test_scan_announces_each_version_with_etag_and_kind(container: ScanContainer) -> None:
    """A blob is announced when it is new and whenever it was written again, with its ETag and kind."""
    container.put("a", "b")

    async with container.open() as scan:
        await scan.round(UNLIMITED, lambda: True)
        assert sorted(container.take_names()) == ["a", "b"]
        await scan.round(UNLIMITED, lambda: True)
        assert container.take_names() == []
        etag = container.blobs.put(f"{container.name}/b", "again")
        container.blobs.container(container.name).get_blob_client("c").create_append_blob()
        await scan.round(UNLIMITED, lambda: True)
        versions = {version.path.blob: version for version in container.announcements}
        assert {name: version.kind for name, version in versions.items()} == {"b": "BlockBlob", "c": "AppendBlob"}
        assert versions["b"].etag == etag


async def test_blob_written_in_the_second_of_a_scan_is_found_by_the_next(container: ScanContainer) -> None:
    """Times have whole seconds: a blob written right after a scan is versions by the next one all the same."""
    async with container.open() as scan:
        for number in range(20):
            container.put(f"{number}")
            await scan.round(UNLIMITED, lambda: True)
            assert container.take_names() == [f"{number}"]


async def test_sweep_counts_as_a_look_at_the_container_when_it_has_ended(container: ScanContainer) -> None:
    """Not a part of it, and not a sweep that another process began, whose beginning is not known."""
    container.put("a", "b", "c")
    async with container.open() as scan:
        before = time.monotonic()
        for _ in range(2):
            await scan.round(2, lambda: True)
        looked_at = scan.swept_at
        assert before <= looked_at <= time.monotonic()
        await scan.round(2, lambda: True)
        assert scan.swept_at == looked_at, "half of a second sweep"
    async with container.open() as scan:
        await scan.round(2, lambda: True)
        assert scan.swept_at == -math.inf
        await scan.round(UNLIMITED, lambda: True)
        assert scan.swept_at > looked_at


async def test_scan_of_a_missing_container_finds_nothing(container: ScanContainer) -> None:
    """A container that does not exist yet is empty, and a blob that is written later is versions."""
    async with container.open() as scan:
        await scan.round(UNLIMITED, lambda: True)
        container.put("a")
        await scan.round(UNLIMITED, lambda: True)
        assert container.take_names() == ["a"]
        container.blobs.service.delete_container(container.name)
        await scan.round(UNLIMITED, lambda: True)


async def test_scan_announces_only_blobs_that_match_the_pattern(container: ScanContainer) -> None:
    """Only blobs that match are announced, also below a prefix."""
    container.put("in/a.png", "in/a.txt", "out/b.png", "in/c d/é%.png")
    assert sorted(await container.scan("in/{name}.png")) == ["in/a.png", "in/c d/é%.png"]


async def test_scan_after_a_restart_continues_a_minute_before_its_progress(container: ScanContainer) -> None:
    """A new host continues where the last one stopped: it lists only the last minute again."""
    container.put("old")
    assert await container.scan() == ["old"]
    with patch.object(blob_scan, "_OVERLAP", timedelta(seconds=-3600)):
        assert await container.scan(rounds=2) == ["old"]  # the progress before still overlaps by a minute
        assert await container.scan() == []
    progress = json.loads(await container.storage.read(KEY) or "")
    assert progress["Marker"] is None


async def test_scan_whose_progress_was_deleted_starts_again(container: ScanContainer) -> None:
    """After the stored progress is deleted or set back, older blobs are announced again."""
    container.put("old")
    later = patch.object(blob_scan, "_OVERLAP", timedelta(seconds=-3600))
    always = patch.object(blob_scan, "_SAVE_INTERVAL", timedelta())

    with later, always:
        async with container.open() as scan:
            await scan.round(UNLIMITED, lambda: True)
            await scan.round(UNLIMITED, lambda: True)
            assert container.take_names() == ["old"]
            await container.storage.write(KEY, "")
            await scan.round(UNLIMITED, lambda: True)
            await scan.round(UNLIMITED, lambda: True)
            assert container.take_names() == ["old"]


async def test_scan_of_another_path_starts_from_the_beginning(container: ScanContainer) -> None:
    """After a function's path or account changes, all blobs are scanned from the start."""
    container.put("a.png", "b.txt")
    with patch.object(blob_scan, "_OVERLAP", timedelta(seconds=-3600)):
        assert await container.scan("{name}.png") == ["a.png"]
        assert await container.scan("{name}.png") == []
        assert sorted(await container.scan("{name}.{ext}")) == ["a.png", "b.txt"]


async def test_scan_of_a_large_container_continues_across_rounds_and_restarts(container: ScanContainer) -> None:
    """A large container is listed in parts, across rounds and restarts, until all of it is listed."""
    names = [f"{number:02}" for number in range(25)]
    container.put(*names)
    assert await container.scan(budget=10) == names[:10]
    assert await container.scan(budget=10) == names[10:20]
    assert await container.scan(budget=10) == names[20:]


async def test_blob_written_behind_the_marker_is_found_by_the_next_sweep(container: ScanContainer) -> None:
    """A blob in a part of the container that a sweep has passed is versions by the next one."""
    container.put(*"bcdefgh")

    async with container.open() as scan:
        await scan.round(3, lambda: True)
        container.put("a", "c", "z")
        await scan.round(3, lambda: True)
        await scan.round(3, lambda: True)
        assert sorted(container.take_names()) == sorted("bcdefghz")
        for _ in range(4):
            await scan.round(3, lambda: True)
        assert sorted(container.take_names()) == ["a", "c"]


async def test_page_with_a_blob_of_another_host_is_scanned_again(container: ScanContainer) -> None:
    """While another host is about to announce a blob, its page is scanned again and no blob is skipped."""
    container.put("a", "b", "c")
    container.unsettled = {"b"}

    async with container.open() as scan:
        await scan.round(UNLIMITED, lambda: True)
        assert sorted(container.take_names()) == ["a", "c"]
        container.unsettled = set()
        await scan.round(UNLIMITED, lambda: True)
        assert container.take_names() == ["b"]


async def test_scan_with_a_failed_announcement_repeats_only_that_one(container: ScanContainer) -> None:
    """If the announcement of one blob fails, the others of its page are announced, and it is retried."""
    container.put(*"abc")
    fails = {"b"}
    announce = container.announce

    async def failing(version: BlobVersion) -> bool:
        if version.path.blob in fails:
            raise HttpResponseError("busy")
        return await announce(version)

    container.announce = failing  # type: ignore[method-assign]

    async with container.open() as scan:
        with pytest.raises(HttpResponseError, match="busy"):
            await scan.round(UNLIMITED, lambda: True)
        assert sorted(container.take_names()) == ["a", "c"]
        fails.clear()
        await scan.round(UNLIMITED, lambda: True)
        assert container.take_names() == ["b"]


async def test_scan_that_is_stopped_ends_at_the_next_page(container: ScanContainer) -> None:
    """A host that stops ends its scan at the next page, and the next one continues there."""
    container.put(*"abcd")
    pages: list[int] = []

    def is_running() -> bool:
        pages.append(1)
        return len(pages) <= 2

    async with container.open() as scan:
        with patch.object(blob_scan, "_PAGE_SIZE", 1):
            await scan.round(UNLIMITED, is_running)

    assert container.take_names() == ["a", "b"]
    assert await container.scan() == ["c", "d"]


async def test_scan_with_an_expired_marker_starts_the_sweep_again(container: ScanContainer) -> None:
    """A marker that the storage no longer knows starts the sweep again."""
    container.put("a")
    markers: list[str] = []
    real = ContainerClient.list_blobs

    def refusing(self: ContainerClient, **options: object) -> object:
        pages = real(self, **options)  # type: ignore[arg-type]
        by_page = pages.by_page

        def refuse(marker: str | None = None) -> object:
            if marker:
                markers.append(marker)
                error = HttpResponseError("One of the query parameters is out of range")
                error.status_code = 400
                raise error
            return by_page(marker)

        pages.by_page = refuse  # type: ignore[method-assign, assignment]
        return pages

    with patch.object(ContainerClient, "list_blobs", refusing):
        async with container.open() as scan:
            scan._progress = Progress(marker="stale")
            with pytest.raises(HttpResponseError):
                await scan.round(UNLIMITED, lambda: True)
            await scan.round(UNLIMITED, lambda: True)
    assert (markers, container.take_names()) == (["stale"], ["a"])


async def test_scan_after_the_clock_of_the_storage_was_set_back_finds_new_blobs(container: ScanContainer) -> None:
    """New blobs of a storage whose clock was set back are still versions."""
    container.put("a")

    async with container.open() as scan:
        await scan.round(UNLIMITED, lambda: True)
        scan._progress = scan._progress._replace(seen_until=scan._now + timedelta(hours=1))
        container.put("b")
        await scan.round(UNLIMITED, lambda: True)
    assert container.take_names() == ["a", "b"]


@pytest.mark.parametrize(
    "text", [None, "", "[]", "{}", '{"Place": "x"}', '{"Place": "here", "SweepStart": 1}', "nonsense"]
)
def test_progress_that_is_invalid_or_of_another_path_is_empty(text: str | None) -> None:
    """Progress that cannot be read, or is another path's, is empty: the scan begins at the start."""
    assert Progress.read(text, "here") == Progress()


def test_progress_is_read_back_as_it_was_written() -> None:
    """Progress that is written is read back unchanged."""
    progress = Progress(marker="m")
    progress = progress._replace(sweep_start=progress.seen_until + timedelta(days=1), seen_until=progress.seen_until)
    assert Progress.read(progress.text("here"), "here") == progress
