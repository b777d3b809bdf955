"""Listens on one queue for one function: receives messages in batches, then deletes, releases or dead-letters each.

A message is deleted only after its handler succeeded. Otherwise it becomes visible again: at once if this host can
release it, else when its visibility timeout ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, TypeAlias
from xml.etree.ElementTree import ParseError

from azure.core.exceptions import AzureError, ResourceNotFoundError

from hosting._asyncio import wait_for_event
from hosting.bindings import host_logger
from hosting_storage.queues.leased_message import LeasedMessage, is_gone
from hosting_storage.queues.messages import Message, received
from hosting_storage.queues.options import MINIMUM_POLLING_INTERVAL, QueueOptions
from hosting_storage.queues.polling import Backoff
from hosting_storage.shared.outage import Outage, first_line

if TYPE_CHECKING:
    from azure.storage.queue import QueueMessage
    from azure.storage.queue.aio import QueueClient

LEASE_SECONDS = 600.0
"""How long received messages are invisible, as in Azure's host."""

Handler: TypeAlias = Callable[[Message], Awaitable[bool]]
Poison: TypeAlias = Callable[[Message], Awaitable[None]]

_MISSING = "QueueNotFound"
_CLOSE_SECONDS = 4.0  # the host waits five seconds
_MAX_PAUSE_SECONDS = 30.0

_logger = host_logger("storage.queues")


