"""Queue messages: their text in the queue, and the bytes that it stands for."""

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
    """A message that was taken from a queue; times are in UTC.

    ``content`` is its text in the queue, ``body`` the bytes that this text stands for.
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
        """``body`` as a text; None if it is none in UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            return None


def received(message: QueueMessage, encoding: Encoding) -> Message:
    """Read what the SDK's client received, which knows of no encoding.

    Raises:
        ValueError: its text is not Base64, where it should be.
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
    """Give the bytes that a text in a queue stands for.

    Raises:
        ValueError: the text is not Base64, where it should be.
    """
    if encoding == "none":
        return content.encode()
    return b64decode("".join(content.split()), validate=True)  # .NET does not mind white space either


def encoded(body: bytes, encoding: Encoding) -> str:
    """Give the text that stands for ``body`` in a queue.

    Raises:
        ValueError: bytes that are no text cannot be sent as they are.
    """
    return b64encode(body).decode() if encoding == "base64" else body.decode()


async def send(
    queue: QueueClient, content: str, *, time_to_live: int | None = None, visibility_timeout: int | None = None
) -> None:
    """Put a message at the end of a queue, which is made where it does not exist, as Azure's host makes it.

    Args:
        queue: a client without an encoding of its own, as ``QueueServiceClient.get_queue_client`` gives.
        content: the text, encoded already.
        time_to_live: seconds until it is dropped; -1 for never, None for seven days.
        visibility_timeout: seconds until it can be received; at once by default.

    Raises:
        AzureError: the storage cannot be reached, or refuses.
    """
    try:
        await queue.send_message(content, time_to_live=time_to_live, visibility_timeout=visibility_timeout)
    except ResourceNotFoundError:
        await _make(queue)
        await queue.send_message(content, time_to_live=time_to_live, visibility_timeout=visibility_timeout)


async def _make(queue: QueueClient) -> None:
    try:
        await queue.create_queue()
    except ResourceExistsError as error:
        if getattr(error, "error_code", None) != "QueueAlreadyExists":
            raise
