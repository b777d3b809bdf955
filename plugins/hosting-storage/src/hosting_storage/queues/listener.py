"""Reads one queue for one function: takes messages in batches, and gives each back, away or up as it went.

A message is deleted only after its handler succeeded. Whatever happens before that, it comes back: at once where this
host can say so, else when its invisibility ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from xml.etree.ElementTree import ParseError

from azure.core.exceptions import AzureError

from hosting._asyncio import wait_for_event
from hosting_storage.queues.leased_message import Held, is_gone
from hosting_storage.queues.messages import Message, received
from hosting_storage.queues.options import MINIMUM_POLLING_INTERVAL, QueueOptions
from hosting_storage.queues.polling import Backoff
from hosting_storage.shared.outage import Outage, first_line

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

INVISIBLE = 600.0
"""Seconds for which messages are taken; Azure's host takes them for ten minutes, too."""

Handler: TypeAlias = Callable[[Message], Awaitable[bool]]
Poison: TypeAlias = Callable[[Message], Awaitable[None]]

_MISSING = "QueueNotFound"
_SETTLING = 4.0  # seconds that ends have after the handlers' own; the host waits for five
_LONGEST_PAUSE = 30.0

_logger = logging.getLogger("hosting.storage.queues")


class QueueListener:
    """Takes messages of a queue, as Azure's host does.

    It takes ``batch_size`` messages at once, and the next ones as soon as no more than ``new_batch_threshold`` are
    worked on; into an empty queue it looks ever more seldom, up to ``max_polling_interval``. So it looks for a queue
    that does not exist.

    Args:
        queue: a client without an encoding of its own.
        handler: works on a message, and says whether it succeeded; raising is failing. What it is given stays invisible
            to others for as long as it takes.
        options: how the queue is read.
        poison: sets a message aside that failed ``max_dequeue_count`` times or cannot be decoded. Without it such a
            message is tried again when its invisibility ends.
        outage: told when the queue cannot be read.
        invisible: seconds for which messages are taken and renewed.
    """

    def __init__(
        self,
        queue: QueueClient,
        handler: Handler,
        options: QueueOptions,
        *,
        poison: Poison | None = None,
        outage: Outage | None = None,
        invisible: float | None = None,
    ) -> None:
        self._queue = queue
        self._name = queue.queue_name
        self._who = f"queue '{self._name}'"
        self._handler = handler
        self._options = options
        self._poison = poison
        self._outage = outage or Outage(_logger, f"Storage account '{queue.account_name}'")
        self._invisible = INVISIBLE if invisible is None else invisible
        self._backoff = Backoff(MINIMUM_POLLING_INTERVAL, options.max_polling_interval)
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._is_stopping = self._is_closing = False
        self._is_missing = False
        self._reading: asyncio.Task[None] | None = None
        self._working: set[asyncio.Task[None]] = set()
        self._handling: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to read. On the event loop."""
        self._reading = asyncio.create_task(self._read(), name=f"queue {self._name}")

    def nudge(self) -> None:
        """Look into the queue now: there is something in it. May be called at any time."""
        self._wake.set()

    def stop(self) -> None:
        """Take nothing more; what was taken but not begun is given back at once, unless it would be poison then.

        What runs goes on.
        """
        self._is_stopping = True
        self._wake.set()
        self._room.set()

    async def close(self) -> None:
        """Cancel what still runs and give it back at once, then wait until every message is settled, a few seconds."""
        self._is_closing = True
        self.stop()
        for task in self._handling:
            task.cancel()
        loop = asyncio.get_running_loop()
        end = loop.time() + _SETTLING
        # What is being read becomes work, to be given back.
        while (waiting := self._unfinished()) and loop.time() < end:
            await asyncio.wait(waiting, timeout=end - loop.time())
        for task in waiting:
            task.cancel()
        if waiting:
            why = "has a function that goes on though it was cancelled" if self._handling else "does not answer"
            _logger.warning("Queue '%s' %s: some of its messages come back later.", self._name, why)
            await asyncio.wait(waiting)

    def _unfinished(self) -> set[asyncio.Task[None]]:
        reading = {self._reading} if self._reading and not self._reading.done() else set()
        return reading | self._working

    async def _read(self) -> None:
        while not self._is_stopping:
            self._wake.clear()
            batch = await self._batch()
            for message in batch:
                self._begin(message)
            if batch:
                self._backoff.reset()
                await self._until_there_is_room()
            else:
                await wait_for_event(self._wake, self._backoff.pause(asyncio.get_running_loop().time()))

    async def _batch(self) -> list[QueueMessage]:
        """Take messages; none where the queue or its account cannot be reached."""
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._options.batch_size,
                visibility_timeout=int(self._invisible),
                retry_total=0,  # a second request could not bring back what the first one has taken
            ).by_page()
            page = await anext(pages, None)
            batch = [message async for message in page] if page else []
        except (AzureError, ParseError) as error:
            if getattr(error, "error_code", None) == _MISSING:
                self._outage.answered(self._who)
                self._missing()
            else:
                self._outage.failed(self._who, error)
        except Exception:
            _logger.exception("Queue '%s' cannot be read.", self._name)
        else:
            self._outage.answered(self._who)
            self._is_missing = False
            return batch
        return []

    def _missing(self) -> None:
        if not self._is_missing:
            _logger.info("Queue '%s' does not exist yet; it is looked for again and again.", self._name)
        self._is_missing = True

    async def _until_there_is_room(self) -> None:
        while len(self._working) > self._options.new_batch_threshold and not self._is_stopping:
            self._room.clear()
            await self._room.wait()

    def _begin(self, message: QueueMessage) -> None:
        task = asyncio.create_task(self._work(message))
        self._working.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._room.set()
        if not task.cancelled() and (error := task.exception()):
            _logger.error("A message of queue '%s' could not be settled.", self._name, exc_info=error)

    async def _work(self, taken: QueueMessage) -> None:
        try:
            message = received(taken, self._options.message_encoding)
        except ValueError:
            await self._undecodable(taken)
            return
        await self._worked(Held(self._queue, message, self._invisible))

    async def _worked(self, held: Held) -> None:
        most = self._options.max_dequeue_count
        is_last = self._poison is not None and held.message.dequeue_count >= most
        if self._is_closing or (self._is_stopping and not is_last):
            await self._give_back(held)
        elif self._poison is not None and held.message.dequeue_count > most:
            await self._set_aside(held, self._poison)
        elif await self._succeeded(held):
            await self._settled(held, held.delete)
        elif self._poison is None:
            pass  # as in Azure's host it stays invisible for a while, or it would be tried again without end
        elif held.message.dequeue_count >= most:
            await self._set_aside(held, self._poison)
        else:
            await self._settled(held, partial(held.release, self._options.visibility_timeout))

    async def _succeeded(self, held: Held) -> bool:
        task = asyncio.current_task()
        assert task is not None
        self._handling.add(task)
        held.keep()
        try:
            return await self._handler(held.message)
        except asyncio.CancelledError:
            self._handling.discard(task)
            await held.stop_renewing()
            await self._give_back(held)
            raise
        except Exception:
            _logger.exception("%s could not be handled.", held)
            return False
        finally:
            self._handling.discard(task)
            await held.stop_renewing()

    async def _set_aside(self, held: Held, poison: Poison) -> None:
        if await self._settled(held, partial(poison, held.message)):
            await self._settled(held, held.delete)

    async def _undecodable(self, taken: QueueMessage) -> None:
        """Set aside what no attempt could decode, at once, as Azure's host does."""
        message = received(taken, "none")
        _logger.error(
            "Message %s of queue '%s' is not Base64. If whoever sends does not encode messages, set "
            'extensions.queues.messageEncoding to "none" in host.json.',
            message.id,
            self._name,
        )
        if self._poison is not None:
            await self._set_aside(Held(self._queue, message, self._invisible), self._poison)

    async def _settled(self, held: Held, action: Callable[[], Awaitable[None]]) -> bool:
        """Do what ends a message, and again as long as it is ours: otherwise it would be worked on once more.

        Returns:
            Whether it is done.
        """
        pause = 1.0
        while True:
            try:
                await action()
                return True
            except AzureError as error:
                if is_gone(error):
                    _logger.warning("%s was deleted or taken by somebody else before we were through with it.", held)
                    return False
                if held.remains <= pause:
                    _logger.error("%s could not be settled; it will be worked on again: %s", held, first_line(error))
                    return False
                _logger.warning("%s cannot be settled yet; trying again: %s", held, first_line(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _give_back(self, held: Held) -> None:
        """Let others see it now."""
        try:
            await held.release(0)
        except AzureError as error:
            _logger.warning("%s could not be given back; others see it later: %s", held, first_line(error))
