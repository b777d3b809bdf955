"""Enqueues a message for each new version of a blob; functions run from that queue."""

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
        receipts: the record of announced versions.
        queue: the queue for the messages.
        nudge: called after each message, so that the listener polls at once.
    """

    def __init__(self, receipts: Receipts, queue: QueueClient, nudge: Callable[[], None]) -> None:
        self._receipts = receipts
        self._queue = queue
        self._nudge = nudge

    async def announce(self, version: BlobVersion) -> bool:
        """Announce a version, unless it has been announced.

        Returns:
            True if it is announced; False if another host is announcing it right now.

        Raises:
            azure.core.exceptions.AzureError: the storage request failed.
        """

        async def enqueue() -> None:
            await send(self._queue, encoded(version.text().encode(), ENCODING), time_to_live=_FOREVER)

        announced = await self._receipts.once(version, enqueue)
        self._nudge()
        return announced
