"""A queue message in our hands: invisible to everybody else as long as we say so in time."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from azure.core.exceptions import AzureError, HttpResponseError

from hosting_storage.queues.messages import Message
from hosting_storage.shared.outage import first_line

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

_GONE = frozenset({"MessageNotFound", "PopReceiptMismatch", "QueueNotFound", "QueueBeingDeleted", "QueueDisabled"})

_logger = logging.getLogger("hosting.storage.queues")


def is_gone(error: Exception) -> bool:
    """Whether an error says that a message is no longer ours: somebody took or deleted it, or its queue is gone."""
    return isinstance(error, HttpResponseError) and getattr(error, "error_code", None) in _GONE


class Held:
    """Keeps a message invisible while it is worked on, and ends that.

    Renewing gives a new receipt each time, without which the message can neither be deleted nor given back. The text is
    not sent again: with an encoding policy, the SDK would encode it once more.

    Args:
        queue: where it was taken.
        message: as it was taken.
        invisible: seconds for which it was taken, and is renewed for.
    """

    def __init__(self, queue: QueueClient, message: Message, invisible: float) -> None:
        self.message = message
        self._queue = queue
        self._receipt = message.pop_receipt
        self._invisible = invisible
        self._now = asyncio.get_running_loop().time
        self._until = self._now() + invisible
        self._pause = invisible / 2
        self._timer: asyncio.TimerHandle | None = None
        self._renewal: asyncio.Task[None] | None = None

    @property
    def remains(self) -> float:
        """Seconds for which it is still ours."""
        return self._until - self._now()

    def keep(self) -> None:
        """Renew it from now on, halfway to its end; sooner after a renewal that failed."""
        self._timer = asyncio.get_running_loop().call_later(self._pause, self._begin)

    async def stop_renewing(self) -> None:
        """Renew it no more; a renewal on its way ends first, as only its receipt is then good."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._renewal is not None:
            await asyncio.wait((self._renewal,))

    async def delete(self) -> None:
        """Delete it from its queue."""
        await self._queue.delete_message(self.message.id, self._receipt)

    async def release(self, seconds: float) -> None:
        """Let everybody see it ``seconds`` from now."""
        await self._queue.update_message(self.message.id, self._receipt, visibility_timeout=math.ceil(seconds))

    def _begin(self) -> None:
        self._renewal = asyncio.ensure_future(self._renew())

    async def _renew(self) -> None:
        begun = self._now()
        try:
            renewed = await self._queue.update_message(
                self.message.id, self._receipt, visibility_timeout=math.ceil(self._invisible)
            )
        except AzureError as error:
            if is_gone(error):
                _logger.warning("%s was deleted, or taken by somebody else who may work on it, too.", self)
                return
            _logger.warning("%s cannot be kept invisible to others; trying again: %s", self, first_line(error))
            self._pause = max(self._pause / 2, self._invisible / 10)
        else:
            self._receipt = renewed.pop_receipt or self._receipt
            self._until = begun + self._invisible
            self._pause = self._invisible / 2
        if self._timer is not None:  # nobody has stopped it meanwhile
            self.keep()

    def __str__(self) -> str:
        return f"Message {self.message.id} of queue '{self._queue.queue_name}'"
