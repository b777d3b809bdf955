"""Parameters with an SDK type, such as ``ServiceBusReceivedMessage``, in manual runs and tests.

Azure's packages of SDK types, such as ``azurefunctions-extensions-bindings-servicebus``, convert what Azure's host
passes to the worker. Here the same data is made from the text of a manual run, and converted by the same package.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

from hosting.apps.web import supports_sdk_type
from hosting.bindings.generic import amqp
from hosting.bindings.generic.messages import Message
from hosting.core import Binding, Function

_BASE = "azurefunctions.extensions.base"


class _Kind(NamedTuple):
    """How Azure's host describes the messages of one trigger."""

    source: str
    encode: Callable[[Message, int], bytes]


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "servicebustrigger": _Kind("AzureServiceBusReceivedMessage", amqp.service_bus_content),
        "eventhubtrigger": _Kind("AzureEventHubsEventData", amqp.event_hub_content),
    }
)


class SdkMessages:
    """Makes the argument of a trigger's parameter that has an SDK type.

    Args:
        binding: the trigger.
        annotation: the SDK type, or a list of it.
    """

    def __init__(self, binding: Binding, annotation: Any) -> None:
        self._kind = _KINDS[binding.type.lower()]
        self._annotation = annotation
        self._base: Any = sys.modules[_BASE]
        self._converter = self._base.get_binding_registry().get(binding.type)

    def one(self, message: Message, number: int = 0) -> Any:
        """Return one message in its SDK type; ``number`` is that in its batch."""
        return self._converted(self._data(message, number), "model_binding_data")

    def many(self, messages: Sequence[Message]) -> list[Any]:
        """Return a list of messages in their SDK type."""
        data = [self._data(message, number) for number, message in enumerate(messages)]
        converted: list[Any] = self._converted(
            SimpleNamespace(model_binding_data=data), "collection_model_binding_data"
        )
        return converted

    def _data(self, message: Message, number: int) -> SimpleNamespace:
        content = self._kind.encode(message, number)
        return SimpleNamespace(
            version="1.0", source=self._kind.source, content_type="application/octet-stream", content=content
        )

    def _converted(self, data: Any, kind: str) -> Any:
        return self._converter.decode(self._base.Datum(data, kind), trigger_metadata={}, pytype=self._annotation)


def sdk_messages(function: Function, binding: Binding) -> SdkMessages | None:
    """Return what makes the argument of a trigger; None if its parameter has no SDK type of messages."""
    annotation = function.annotations.get(binding.name)
    if binding.type.lower() in _KINDS and supports_sdk_type(binding.type, annotation):
        return SdkMessages(binding, annotation)
    return None
