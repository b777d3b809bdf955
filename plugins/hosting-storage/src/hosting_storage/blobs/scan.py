"""Finds new blobs in a container: sweeps over the list of its blobs, a limited number in each round."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from hosting.bindings import host_logger
from hosting_storage.blobs.messages import BlobVersion, quoted
from hosting_storage.blobs.paths import BlobPath, BlobPattern

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties
    from azure.storage.blob.aio import ContainerClient

    from hosting.bindings.storage import HostStorage

_PAGE_SIZE = 5000
"""The maximum number of blobs in one page of the service."""
_CONCURRENCY = 16
"""The number of blobs that are announced at the same time."""
_OVERLAP = timedelta(minutes=1)
"""How far a sweep looks back before the start of the previous one: times are whole seconds, and writes take time."""
_SAVE_INTERVAL = timedelta(minutes=1)
"""How often the end of a sweep is saved."""
_BEGINNING = datetime.min.replace(tzinfo=UTC)

Announce = Callable[[BlobVersion], Awaitable[bool]]

_logger = host_logger("storage.blobs")


class Progress(NamedTuple):
    """The progress of a function's scan; it survives a restart."""

    seen_until: datetime = _BEGINNING
    """Blobs written before this time are announced."""
    sweep_start: datetime | None = None
    """When the current sweep started, by the clock of the storage service."""
    marker: str | None = None
    """The continuation marker of the current sweep."""

    def text(self, place: str) -> str:
        """Return the stored form, similar to that of Azure's host."""
        start = self.sweep_start.isoformat() if self.sweep_start else None
        return json.dumps(
            {"LatestScan": self.seen_until.isoformat(), "Place": place, "SweepStart": start, "Marker": self.marker}
        )

    @classmethod
    def read(cls, text: str | None, place: str) -> Progress:
        """Parse the stored form; the result is an empty progress if it is missing, invalid, or for another place."""
        try:
            found = json.loads(text or "")
            if found["Place"] != place:
                return cls()
            start = found["SweepStart"]
            return cls(
                datetime.fromisoformat(found["LatestScan"]),
                datetime.fromisoformat(start) if start else None,
                found["Marker"],
            )
        except (ValueError, KeyError, TypeError):
            return cls()


