"""A received queue message, which is kept invisible to other hosts by renewing it in time."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError

from hosting.bindings import host_logger
from hosting_storage.queues.messages import Message
from hosting_storage.shared.outage import first_line

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

_GONE = frozenset({"MessageNotFound", "PopReceiptMismatch", "QueueNotFound", "QueueBeingDeleted", "QueueDisabled"})

_logger = host_logger("storage.queues")


def is_gone(error: Exception) -> bool:
    """Return whether an error says that the message was received by another host or deleted, or its queue deleted."""
    return isinstance(error, HttpResponseError) and getattr(error, "error_code", None) in _GONE


class LeasedMessage:
    """Keeps a message invisible while it is processed, then deletes or releases it.

    Each renewal returns a new receipt, which is needed to delete or release the message. The text is not sent again:
    with an encoding policy, the SDK would encode it once more.

    Args:
        queue: the queue of the message.
        message: the message as received.
        lease_seconds: for how long it is invisible when received, and after each renewal.
    """

    def __init__(self, queue: QueueClient, message: Message, lease_seconds: float) -> None:
        self.message = message
        self._queue = queue
        self._receipt = message.pop_receipt
        self._lease_seconds = lease_seconds
        self._now = asyncio.get_running_loop().time
        self._expires_at = self._now() + lease_seconds
        self._pause = lease_seconds / 2
        self._timer: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None

    @property
    def remaining_seconds(self) -> float:
        """Seconds until other hosts can receive it."""
        return self._expires_at - self._now()

    def start_renewing(self) -> None:
        """Renew it from now on, after half of its time; sooner after a failed renewal."""
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._start_renewal)

    async def stop_renewing(self) -> None:
        """Stop renewing it; a renewal in progress is awaited, because only its receipt is valid afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._renewal is not None:
            await asyncio.wait((self._renewal,))

    async def delete(self) -> None:
        """Delete the message."""
        await self._queue.delete_message(self.message.id, self._receipt)

    async def release(self, seconds: float) -> None:
        """Make the message visible to all hosts in ``seconds``."""
        await self._queue.update_message(self.message.id, self._receipt, visibility_timeout=math.ceil(seconds))

    def _start_renewal(self) -> None:
        self._renewal = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        started_at = self._now()
        try:
            renewed = await self._queue.update_message(
                self.message.id, self._receipt, visibility_timeout=math.ceil(self._lease_seconds)
            )
        except AzureError as error:
            if is_gone(error):
                _logger.warning("%s was deleted, or received by another host, which may process it as well.", self)
                return
            _logger.warning("%s could not be renewed; retrying: %s", self, first_line(error))
            self._pause = max(self._pause / 2, self._lease_seconds / 10)
        else:
            self._receipt = renewed.pop_receipt or self._receipt
            self._expires_at = started_at + self._lease_seconds
            self._pause = self._lease_seconds / 2
        if self._timer is not None:  # not stopped meanwhile
            self.start_renewing()

    def __str__(self) -> str:
        return f"Message {self.message.id} of queue '{self._queue.queue_name}'"
