"""A function with its bindings, ready to be invoked: made once at load, so that an invocation looks nothing up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hosting.bindings.provider import Input, Output, Provider, Resolvable, Trigger
from hosting.core import Binding, Function

if TYPE_CHECKING:
    from hosting.host.properties import Properties

RETURN = "$return"


class Out:
    """The ``func.Out`` that a function sets a named output with."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        self._value = val

    def get(self) -> Any:
        return self._value


class Finds(Protocol):
    """Gives the provider of a binding."""

    def get(self, function: Function, binding: Binding) -> Provider: ...


class BoundFunction(NamedTuple):
    """What providers made of a function's bindings, by parameter name."""

    function: Function
    trigger: Trigger
    trigger_name: str
    inputs: tuple[tuple[str, Input], ...]
    outputs: tuple[tuple[str, Output], ...]
    result: Output | None
    properties: Properties | None = None
    """Those of the inputs and of the outputs that are written; None where there are none."""


def bind(function: Function, providers: Finds) -> BoundFunction:
    """Ask the providers for each binding.

    Raises:
        FunctionLoadError: nobody provides a type, or its provider refuses the binding.
    """
    inputs: list[tuple[str, Input]] = []
    outputs: dict[str, Output] = {}
    for binding in function.bindings:
        if not binding.is_trigger:
            provider = providers.get(function, binding)
            if binding.direction == "out":
                outputs[binding.name] = provider.output(function, binding)
            else:
                inputs.append((binding.name, provider.input(function, binding)))
    result = outputs.pop(RETURN, None)
    parts = _resolvable(dict(inputs), outputs, result)
    properties = _properties(function, parts) if parts else None
    # The trigger comes last: a provider keeps what it hands out, and a function in error must leave no trace in it.
    trigger = providers.get(function, function.trigger).trigger(function, function.trigger)
    name = function.trigger.name
    return BoundFunction(function, trigger, name, tuple(inputs), tuple(outputs.items()), result, properties)


def _properties(function: Function, parts: dict[str, Resolvable]) -> Properties:
    from hosting.host.properties import Properties  # functions with HTTP bindings only do without

    return Properties(function, parts)


def _resolvable(inputs: dict[str, Input], outputs: dict[str, Output], result: Output | None) -> dict[str, Resolvable]:
    results = {} if result is None else {RETURN: result}
    return {**inputs, **{name: output for name, output in {**outputs, **results}.items() if not output.replies}}
