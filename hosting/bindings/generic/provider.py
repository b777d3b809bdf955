"""The generic provider: functions with a binding type that no package provides can still be run manually."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.functions import meta

from hosting._log import host_logger
from hosting.bindings.generic.messages import Message, read_batch, read_message
from hosting.bindings.generic.sdk_types import sdk_messages
from hosting.bindings.provider import Input, Invoke, Output, Provider, Trigger
from hosting.core import Binding, Function

_logger = host_logger("bindings")


class GenericProvider(Provider):
    """Provides triggers that only manual runs use, inputs that cannot be read, and outputs that are not written."""

    def trigger(self, function: Function, binding: Binding) -> GenericTrigger:
        """Return a trigger for manual runs."""
        return GenericTrigger(function, binding)

    def input(self, function: Function, binding: Binding) -> GenericInput:
        """Return an input that fails when it is read."""
        return GenericInput(function, binding)

    def output(self, function: Function, binding: Binding) -> GenericOutput:
        """Return an output that logs a warning when it is written."""
        return GenericOutput(function, binding)


class GenericTrigger(Trigger):
    """Converts the text of a manual run to ``str`` or ``bytes``, or with the converter that Azure's worker uses.

    That is the SDK's converter of the type, or, for a parameter with an SDK type, that of Azure's package.

    Args:
        function: the function.
        binding: its trigger.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        self._function = function
        self._binding = binding
        self._annotation = function.annotations.get(binding.name)
        self._is_timer = binding.type.lower() == "timertrigger"
        self._is_activity = binding.type.lower() == "activitytrigger"  # gets JSON, whatever it is annotated with
        self._is_batch = str(binding.properties.get("cardinality")).lower() == "many"
        self._converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]
        self._sdk_messages = sdk_messages(function, binding)

    @property
    def implicit_output(self) -> GenericOutput | None:
        """The output for what the function returns without a ``$return`` binding.

        None for the types for which Azure's worker does not allow that.
        """
        if self._converter is None or self._converter.has_implicit_output():
            return GenericOutput(self._function, self._binding._replace(name="$return"))
        return None

    async def by_hand(self, text: str | None) -> Any:
        """Return the text. Raises ValueError if a property of a message in it has the wrong type."""
        self._messages(text or "")
        return text

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the properties of the body, if it is a JSON object."""
        from hosting.bindings.expressions import json_data  # not needed at start

        return json_data(None if data is None else read_message(self._binding, data).body)

    def decode(self, data: Any) -> Any:
        """Return the text in the type of the parameter; a list of messages if the cardinality is ``many``.

        Args:
            data: the text; or bytes, a value that JSON can express, or None.

        Raises:
            ValueError: a property of a message has a value of the wrong type.
        """
        content = "" if data is None or self._is_timer else data
        if self._annotation in (str, bytes) and not self._is_activity:
            return _plain(read_message(self._binding, content).body, self._annotation)
        messages = self._messages(content)
        if self._sdk_messages is not None:
            return self._sdk_messages.many(messages) if self._is_batch else self._sdk_messages.one(messages[0])
        if self._is_batch:
            return self._batch(messages)
        return data if self._converter is None else self._single(messages[0])

    def _messages(self, content: Any) -> list[Message]:
        return read_batch(self._binding, content) if self._is_batch else [read_message(self._binding, content)]

    def _single(self, message: Message) -> Any:
        """Convert one message, first as text and then as JSON: some converters accept only one of the two."""
        from hosting.bindings.generic import sample_messages

        datum, metadata = sample_messages.sample_message(self._binding, message)
        try:
            return self._converter.decode(datum, trigger_metadata=metadata)
        except NotImplementedError:
            text = _plain(message.body, str)
            return self._converter.decode(meta.Datum(text or "{}", "json"), trigger_metadata=metadata)

    def _batch(self, messages: list[Message]) -> Any:
        from hosting.bindings.generic import sample_messages

        if self._converter is None:
            return [message.body for message in messages]
        datum, metadata = sample_messages.sample_batch(self._binding, messages)
        return self._converter.decode(datum, trigger_metadata=metadata)

    def attach(self, invoke: Invoke) -> None:
        """Do nothing: there is no listener."""


class GenericInput(Input):
    """An input that cannot be read."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self._subject = f"Function '{function.name}': input '{binding.name}'"
        self._type = binding.type

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Raise RuntimeError."""
        raise RuntimeError(f"{self._subject} cannot be read: no installed package provides its type '{self._type}'.")


class GenericOutput(Output):
    """An output that is not written, with a warning each time."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self._subject = f"Function '{function.name}': output '{binding.name}'"
        self._type = binding.type

    def encode(self, value: Any) -> Any:
        """Return the value unchanged."""
        return value

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        """Log a warning, if there is a value."""
        if encoded is not None:
            message = "%s is not written: no installed package provides its type '%s'."
            _logger.warning(message, self._subject, self._type)


def _plain(body: str | bytes, kind: type[Any]) -> str | bytes:
    """Return a body as ``str`` or ``bytes``."""
    if kind is bytes:
        return body.encode() if isinstance(body, str) else body
    return body if isinstance(body, str) else body.decode()
