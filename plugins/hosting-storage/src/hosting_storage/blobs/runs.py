"""Running functions for the versions of blobs that were announced."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hosting_storage.blobs.messages import POISON, BlobVersion, quoted
from hosting_storage.blobs.trigger import BlobEvent, BlobTrigger
from hosting_storage.queues.messages import Message, send
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.failures import explained

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

_PUT_BACK = 60
"""Seconds until a message for a function that does not run here is seen again."""
_KEPT = timedelta(days=7)
"""How long one waits for its function to run again, as long as messages do by default."""
_TIME = "%Y-%m-%dT%H:%M:%S.000+00:00"

_logger = logging.getLogger("hosting.storage.blobs")


class Runs:
    """Handles the messages of the queue of announced blobs.

    Args:
        triggers: those that run here, by the id of their function.
        queue: where the messages come from.
        connections: the clients.
        tell: announces a version.
        most: attempts before a message is poison, for the log.
    """

    def __init__(
        self,
        triggers: Mapping[str, BlobTrigger],
        queue: QueueClient,
        connections: Connections,
        tell: Callable[[BlobVersion], Awaitable[bool]],
        most: int,
    ) -> None:
        self._triggers = triggers
        self._queue = queue
        self._connections = connections
        self._tell = tell
        self._most = most

    async def handle(self, message: Message) -> bool:
        """Run the function that a message names; whether the message is done with.

        As in Azure's host, nothing runs for a blob that is gone, and a blob that was written again is announced again.

        Raises:
            ValueError: it is no message of a blob trigger.
            StorageFailure: the blob cannot be read.
            azure.core.exceptions.AzureError: it cannot be announced again.
        """
        version = BlobVersion.read(message.text or "")
        trigger = self._triggers.get(version.function_id)
        if trigger is None:
            await self._put_back(message)
            return True
        with explained(f"Function '{trigger.name}': blob '{version.path}' cannot be read"):
            event = await trigger.fetch(version.path)
        if event is None or event.is_folder:
            return True
        current = version._replace(etag=quoted(event.found.etag))
        if current != version:
            return await self._tell(current)
        result = await trigger.start(event, _details(message, event))
        return result.exception is None

    async def poison(self, message: Message) -> None:
        """Set a message aside, in the account of its blob."""
        _logger.warning("Message has reached MaxDequeueCount of %d. Moving message to queue '%s'.", self._most, POISON)
        try:
            trigger = self._triggers.get(BlobVersion.read(message.text or "").function_id)
        except ValueError:
            trigger = None
        account = self._connections.queue_service(trigger.connection if trigger else None)
        await send(account.get_queue_client(POISON), message.content)

    async def _put_back(self, message: Message) -> None:
        """Leave a message for a host that runs its function: disabled ones and those left out may run again."""
        left = message.expires_on - datetime.now(UTC) if message.expires_on else _KEPT
        seconds = int(min(left, _KEPT).total_seconds())
        if seconds > _PUT_BACK:
            await send(self._queue, message.content, time_to_live=seconds, visibility_timeout=_PUT_BACK)


def _details(message: Message, event: BlobEvent) -> str:
    found = event.found
    times = (
        ("InsertedOn", message.inserted_on),
        ("BlobCreated", found.creation_time),
        ("BlobLastModified", found.last_modified),
    )
    told = [f"{name}: {time.astimezone(UTC).strftime(_TIME)}" for name, time in times if time]
    return ", ".join((f"MessageId: {message.id}", f"DequeueCount: {message.dequeue_count}", *told))
