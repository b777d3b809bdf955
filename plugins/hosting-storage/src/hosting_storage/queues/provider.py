"""The provider of ``queueTrigger`` and ``queue``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from azure.functions import meta

from hosting.bindings import Invoke, Output, Provider, Services, Trigger, host_logger
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from hosting_storage.queues.listener import QueueListener
from hosting_storage.queues.messages import Message, encoded, send
from hosting_storage.queues.names import poison_name, queue_name
from hosting_storage.queues.options import QueueOptions, read_options
from hosting_storage.shared.connections import Connections
from hosting_storage.shared.failures import explained
from hosting_storage.shared.outage import Outage

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient, QueueServiceClient

_NAME = "queueName"
_TIME = "%Y-%m-%dT%H:%M:%S+00:00"  # the first format that the SDK's converter tries
_NOT_TEXT = (
    "Annotate it as bytes; or, if the sender does not encode messages, set "
    'extensions.queues.messageEncoding to "none" in host.json.'
)
_LIFETIME = timedelta(days=7)

_logger = host_logger("storage.queues")


class QueueProvider(Provider):
    """Runs functions for queue messages, and sends output values to queues."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self._options = read_options(services)
        self._connections = Connections(services)
        self._triggers: list[QueueTrigger] = []
        self._listeners: dict[str, list[QueueListener]] = {}
        self._outages: dict[str, Outage] = {}

    def trigger(self, function: Function, binding: Binding) -> QueueTrigger:
        """Return a queue trigger; raises FunctionLoadError if its queue name or connection cannot be used."""
        service = self._connections.queue_service(binding.get("connection"))
        queue = service.get_queue_client(_checked_name(function, binding))
        trigger = QueueTrigger(function, binding, queue, self._poison_queue(service, queue.queue_name), self._options)
        self._triggers.append(trigger)
        return trigger

    def output(self, function: Function, binding: Binding) -> QueueOutput:
        """Return an output; raises FunctionLoadError if its queue name or connection cannot be used."""
        service = self._connections.queue_service(binding.get("connection"))
        if "{" not in str(binding.get(_NAME)):
            _checked_name(function, binding)
        description = f"Function '{function.name}': output '{binding.name}'"
        return QueueOutput(description, service, self._options, self)

    async def start(self) -> None:
        """Start to listen on the queues of all functions that run here."""
        for trigger in self._triggers:
            if listener := trigger.listener(self._outage(trigger.queue), self):
                self._listeners.setdefault(trigger.queue.url, []).append(listener)
                listener.start()

    async def stop(self) -> None:
        """Stop receiving messages; running functions continue."""
        for listener in self._all():
            listener.stop()

    async def resume(self) -> None:
        """Listen again; messages that were received before go on."""
        for url, listeners in self._listeners.items():
            self._listeners[url] = [listener for listener in listeners if not listener.has_ended]
        await self.start()

    def health(self) -> dict[str, str]:
        """Return for each queue why it is not read; empty text if it is."""
        return {name: reason for listener in self._all() for name, reason in listener.health().items()}

    async def backlog(self) -> dict[str, int]:
        """Return how many messages each queue has."""
        return {name: count for listener in self._all() for name, count in (await listener.backlog()).items()}

    async def close(self) -> None:
        """Cancel what still runs, release its messages, and close the clients."""
        await asyncio.gather(*(listener.close() for listener in self._all()))
        await self._connections.close()

    def nudge(self, queue: QueueClient) -> None:
        """Let listeners of this host poll ``queue`` now, because a message was sent to it."""
        for listener in self._listeners.get(queue.url, ()):
            listener.nudge()

    def _all(self) -> list[QueueListener]:
        return [listener for listeners in self._listeners.values() for listener in listeners]

    def _outage(self, queue: QueueClient) -> Outage:
        account = str(queue.account_name)
        return self._outages.setdefault(account, Outage(_logger, f"Storage account '{account}'"))

    @staticmethod
    def _poison_queue(service: QueueServiceClient, name: str) -> QueueClient | None:
        poison = poison_name(name)
        return service.get_queue_client(poison) if poison else None


