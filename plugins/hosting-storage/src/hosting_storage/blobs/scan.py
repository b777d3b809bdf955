"""Finding what is new in a container: sweeps over the list of its blobs, a limited number of them each round."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from hosting_storage.blobs.messages import BlobVersion, quoted
from hosting_storage.blobs.paths import BlobPath, BlobPattern

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties
    from azure.storage.blob.aio import ContainerClient

    from hosting.bindings.storage import HostStorage

_PAGE = 5000
"""Blobs that the service lists at a time at most."""
_AT_ONCE = 16
"""Blobs that are told of at the same time."""
_OVERLAP = timedelta(minutes=1)
"""How far each sweep looks back behind the start of the one before: writes count in whole seconds, and take time."""
_KEPT = timedelta(minutes=1)
"""How often the end of a sweep is written down."""
_EVER = datetime.min.replace(tzinfo=UTC)

Tell = Callable[[BlobVersion], Awaitable[bool]]

_logger = logging.getLogger("hosting.storage.blobs")


class Progress(NamedTuple):
    """How far a function's scan has come: what survives a restart."""

    seen_until: datetime = _EVER
    """Whatever was written before is told of."""
    began: datetime | None = None
    """When the running sweep began, by the clock of the storage."""
    marker: str | None = None
    """Where it goes on."""

    def text(self, place: str) -> str:
        """As it is stored, in the style of Azure's host."""
        began = self.began.isoformat() if self.began else None
        return json.dumps(
            {"LatestScan": self.seen_until.isoformat(), "Place": place, "SweepStart": began, "Marker": self.marker}
        )

    @classmethod
    def read(cls, text: str | None, place: str) -> Progress:
        """Read it back; from the start where there is none, or none for this place."""
        try:
            found = json.loads(text or "")
            if found["Place"] != place:
                return cls()
            began = found["SweepStart"]
            return cls(
                datetime.fromisoformat(found["LatestScan"]),
                datetime.fromisoformat(began) if began else None,
                found["Marker"],
            )
        except (ValueError, KeyError, TypeError):
            return cls()


class Scan:
    """Looks for new versions of blobs on behalf of one function. One process at a time does, under a lock.

    A sweep lists the whole container, and those blobs count that were written since a minute before the previous sweep
    began. That loses none: not those that were written behind the sweep's back while it went on. Receipts sort out
    those that were told of before.

    Args:
        container: where to look.
        pattern: which blobs.
        function_id: for whom.
        storage: where the progress is kept.
        key: under which path.
        tell: takes a version that may be new; False if it has to be told of again.
    """

    def __init__(
        self,
        container: ContainerClient,
        pattern: BlobPattern,
        function_id: str,
        storage: HostStorage,
        key: str,
        tell: Tell,
    ) -> None:
        self._container = container
        self._pattern = pattern
        self._function_id = function_id
        self._storage = storage
        self._key = key
        self._tell = tell
        address = container.url.partition("?")[0]  # without a signature
        self._place = f"{address}/{pattern.text}"
        self._progress = Progress()
        self._stored: str | None = None
        self._written = _EVER
        self._told: dict[str, str] = {}
        self._fresh: dict[str, str] = {}
        self._now = _EVER

    async def resume(self) -> None:
        """Take up where whoever held the lock before left off.

        Raises:
            hosting.bindings.storage.StorageError: it cannot be read.
        """
        self._take(await self._storage.read(self._key))

    async def round(self, budget: int, going_on: Callable[[], bool]) -> None:
        """List up to ``budget`` blobs, and tell of those that are new.

        Args:
            budget: how many blobs are listed, in whole pages.
            going_on: asked before each page, for the host may stop or the lock be lost meanwhile.

        Raises:
            azure.core.exceptions.AzureError: the storage failed; the next round takes up the same page.
            hosting.bindings.storage.StorageError: the progress cannot be kept.
        """
        left = budget
        while going_on() and left > 0:
            blobs, marker = await self._page(min(left, _PAGE))
            left -= len(blobs) or left
            self._begin()
            if not await self._tell_of(blobs):
                return
            if marker is None:
                await self._end()
                return
            self._progress = self._progress._replace(marker=marker)
        await self.keep()

    async def keep(self) -> None:
        """Write down how far it has come; what somebody else wrote there counts, to have blobs looked at again.

        Raises:
            hosting.bindings.storage.StorageError: it cannot be kept.
        """
        stored, text = await self._storage.read(self._key), self._progress.text(self._place)
        if stored != self._stored:
            self._take(stored)
            return
        await self._storage.write(self._key, text)
        self._stored, self._written = text, self._now

    def _take(self, stored: str | None) -> None:
        self._stored = stored
        self._progress = Progress.read(stored, self._place)
        self._told, self._fresh = {}, {}

    async def _page(self, size: int) -> tuple[list[BlobProperties], str | None]:
        """One page of the list, and where the next one begins; a container that is not there is empty."""
        blobs = self._container.list_blobs(
            name_starts_with=self._pattern.prefix or None, results_per_page=size, raw_response_hook=self._answered
        )
        try:
            pages = blobs.by_page(self._progress.marker)
            async for page in pages:
                return [blob async for blob in page], pages.continuation_token or None  # type: ignore[attr-defined]
        except ResourceNotFoundError:
            pass
        except HttpResponseError as error:
            if error.status_code == 400 and self._progress.marker:
                self._progress = self._progress._replace(marker=None)  # a marker does not outlive everything
            raise
        return [], None

    def _answered(self, response: Any) -> None:
        """Read the storage's clock, which is the one that dates its blobs."""
        date = response.http_response.headers.get("Date")
        self._now = parsedate_to_datetime(date) if date else datetime.now(UTC)

    def _begin(self) -> None:
        if self._progress.began is None:
            # A clock that was set back would hide what is written from now on.
            since = min(self._progress.seen_until, self._now - _OVERLAP)
            self._progress = Progress(since, self._now)

    async def _end(self) -> None:
        """The sweep is over: what it saw is seen."""
        began = self._progress.began or self._now
        self._progress = Progress(began - _OVERLAP)
        self._told, self._fresh = self._fresh, {}
        if self._now - self._written >= _KEPT:
            await self.keep()

    async def _tell_of(self, blobs: Sequence[BlobProperties]) -> bool:
        """Tell of those that are new, several at a time; whether all of them are settled."""
        new = [blob for blob in blobs if self._is_new(blob)]
        settled = True
        for start in range(0, len(new), _AT_ONCE):
            some = new[start : start + _AT_ONCE]
            ends = await asyncio.gather(*map(self._tell_one, some), return_exceptions=True)
            settled = settled and all(ends)
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
        return settled

    def _is_new(self, blob: BlobProperties) -> bool:
        if blob.last_modified < self._progress.seen_until or self._pattern.match(blob.name) is None:
            return False
        if self._told.get(blob.name) == blob.etag:
            self._fresh[blob.name] = blob.etag
            return False
        return self._fresh.get(blob.name) != blob.etag

    async def _tell_one(self, blob: BlobProperties) -> bool:
        path = BlobPath(self._pattern.container, blob.name)
        kind = getattr(blob.blob_type, "value", blob.blob_type)
        settled = await self._tell(BlobVersion(self._function_id, path, quoted(blob.etag), str(kind)))
        if settled and blob.last_modified >= (self._progress.began or self._now) - _OVERLAP:
            self._fresh[blob.name] = blob.etag  # the next sweep will look at it again
        return settled
