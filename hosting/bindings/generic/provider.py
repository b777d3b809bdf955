"""What stands in for binding types that nobody provides, so that their functions can still be run by hand."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from azure.functions import meta

from hosting.bindings.provider import Input, Invoke, Output, Provider, Trigger
from hosting.core import Binding, Function

_logger = logging.getLogger("hosting.bindings")


class GenericProvider(Provider):
    """Listens to nothing: hands out the text of a run by hand, and drops what a function gives to its outputs."""

    def trigger(self, function: Function, binding: Binding) -> GenericTrigger:
        return GenericTrigger(function, binding)

    def input(self, function: Function, binding: Binding) -> GenericInput:
        return GenericInput(function, binding)

    def output(self, function: Function, binding: Binding) -> GenericOutput:
        return GenericOutput(function, binding)


class GenericTrigger(Trigger):
    """Makes of a text what the SDK's own converter of the type makes of it; ``str`` and ``bytes`` where asked for."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self._function = function
        self._binding = binding
        self._annotation = function.annotations.get(binding.name)
        self._is_timer = binding.type.lower() == "timertrigger"
        self._is_batch = str(binding.properties.get("cardinality")).lower() == "many"
        self._converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]

    @property
    def implicit_output(self) -> GenericOutput | None:
        """Takes what the function returns without a ``$return`` binding, for types where Azure's worker allows it."""
        if self._converter is None or self._converter.has_implicit_output():
            return GenericOutput(self._function, self._binding._replace(name="$return"))
        return None

    def binding_data(self, data: str | None) -> Mapping[str, Any]:
        from hosting.bindings.expressions import json_data  # a start does without

        return json_data(data)

    def decode(self, data: str | None) -> Any:
        text = "" if data is None or self._is_timer else data
        if self._annotation in (str, bytes):
            return text.encode() if self._annotation is bytes else text
        if self._is_batch:
            return self._batch(text)
        return data if self._converter is None else self._single(text)

    def _single(self, text: str) -> Any:
        """What arrives as text is text; where the SDK wants JSON, it is JSON."""
        from hosting.bindings.generic import sample_messages

        datum, carried = sample_messages.one(self._binding, text)
        try:
            return self._converter.decode(datum, trigger_metadata=carried)
        except NotImplementedError:
            return self._converter.decode(meta.Datum(text or "{}", "json"), trigger_metadata=carried)

    def _batch(self, text: str) -> Any:
        from hosting.bindings.generic import sample_messages

        texts = sample_messages.texts_of(text)
        if self._converter is None:
            return texts
        datum, carried = sample_messages.many(self._binding, texts)
        return self._converter.decode(datum, trigger_metadata=carried)

    def attach(self, invoke: Invoke) -> None:
        """Nothing ever triggers it."""


class GenericInput(Input):
    """An input that cannot be read."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self._who = f"Function '{function.name}': input '{binding.name}'"
        self._type = binding.type

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        raise RuntimeError(f"{self._who} cannot be read: no installed package provides its type '{self._type}'.")


class GenericOutput(Output):
    """An output that nobody writes; says so each time."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self._who = f"Function '{function.name}': output '{binding.name}'"
        self._type = binding.type

    def encode(self, value: Any) -> Any:
        return value

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        if encoded is not None:
            _logger.warning("%s is not written: no installed package provides its type '%s'.", self._who, self._type)
