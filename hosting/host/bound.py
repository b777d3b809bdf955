"""A function with its bindings, ready to be invoked: made once at load, so that an invocation looks nothing up."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from hosting.bindings.provider import Input, Output, Provider, Trigger
from hosting.core import Binding, Function

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
    # The trigger comes last: a provider keeps what it hands out, and a function in error must leave no trace in it.
    trigger = providers.get(function, function.trigger).trigger(function, function.trigger)
    return BoundFunction(function, trigger, function.trigger.name, tuple(inputs), tuple(outputs.items()), result)
