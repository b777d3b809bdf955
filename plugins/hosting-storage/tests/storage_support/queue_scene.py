"""A queue of a real Azurite with listeners on it, for tests of what they do."""

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


class Scene:
    """A queue, its poison queue, and listeners on it.

    Args:
        azurite: the account.
        name: the queue's.
        port: of the queue service, or of a proxy before it.
    """

    def __init__(self, azurite: Azurite, name: str, port: int | None = None) -> None:
        text = azurite.through(Queue=port or azurite.ports["Queue"])
        self.service = QueueServiceClient.from_connection_string(text, api_version=VERSION, retry_total=0)
        self.queue = self.service.get_queue_client(name)
        self.poison = self.service.get_queue_client(f"{name}-poison")
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Scene:
        self._stack.push_async_callback(self.service.close)
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    def listen(self, handler: Handler, options: QueueOptions = QUICK, **changes: Any) -> QueueListener:
        """Start a listener; it is closed at the end."""

        async def set_aside(message: Message) -> None:
            await send(self.poison, message.content)

        listener = QueueListener(self.queue, handler, options, **{"poison": set_aside, **changes})
        listener.start()
        self._stack.push_async_callback(listener.close)
        return listener


@asynccontextmanager
async def patience() -> AsyncIterator[None]:
    """Fail, rather than hang."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        yield


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so; whoever asks the storage does it in a thread."""
    async with patience():
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - it is elsewhere that it becomes so
            await asyncio.sleep(0.05)


class Handled:
    """A handler that notes what it was given, and answers as it is told: once all is ``let`` go, where it is held."""

    def __init__(self, answer: object = True, *, held: bool = False) -> None:
        self.messages: list[Message] = []
        self.running = 0
        self.most = 0
        self.answer = answer
        self.let = asyncio.Semaphore(0)
        self._is_held = held

    async def __call__(self, message: Message) -> bool:
        self.messages.append(message)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self._is_held:
                await self.let.acquire()
        finally:
            self.running -= 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return bool(self.answer)

    @property
    def texts(self) -> list[str | None]:
        return [message.text for message in self.messages]