class QueueTrigger(Trigger):
    """Runs a function for each message of a queue.

    Args:
        function: the function.
        binding: its trigger.
        queue: the queue.
        poison: the queue for messages that cannot be handled; None if they stay in the queue.
        options: how the queue is read.
    """

    def __init__(
        self,
        function: Function,
        binding: Binding,
        queue: QueueClient,
        poison: QueueClient | None,
        options: QueueOptions,
    ) -> None:
        self.queue = queue
        self._poison = poison
        self._options = options
        self._annotation = function.annotations.get(binding.name)
        self._description = f"parameter '{binding.name}' of type str of function '{function.name}'"
        self._is_binary = str(binding.get("dataType")).lower() == "binary"
        self._converter: Any = meta.get_binding_registry().get("queueTrigger")  # type: ignore[no-untyped-call]
        self._reason = f"New queue message detected on '{queue.queue_name}'."
        self._invoke: Invoke | None = None
        self._provider: QueueProvider | None = None

    def attach(self, invoke: Invoke) -> None:
        """Keep the function that runs the trigger's function."""
        self._invoke = invoke

    def listener(self, outage: Outage, provider: QueueProvider) -> QueueListener | None:
        """Return a listener for the queue; None for a function that does not run."""
        if self._invoke is None:
            return None
        self._provider = provider
        poison = self._dead_letter if self._poison else None
        return QueueListener(self.queue, self._handle, self._options, poison=poison, outage=outage)

    def decode(self, data: Message) -> Any:
        """Return the argument of the function; raises TypeError if it is text, and the message is not."""
        text = data.text
        if self._annotation is str:
            if text is None:
                raise TypeError(f"a message that is not UTF-8 text does not fit {self._description}. {_NOT_TEXT}")
            return text
        if self._annotation is bytes:
            return data.body
        is_text = text is not None and not self._is_binary
        datum = meta.Datum(text, "string") if is_text else meta.Datum(data.body, "bytes")
        return self._converter.decode(datum, trigger_metadata=_metadata(data))

    def binding_data(self, data: Message) -> Mapping[str, Any]:
        """Return the message's metadata, and the properties of a JSON body, for binding expressions."""
        from hosting.bindings.expressions import json_data, merged  # needed only for expressions

        known = {
            "QueueTrigger": data.text,
            "DequeueCount": data.dequeue_count,
            "ExpirationTime": data.expires_on,
            "Id": data.id,
            "InsertionTime": data.inserted_on,
            "NextVisibleTime": data.next_visible_on,
            "PopReceipt": data.pop_receipt,
        }
        return merged({name: value for name, value in known.items() if value is not None}, json_data(data.text))

    async def figures(self) -> Mapping[str, Any]:
        """Return how many messages wait in the queue and in its poison queue; raises StorageFailure."""
        with explained(f"The length of queue '{self.queue.queue_name}' cannot be read"):
            waiting, poisoned = await asyncio.gather(_length(self.queue), _length(self._poison))
        return {"source": self.queue.queue_name, "waiting": waiting, "poisoned": poisoned}

    async def by_hand(self, text: str | None) -> Message:
        """Return a message with this text, as if it had been received."""
        now = datetime.now(UTC)
        body = (text or "").encode()
        content = encoded(body, self._options.message_encoding)
        return Message(str(uuid4()), content, body, 1, "", now, now + _LIFETIME, now)

    async def _handle(self, message: Message) -> bool:
        assert self._invoke is not None
        result = await self._invoke(message, reason=self._reason, details=_details(message))
        return result.exception is None

    async def _dead_letter(self, message: Message) -> None:
        assert self._poison is not None
        assert self._provider is not None
        limit = self._options.max_dequeue_count
        why = f"Message has reached MaxDequeueCount of {limit}. " if message.dequeue_count >= limit else ""
        _logger.warning("%sMoving message to queue '%s'.", why, self._poison.queue_name)
        await send(self._poison, message.content)
        self._provider.nudge(self._poison)


