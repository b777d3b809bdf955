"""Listeners on a queue of a real Azurite."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from azure.storage.queue.aio import QueueServiceClient
from storage_support.apps import TIMEOUT_SECONDS
from storage_support.queues import VERSION

from hosting_storage.queues.listener import QueueListener
from hosting_storage.queues.messages import Message, send
from hosting_storage.queues.options import QueueOptions
from hosting_storage.testing import Azurite

Handler = Callable[[Message], Awaitable[bool]]
QUICK = QueueOptions(max_polling_interval=0.1)


class Listeners:
    """The listeners on a queue, closed at the end of the block.

    Args:
        azurite: the account.
        name: the queue's name.
        port: the port of the queue service, or of a proxy in front of it.
    """

    def __init__(self, azurite: Azurite, name: str, port: int | None = None) -> None:
        text = azurite.through(Queue=port or azurite.ports["Queue"])
        self.service = QueueServiceClient.from_connection_string(text, api_version=VERSION, retry_total=0)
        self.queue = self.service.get_queue_client(name)
        self.poison = self.service.get_queue_client(f"{name}-poison")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Listeners:
        self._stack.push_async_callback(self.service.close)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def start(self, handler: Handler, options: QueueOptions = QUICK, **changes: Any) -> QueueListener:
        """Start a listener that calls ``handler`` for each message."""

        async def send_to_poison_queue(message: Message) -> None:
            await send(self.poison, message.content)

        listener = QueueListener(self.queue, handler, options, **{"poison": send_to_poison_queue, **changes})
        listener.start()
        self._stack.push_async_callback(listener.close)
        return listener


@asynccontextmanager
async def fail_after_timeout() -> AsyncIterator[None]:
    """Fail if the block takes longer than ``TIMEOUT_SECONDS``."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        yield


async def until(condition: Callable[[], object]) -> None:
    """Wait until a condition is true; it is called in a thread, because it may ask the storage."""
    async with fail_after_timeout():
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(0.05)


class RecordingHandler:
    """A handler that records its messages.

    Args:
        outcome: what it returns for each message; an exception is raised.
        is_waiting: whether each message waits for a ``release`` of ``permits``.
    """

    def __init__(self, outcome: object = True, *, is_waiting: bool = False) -> None:
        self.messages: list[Message] = []
        self.running = 0
        self.max_running = 0
        self.permits = asyncio.Semaphore(0)
        self._outcome = outcome
        self._is_waiting = is_waiting

    async def __call__(self, message: Message) -> bool:
        self.messages.append(message)
        self.running += 1
        self.max_running = max(self.max_running, self.running)
        try:
            if self._is_waiting:
                await self.permits.acquire()
        finally:
            self.running -= 1
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return bool(self._outcome)

    @property
    def texts(self) -> list[str | None]:
        """The texts of the messages, in order."""
        return [message.text for message in self.messages]