class Scan:
    """Scans a container for new versions of blobs for one function, in one process at a time, under a lock.

    A sweep lists the whole container. It considers blobs that were written since one minute before the start of the
    previous sweep, so that blobs written during that sweep are not missed. Receipts filter out versions that were
    announced before.

    Args:
        container: the container to scan.
        pattern: which blobs match.
        function_id: the id of the function.
        storage: the storage for the progress.
        key: the path of the progress in ``storage``.
        announce: takes a version that may be new; returns False if it must be announced again.
    """

    def __init__(
        self,
        container: ContainerClient,
        pattern: BlobPattern,
        function_id: str,
        storage: HostStorage,
        key: str,
        announce: Announce,
    ) -> None:
        self._container = container
        self._pattern = pattern
        self._function_id = function_id
        self._storage = storage
        self._key = key
        self._announce = announce
        address = container.url.partition("?")[0]  # without a signature
        self._place = f"{address}/{pattern.text}"
        self._progress = Progress()
        self._stored: str | None = None
        self._saved_at = _BEGINNING
        self._announced: dict[str, str] = {}
        self._recent: dict[str, str] = {}
        self._now = _BEGINNING
        self._began: float | None = None
        self.swept_at = -math.inf
        """When the last sweep began that has ended, by ``time.monotonic``: older blobs are announced."""

    async def resume(self) -> None:
        """Continue where the previous holder of the lock stopped.

        Raises:
            hosting.bindings.storage.StorageError: the progress cannot be read.
        """
        self._restore(await self._storage.read(self._key))

    async def round(self, budget: int, may_continue: Callable[[], bool]) -> None:
        """List up to ``budget`` blobs, and announce the new ones.

        Args:
            budget: the number of blobs to list, in whole pages.
            may_continue: called before each page; False if the host stops or the lock is lost.

        Raises:
            azure.core.exceptions.AzureError: the storage request failed; the next round starts at the same page.
            hosting.bindings.storage.StorageError: the progress cannot be saved.
        """
        remaining = budget
        if self._progress.sweep_start is None:
            self._began = time.monotonic()
        while may_continue() and remaining > 0:
            blobs, marker = await self._page(min(remaining, _PAGE_SIZE))
            remaining -= len(blobs) or remaining
            self._start_sweep()
            if not await self._announce_new(blobs):
                return
            if marker is None:
                await self._end_sweep()
                return
            self._progress = self._progress._replace(marker=marker)
        await self.save()

    async def save(self) -> None:
        """Save the progress. If it was changed in the storage, to have blobs processed again, the stored one is used.

        Raises:
            hosting.bindings.storage.StorageError: the progress cannot be saved.
        """
        stored, text = await self._storage.read(self._key), self._progress.text(self._place)
        if stored != self._stored:
            self._restore(stored)
            return
        await self._storage.write(self._key, text)
        self._stored, self._saved_at = text, self._now

    def _restore(self, stored: str | None) -> None:
        self._stored, self._began = stored, None  # another process may have begun the sweep
        self._progress = Progress.read(stored, self._place)
        self._announced, self._recent = {}, {}

    async def _page(self, size: int) -> tuple[list[BlobProperties], str | None]:
        """Return one page of the list, and the marker of the next one; a missing container counts as empty."""
        blobs = self._container.list_blobs(
            name_starts_with=self._pattern.prefix or None, results_per_page=size, raw_response_hook=self._read_clock
        )
        try:
            pages = blobs.by_page(self._progress.marker)
            async for page in pages:
                return [blob async for blob in page], pages.continuation_token or None  # type: ignore[attr-defined]
        except ResourceNotFoundError:
            pass
        except HttpResponseError as error:
            if error.status_code == 400 and self._progress.marker:
                self._progress = self._progress._replace(marker=None)  # markers expire
            raise
        return [], None

    def _read_clock(self, response: Any) -> None:
        """Read the clock of the storage service, which dates its blobs."""
        date = response.http_response.headers.get("Date")
        self._now = parsedate_to_datetime(date) if date else datetime.now(UTC)

    def _start_sweep(self) -> None:
        if self._progress.sweep_start is None:
            # A clock that was set back would hide blobs that are written from now on.
            since = min(self._progress.seen_until, self._now - _OVERLAP)
            self._progress = Progress(since, self._now)

    async def _end_sweep(self) -> None:
        """End the sweep: its blobs are announced."""
        start = self._progress.sweep_start or self._now
        self._progress = Progress(start - _OVERLAP)
        self._announced, self._recent = self._recent, {}
        if self._began is not None:
            self.swept_at = self._began
        if self._now - self._saved_at >= _SAVE_INTERVAL:
            await self.save()

    async def _announce_new(self, blobs: Sequence[BlobProperties]) -> bool:
        """Announce the new blobs, several at a time; return whether all of them are announced."""
        new = [blob for blob in blobs if self._is_new(blob)]
        all_announced = True
        for start in range(0, len(new), _CONCURRENCY):
            some = new[start : start + _CONCURRENCY]
            results = await asyncio.gather(*map(self._announce_one, some), return_exceptions=True)
            all_announced = all_announced and all(results)
            for result in results:
                if isinstance(result, BaseException):
                    raise result
        return all_announced

    def _is_new(self, blob: BlobProperties) -> bool:
        if blob.last_modified < self._progress.seen_until or self._pattern.match(blob.name) is None:
            return False
        if self._announced.get(blob.name) == blob.etag:
            self._recent[blob.name] = blob.etag
            return False
        return self._recent.get(blob.name) != blob.etag

    async def _announce_one(self, blob: BlobProperties) -> bool:
        path = BlobPath(self._pattern.container, blob.name)
        kind = getattr(blob.blob_type, "value", blob.blob_type)
        announced = await self._announce(BlobVersion(self._function_id, path, quoted(blob.etag), str(kind)))
        if announced and blob.last_modified >= (self._progress.sweep_start or self._now) - _OVERLAP:
            self._recent[blob.name] = blob.etag  # the next sweep lists it again
        return announced