class QueueOutput(Output):
    """Sends output values to a queue, and creates a missing queue.

    Args:
        description: the function and the binding, for messages.
        service: the client of the account.
        options: how messages are encoded.
        provider: notified of each queue that gets messages.
    """

    expressions = (_NAME,)

    def __init__(
        self, description: str, service: QueueServiceClient, options: QueueOptions, provider: QueueProvider
    ) -> None:
        self._description = description
        self._queue = lru_cache(maxsize=64)(service.get_queue_client)
        self._encoding = options.message_encoding
        self._provider = provider
        self._converter: Any = meta.get_binding_registry().get("queue")  # type: ignore[no-untyped-call]

    def encode(self, value: Any) -> list[str]:
        """Return the text of each message: one, or one for each element of a list or a JSON array."""
        try:
            datum = self._converter.encode(value, expected_type=None)
        except NotImplementedError as error:
            raise TypeError(
                "unable to encode outgoing TypedData: a queue takes str, bytes, QueueMessage, or a list of str and "
                f"QueueMessage, but {self._description} got {type(value).__name__}{f' ({error})' if str(error) else ''}"
            ) from error
        bodies = [datum.value] if datum.type == "bytes" else [text.encode() for text in _split(datum.value)]
        return [encoded(body, self._encoding) for body in bodies]

    async def write(self, encoded: list[str], properties: Mapping[str, Any]) -> None:
        """Send the messages, and create a missing queue. Raises StorageFailure."""
        name = queue_name(properties[_NAME])
        queue = self._queue(name)
        with explained(f"{self._description} cannot be sent to queue '{name}'"):
            for content in encoded:
                await send(queue, content)
        if encoded:
            self._provider.nudge(queue)


async def _length(queue: QueueClient | None) -> int:
    """Return about how many messages a queue has; none if there is no such queue."""
    from azure.core.exceptions import ResourceNotFoundError  # costs a start what few starts need

    if queue is None:
        return 0
    try:
        properties = await queue.get_queue_properties()
    except ResourceNotFoundError:
        return 0
    return properties.approximate_message_count or 0


def _checked_name(function: Function, binding: Binding) -> str:
    try:
        return queue_name(str(binding.get(_NAME) or ""))
    except ValueError as error:
        raise FunctionLoadError(
            f"Function '{function.name}': {_NAME} of binding '{binding.name}': {error}.",
            remedy="Correct the name.",
            file=function.file,
        ) from error


def _split(text: str) -> list[str]:
    """Return the elements of a JSON array as single messages, as in Azure's host; any other text is one message."""
    if text.lstrip().startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        return [item if isinstance(item, str) else json.dumps(item, ensure_ascii=False) for item in found]
    return [text]


def _metadata(message: Message) -> dict[str, meta.Datum]:
    found = {
        "Id": meta.Datum(message.id, "string"),
        "DequeueCount": meta.Datum(message.dequeue_count, "int"),
        "PopReceipt": meta.Datum(message.pop_receipt, "string"),
    }
    times = (
        ("ExpirationTime", message.expires_on),
        ("InsertionTime", message.inserted_on),
        ("NextVisibleTime", message.next_visible_on),
    )
    found.update((name, meta.Datum(time.strftime(_TIME), "string")) for name, time in times if time)
    return found


def _details(message: Message) -> str:
    inserted = f"{message.inserted_on:%Y-%m-%dT%H:%M:%S.000+00:00}" if message.inserted_on else ""
    return f"MessageId: {message.id}, DequeueCount: {message.dequeue_count}, InsertedOn: {inserted}"