class QueueListener:
    """Receives and handles the messages of a queue, as Azure's host does.

    It receives ``batch_size`` messages at once, and the next batch as soon as no more than ``new_batch_threshold`` are
    being handled. An empty or missing queue is polled less and less often, down to every ``max_polling_interval``.

    Args:
        queue: a client without a message encoding.
        handler: handles a message, and returns whether it succeeded; an exception counts as a failure. The message
            stays invisible to other hosts meanwhile.
        options: how the queue is read.
        poison: moves a message to the poison queue that failed ``max_dequeue_count`` times or cannot be decoded.
            Without it, such a message is tried again when its visibility timeout ends.
        outage: gets failures of the storage.
        lease_seconds: for how long messages are received and renewed (default: ``LEASE_SECONDS``).
    """

    def __init__(
        self,
        queue: QueueClient,
        handler: Handler,
        options: QueueOptions,
        *,
        poison: Poison | None = None,
        outage: Outage | None = None,
        lease_seconds: float | None = None,
    ) -> None:
        self._queue = queue
        self._name = queue.queue_name
        self._description = f"queue '{self._name}'"
        self._handler = handler
        self._options = options
        self._poison = poison
        self._outage = outage or Outage(_logger, f"Storage account '{queue.account_name}'")
        self._lease_seconds = LEASE_SECONDS if lease_seconds is None else lease_seconds
        self._backoff = Backoff(MINIMUM_POLLING_INTERVAL, options.max_polling_interval)
        self._nudged = asyncio.Event()
        self._has_capacity = asyncio.Event()
        self._is_stopping = self._is_closing = False
        self._is_missing = False
        self._read_task: asyncio.Task[None] | None = None
        self._work_tasks: set[asyncio.Task[None]] = set()
        self._handler_tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Start to receive messages; call it on the event loop."""
        self._read_task = asyncio.create_task(self._read(), name=f"queue {self._name}")

    @property
    def has_ended(self) -> bool:
        """Whether it was stopped, and nothing of it runs any more."""
        return self._is_stopping and not self._unfinished()

    def health(self) -> dict[str, str]:
        """Return why the queue is not read, by its name; empty text if it is read, nothing after ``stop``."""
        if self._is_stopping:
            return {}
        is_read = self._read_task is not None and not self._read_task.done()
        return {self._description: self._outage.reason(self._description) if is_read else "it is not read any more"}

    async def backlog(self) -> dict[str, int]:
        """Return how many messages the queue has, also those that a host handles or that are invisible; by its name.

        Raises:
            AzureError: the queue cannot be asked.
        """
        try:
            properties = await self._queue.get_queue_properties()
        except ResourceNotFoundError:
            return {self._description: 0}
        return {self._description: max(int(properties.approximate_message_count or 0), len(self._work_tasks))}

    def nudge(self) -> None:
        """Poll now, because the queue has a message. It may be called at any time."""
        self._nudged.set()

    def stop(self) -> None:
        """Stop receiving. Messages that were received but not started are released, unless it was their last attempt.

        Running handlers continue.
        """
        self._is_stopping = True
        self._nudged.set()
        self._has_capacity.set()

    async def close(self) -> None:
        """Cancel running handlers, release their messages, and wait a few seconds until all messages are settled."""
        self._is_closing = True
        self.stop()
        for task in self._handler_tasks:
            task.cancel()
        loop = asyncio.get_running_loop()
        end = loop.time() + _CLOSE_SECONDS
        # A batch that is being received becomes work, which is released.
        while (unfinished := self._unfinished()) and loop.time() < end:
            await asyncio.wait(unfinished, timeout=end - loop.time())
        for task in unfinished:
            task.cancel()
        if unfinished:
            why = "has a function that ignores its cancellation" if self._handler_tasks else "does not respond"
            _logger.warning("Queue '%s' %s: some of its messages become visible again later.", self._name, why)
            await asyncio.wait(unfinished)

    def _unfinished(self) -> set[asyncio.Task[None]]:
        reading = {self._read_task} if self._read_task and not self._read_task.done() else set()
        return reading | self._work_tasks

    async def _read(self) -> None:
        while not self._is_stopping:
            self._nudged.clear()
            batch = await self._receive()
            for message in batch:
                self._start_work(message)
            if batch:
                self._backoff.reset()
                await self._wait_for_capacity()
            else:
                await wait_for_event(self._nudged, self._backoff.pause(asyncio.get_running_loop().time()))

    async def _receive(self) -> list[QueueMessage]:
        """Receive messages; the result is empty if the queue or its account cannot be reached."""
        try:
            pages = self._queue.receive_messages(
                messages_per_page=self._options.batch_size,
                visibility_timeout=int(self._lease_seconds),
                retry_total=0,  # a repeated request would not return the messages of the first one
            ).by_page()
            page = await anext(pages, None)
            batch = [message async for message in page] if page else []
        except (AzureError, ParseError) as error:
            if getattr(error, "error_code", None) == _MISSING:
                self._outage.answered(self._description)
                self._report_missing()
            else:
                self._outage.failed(self._description, error)
        except Exception:
            _logger.exception("Queue '%s' cannot be read.", self._name)
        else:
            self._outage.answered(self._description)
            self._is_missing = False
            return batch
        return []

    def _report_missing(self) -> None:
        if not self._is_missing:
            _logger.info("Queue '%s' does not exist yet; the host keeps polling for it.", self._name)
        self._is_missing = True

    async def _wait_for_capacity(self) -> None:
        while len(self._work_tasks) > self._options.new_batch_threshold and not self._is_stopping:
            self._has_capacity.clear()
            await self._has_capacity.wait()

    def _start_work(self, message: QueueMessage) -> None:
        task = asyncio.create_task(self._process(message))
        self._work_tasks.add(task)
        task.add_done_callback(self._on_work_done)

    def _on_work_done(self, task: asyncio.Task[None]) -> None:
        self._work_tasks.discard(task)
        self._has_capacity.set()
        if not task.cancelled() and (error := task.exception()):
            _logger.error("A message of queue '%s' could not be settled.", self._name, exc_info=error)

    async def _process(self, raw: QueueMessage) -> None:
        try:
            message = received(raw, self._options.message_encoding)
        except ValueError:
            await self._reject(raw)
            return
        await self._handle(LeasedMessage(self._queue, message, self._lease_seconds))

    async def _handle(self, leased: LeasedMessage) -> None:
        max_count = self._options.max_dequeue_count
        is_last = self._poison is not None and leased.message.dequeue_count >= max_count
        if self._is_closing or (self._is_stopping and not is_last):
            await self._release(leased)
        elif self._poison is not None and leased.message.dequeue_count > max_count:
            await self._dead_letter(leased, self._poison)
        elif await self._run_handler(leased):
            await self._settle(leased, leased.delete)
        elif self._poison is None:
            pass  # as in Azure's host it stays invisible for a while: it would be retried without end
        elif leased.message.dequeue_count >= max_count:
            await self._dead_letter(leased, self._poison)
        else:
            await self._settle(leased, partial(leased.release, self._options.visibility_timeout))

    async def _run_handler(self, leased: LeasedMessage) -> bool:
        task = asyncio.current_task()
        assert task is not None
        self._handler_tasks.add(task)
        leased.start_renewing()
        try:
            return await self._handler(leased.message)
        except asyncio.CancelledError:
            self._handler_tasks.discard(task)
            await leased.stop_renewing()
            await self._release(leased)
            raise
        except Exception:
            _logger.exception("%s could not be handled.", leased)
            return False
        finally:
            self._handler_tasks.discard(task)
            await leased.stop_renewing()

    async def _dead_letter(self, leased: LeasedMessage, poison: Poison) -> None:
        if await self._settle(leased, partial(poison, leased.message)):
            await self._settle(leased, leased.delete)

    async def _reject(self, raw: QueueMessage) -> None:
        """Move a message that cannot be decoded to the poison queue at once, as Azure's host does."""
        message = received(raw, "none")
        _logger.error(
            "Message %s of queue '%s' is not Base64. If the sender does not encode messages, set "
            'extensions.queues.messageEncoding to "none" in host.json.',
            message.id,
            self._name,
        )
        if self._poison is not None:
            await self._dead_letter(LeasedMessage(self._queue, message, self._lease_seconds), self._poison)

    async def _settle(self, leased: LeasedMessage, action: Callable[[], Awaitable[None]]) -> bool:
        """Delete, release or move a message; retry while it is leased, because it would be processed again.

        Returns:
            Whether it succeeded.
        """
        pause = 1.0
        while True:
            try:
                await action()
                return True
            except AzureError as error:
                if is_gone(error):
                    _logger.warning(
                        "%s was deleted, or received by another host, before this host had finished.", leased
                    )
                    return False
                if leased.remaining_seconds <= pause:
                    _logger.error("%s could not be settled; it will be processed again: %s", leased, first_line(error))
                    return False
                _logger.warning("%s could not be settled yet; retrying: %s", leased, first_line(error))
            await asyncio.sleep(pause)
            pause = min(pause * 2, _MAX_PAUSE_SECONDS)

    async def _release(self, leased: LeasedMessage) -> None:
        """Make a message visible to other hosts now."""
        try:
            await leased.release(0)
        except AzureError as error:
            _logger.warning("%s could not be released; it becomes visible later: %s", leased, first_line(error))
