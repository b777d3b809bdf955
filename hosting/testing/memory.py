"""Bindings in memory: the test supplies trigger data and inputs, and reads outputs.

HTTP uses the real provider. All other binding types use this one, whichever package provides them, unless a package has
a provider for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hosting.apps.signature import SETTLEMENT
from hosting.bindings import Input, Invoke, Output, Provider, Services, Trigger
from hosting.bindings.generic.encoding import OutputEncoder
from hosting.bindings.generic.implicit import has_implicit_output
from hosting.bindings.generic.settlement import SettlementInput
from hosting.bindings.http.provider import HttpProvider
from hosting.bindings.registry import TESTING_GROUP, Providers
from hosting.bindings.warmup import WarmupProvider
from hosting.core import NOTHING, Binding, Function
from hosting.host.binding import RETURN
from hosting.testing.recording import Written, recording
from hosting.testing.values import ArgumentConverter, binding_data

Factory = Callable[[Services], Provider]
Inputs = Mapping[str, Mapping[str, Any]]


class MemoryProviders(Providers):
    """Finds a provider for every binding type.

    Args:
        services: the host's services.
        inputs: values of input bindings, by function name in lower case, then by binding name.
    """

    group = TESTING_GROUP

    def __init__(self, services: Services, inputs: Inputs) -> None:
        super().__init__(services)
        self._inputs = inputs
        self._memory = MemoryProvider(services, inputs)
        self._factories.update(httptrigger=RecordingHttpProvider, http=RecordingHttpProvider)
        self._factories.update(warmuptrigger=WarmupProvider)

    def get(self, function: Function, binding: Binding) -> Provider:
        """Return the provider of a binding: HTTP's own, a package's for tests, and the one in memory for all others.

        An input that the test supplies is in memory, too.
        """
        is_provided = binding.type.lower() in self._factories or bool(self._candidates(binding.type))
        is_supplied = binding.name in self._inputs.get(function.name.lower(), NOTHING)
        return super().get(function, binding) if is_provided and not is_supplied else self._memory

    def supports(self, function: Function, binding: Binding) -> bool:
        """Return True: every binding type has a provider."""
        return True


class RecordingHttpProvider(HttpProvider):
    """The real HTTP provider; it also records what functions return."""

    def output(self, function: Function, binding: Binding) -> Output:
        """Return HTTP's own output, wrapped in one that records."""
        return RecordingOutput(super().output(function, binding), binding)


class RecordingOutput(Output):
    """Passes values to the real HTTP output, and records them."""

    replies = True

    def __init__(self, real: Output, binding: Binding) -> None:
        self._real = real
        self._binding = binding

    def encode(self, value: Any) -> Any:
        """Encode a result as HTTP does, and record it."""
        encoded = self._real.encode(value)
        _record(self._binding, value, encoded.body, self._binding.properties)
        return encoded


class MemoryProvider(Provider):
    """Provides all binding types except HTTP, in memory."""

    def __init__(self, services: Services, inputs: Inputs) -> None:
        super().__init__(services)
        self._inputs = inputs

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Return a trigger that only the test triggers."""
        return MemoryTrigger(function, binding)

    def input(self, function: Function, binding: Binding) -> Input:
        """Return an input with the test's values; what settles messages is there without one."""
        inputs = self._inputs.get(function.name.lower(), NOTHING)
        is_settlement = binding.type.lower() == SETTLEMENT.lower()
        return MemoryInput(function, binding, inputs, SettlementInput(function, binding) if is_settlement else None)

    def output(self, function: Function, binding: Binding) -> Output:
        """Return an output that records."""
        return MemoryOutput(binding)


class MemoryTrigger(Trigger):
    """Converts the data of a test to the function's argument."""

    def __init__(self, function: Function, binding: Binding) -> None:
        self._binding = binding
        self._converter = ArgumentConverter(function, binding)

    def decode(self, data: Any) -> Any:
        """Return the argument of the function."""
        return self._converter.decode(data)

    @property
    def implicit_output(self) -> Output | None:
        """An output that records, for the types for which the SDK says so."""
        if not has_implicit_output(self._binding):
            return None
        # The SDK knows no converter for it: any value that Azure's worker can send is taken.
        return MemoryOutput(Binding(RETURN, self._binding.type[: -len("Trigger")], "out"))

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the values for binding expressions."""
        return binding_data(self._binding, data)

    def attach(self, invoke: Invoke) -> None:
        """Do nothing: only the test triggers the function."""


class MemoryInput(Input):
    """Returns the value that the test supplied."""

    def __init__(
        self, function: Function, binding: Binding, inputs: Mapping[str, Any], otherwise: Input | None = None
    ) -> None:
        self._function = function.name
        self._otherwise = otherwise
        self._binding = binding
        self._inputs = inputs
        self._converter = ArgumentConverter(function, binding)
        self.expressions = _with_braces(binding)

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Return the test's value as the function takes it. Raises LookupError if the test supplied none."""
        current = recording.get()
        inputs = self._inputs if current is None else {**self._inputs, **current.inputs}
        name = self._binding.name
        if name not in inputs and self._otherwise is not None:
            return await self._otherwise.read(data, properties)
        if name not in inputs:
            raise LookupError(
                f"function '{self._function}' reads input '{name}' ({self._binding.type}), which the test does not "
                f"supply: pass inputs={{'{name}': ...}} with the call, or to make_host by the function's name"
            )
        return None if inputs[name] is None else self._converter.decode(inputs[name])


class MemoryOutput(Output):
    """Records the value of an output, and the value as Azure's worker would send it."""

    def __init__(self, binding: Binding) -> None:
        self._binding = binding
        self._encoder = OutputEncoder(binding)
        self._is_blob = binding.type.lower() == "blob"
        self.expressions = _with_braces(binding)

    def encode(self, value: Any) -> tuple[Any, Any]:
        """Return the value, and the value as the SDK encodes it; None writes no blob.

        Raises:
            TypeError: the SDK cannot encode it, as in Azure's worker.
        """
        return value, self._encoder.encode(value)

    async def write(self, encoded: tuple[Any, Any], properties: Mapping[str, Any]) -> None:
        """Record the value."""
        value, sent = encoded
        if value is not None or not self._is_blob:
            _record(self._binding, value, sent, properties)


def _record(binding: Binding, value: Any, encoded: Any, properties: Mapping[str, Any]) -> None:
    current = recording.get()
    if current is None:
        return
    if binding.name == RETURN:
        current.result = value
    current.written.append(Written(binding.name, binding.type, value, encoded, properties))


def _with_braces(binding: Binding) -> tuple[str, ...]:
    return tuple(name for name, text in binding.properties.items() if isinstance(text, str) and "{" in text)
