"""Queue messages: their text in the queue, and the body that it encodes."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

Encoding: TypeAlias = Literal["base64", "none"]


@dataclass(frozen=True, slots=True)
class Message:
    """A received message; times are in UTC.

    ``content`` is the text in the queue, ``body`` the bytes that it encodes.
    """

    id: str
    content: str
    body: bytes
    dequeue_count: int
    pop_receipt: str = ""
    inserted_on: datetime | None = None
    expires_on: datetime | None = None
    next_visible_on: datetime | None = None

    @property
    def text(self) -> str | None:
        """``body`` as text; None if it is not UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            return None


def received(message: QueueMessage, encoding: Encoding) -> Message:
    """Return a message as received by an SDK client without a message encoding.

    Raises:
        ValueError: ``encoding`` is Base64, and the text is not.
    """
    content = message.content or ""
    return Message(
        message.id,
        content,
        decoded(content, encoding),
        message.dequeue_count or 0,
        message.pop_receipt or "",
        message.inserted_on,
        message.expires_on,
        message.next_visible_on,
    )


def decoded(content: str, encoding: Encoding) -> bytes:
    """Return the body that a text in a queue encodes.

    Raises:
        ValueError: ``encoding`` is Base64, and the text is not.
    """
    if encoding == "none":
        return content.encode()
    return b64decode("".join(content.split()), validate=True)  # white space is ignored, as in .NET


def encoded(body: bytes, encoding: Encoding) -> str:
    """Return the text that encodes ``body`` in a queue.

    Raises:
        ValueError: ``encoding`` is none, and the body is not UTF-8 text.
    """
    return b64encode(body).decode() if encoding == "base64" else body.decode()


async def send(
    queue: QueueClient, content: str, *, time_to_live: int | None = None, visibility_timeout: int | None = None
) -> None:
    """Send a message to a queue, and create a missing queue first, as Azure's host does.

    Args:
        queue: a client without a message encoding, as ``QueueServiceClient.get_queue_client`` returns it.
        content: the encoded text.
        time_to_live: seconds until the message expires; -1 for never, None for seven days.
        visibility_timeout: seconds until the message can be received (default: at once).

    Raises:
        AzureError: the storage cannot be reached, or refuses the message.
    """
    try:
        await queue.send_message(content, time_to_live=time_to_live, visibility_timeout=visibility_timeout)
    except ResourceNotFoundError:
        await _create(queue)
        await queue.send_message(content, time_to_live=time_to_live, visibility_timeout=visibility_timeout)


async def _create(queue: QueueClient) -> None:
    try:
        await queue.create_queue()
    except ResourceExistsError as error:
        if getattr(error, "error_code", None) != "QueueAlreadyExists":
            raise
