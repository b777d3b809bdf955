"""Putting new versions of blobs into the queue from which their functions are run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hosting_storage.blobs.messages import BlobVersion
from hosting_storage.blobs.receipts import Receipts
from hosting_storage.queues.messages import Encoding, encoded, send

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

ENCODING: Encoding = "base64"
_FOREVER = -1


class Announcer:
    """Announces each version of a blob to its function, once.

    Args:
        receipts: which versions were announced.
        queue: takes the messages.
        nudge: called after each message, so that nobody has to wait for the next look into the queue.
    """

    def __init__(self, receipts: Receipts, queue: QueueClient, nudge: Callable[[], None]) -> None:
        self._receipts = receipts
        self._queue = queue
        self._nudge = nudge

    async def tell(self, version: BlobVersion) -> bool:
        """Announce a version unless somebody has.

        Returns:
            Whether it is announced; False while somebody else is about to.

        Raises:
            azure.core.exceptions.AzureError: the storage failed.
        """

        async def send_it() -> None:
            await send(self._queue, encoded(version.text().encode(), ENCODING), time_to_live=_FOREVER)

        settled = await self._receipts.once(version, send_it)
        self._nudge()
        return settled
