"""Handles the messages of announced blobs: runs their functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hosting.bindings import host_logger
from hosting_storage.blobs.messages import POISON, BlobVersion, quoted
from hosting_storage.blobs.trigger import BlobEvent, BlobTrigger
from hosting_storage.queues.messages import Message, send
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.failures import explained

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

_RETURN_SECONDS = 60
"""How long a message stays invisible whose function does not run here."""
_MAX_AGE = timedelta(days=7)
"""How long such a message is kept, which is the default lifetime of messages."""
_TIME = "%Y-%m-%dT%H:%M:%S.000+00:00"

_logger = host_logger("storage.blobs")


class BlobMessageHandler:
    """Handles the messages of the queue of announced blobs.

    Args:
        triggers: the triggers with functions that run here, by function id.
        queue: the queue of the messages.
        connections: the clients of the app's storage accounts.
        announce: announces a version.
        max_dequeue_count: attempts before a message is moved to the poison queue, for the log.
    """

    def __init__(
        self,
        triggers: Mapping[str, BlobTrigger],
        queue: QueueClient,
        connections: Connections,
        announce: Callable[[BlobVersion], Awaitable[bool]],
        max_dequeue_count: int,
    ) -> None:
        self._triggers = triggers
        self._queue = queue
        self._connections = connections
        self._announce = announce
        self._max_dequeue_count = max_dequeue_count

    async def handle(self, message: Message) -> bool:
        """Run the function that a message names.

        As in Azure's host, nothing runs for a deleted blob, and an overwritten blob is announced again.

        Returns:
            Whether the message is done; if False it is tried again.

        Raises:
            ValueError: it is not a message of a blob trigger.
            StorageFailure: the blob cannot be read.
            azure.core.exceptions.AzureError: the blob cannot be announced again.
        """
        version = BlobVersion.read(message.text or "")
        trigger = self._triggers.get(version.function_id)
        if trigger is None:
            await self._return_later(message)
            return True
        with explained(f"Function '{trigger.name}': blob '{version.path}' cannot be read"):
            event = await trigger.fetch(version.path)
        if event is None or event.is_folder:
            return True
        current = version._replace(etag=quoted(event.properties.etag))
        if current != version:
            return await self._announce(current)
        result = await trigger.start(event, _details(message, event))
        return result.exception is None

    async def poison(self, message: Message) -> None:
        """Move a message to the poison queue, in the account of its blob."""
        text = "Message has reached MaxDequeueCount of %d. Moving message to queue '%s'."
        _logger.warning(text, self._max_dequeue_count, POISON)
        try:
            trigger = self._triggers.get(BlobVersion.read(message.text or "").function_id)
        except ValueError:
            trigger = None
        account = self._connections.queue_service(trigger.connection if trigger else None)
        await send(account.get_queue_client(POISON), message.content)

    async def _return_later(self, message: Message) -> None:
        """Return a message to the queue for a host that runs its function, which may be disabled or left out here."""
        left = message.expires_on - datetime.now(UTC) if message.expires_on else _MAX_AGE
        seconds = int(min(left, _MAX_AGE).total_seconds())
        if seconds > _RETURN_SECONDS:
            await send(self._queue, message.content, time_to_live=seconds, visibility_timeout=_RETURN_SECONDS)


def _details(message: Message, event: BlobEvent) -> str:
    properties = event.properties
    times = (
        ("InsertedOn", message.inserted_on),
        ("BlobCreated", properties.creation_time),
        ("BlobLastModified", properties.last_modified),
    )
    parts = [f"{name}: {time.astimezone(UTC).strftime(_TIME)}" for name, time in times if time]
    return ", ".join((f"MessageId: {message.id}", f"DequeueCount: {message.dequeue_count}", *parts))
