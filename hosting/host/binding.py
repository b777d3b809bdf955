"""A function with its bindings: resolved once at load, so that an invocation looks nothing up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from hosting.bindings.provider import Input, Output, Provider, Resolvable, Trigger
from hosting.core import Binding, Function

if TYPE_CHECKING:
    from hosting.host.properties import Properties

RETURN = "$return"

Part = TypeVar("Part", Trigger, Input, Output)


class Out:
    """The ``func.Out`` with which a function sets a named output."""

    __slots__ = ("_value",)

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        """Set the output's value."""
        self._value = val

    def get(self) -> Any:
        """Return the value that was set last; None if none was."""
        return self._value


class ProviderLookup(Protocol):
    """Returns the provider of a binding."""

    def get(self, function: Function, binding: Binding) -> Provider:
        """Return the provider of the binding's type, for a binding of ``function``."""


class BoundFunction(NamedTuple):
    """A function with the inputs and outputs that providers made of its bindings, by parameter name."""

    function: Function
    trigger: Trigger
    trigger_name: str
    inputs: tuple[tuple[str, Input], ...]
    outputs: tuple[tuple[str, Output], ...]
    result: Output | None
    properties: Properties | None = None
    """The properties of the inputs, and of the outputs that are written; None where there are none."""


def bind(function: Function, providers: ProviderLookup) -> BoundFunction:
    """Ask the providers for each binding of a function.

    Raises:
        FunctionLoadError: no package provides a binding type, or its provider refuses the binding.
    """
    inputs: list[tuple[str, Input]] = []
    outputs: dict[str, Output] = {}
    for binding in function.bindings:
        if not binding.is_trigger:
            provider = providers.get(function, binding)
            if binding.direction == "out":
                outputs[binding.name] = _checked(Output, provider.output(function, binding), provider)
            else:
                inputs.append((binding.name, _checked(Input, provider.input(function, binding), provider)))
    result = outputs.pop(RETURN, None)
    parts = _resolvable(dict(inputs), outputs, result)
    properties = _properties(function, parts) if parts else None
    # The trigger comes last: its provider keeps it, and a function in error must leave no trace there.
    provider, name = providers.get(function, function.trigger), function.trigger.name
    trigger = _checked(Trigger, provider.trigger(function, function.trigger), provider)
    if result is None and trigger.implicit_output is not None:
        result = _checked(Output, trigger.implicit_output, provider)
    return BoundFunction(function, trigger, name, tuple(inputs), tuple(outputs.items()), result, properties)


def _checked(kind: type[Any], part: Part, provider: Provider) -> Part:
    """Return ``part``; raise TypeError now for a part that would fail each invocation."""
    is_kind: bool = isinstance(part, kind)
    if not is_kind:
        provider_class = f"{type(provider).__module__}.{type(provider).__qualname__}"
        raise TypeError(
            f"{provider_class} gave a value of type '{type(part).__name__}' in place of its {kind.__name__}"
        )
    return part


def _properties(function: Function, parts: dict[str, Resolvable]) -> Properties:
    from hosting.host.properties import Properties  # functions with HTTP bindings only do not need it

    return Properties(function, parts)


def _resolvable(inputs: dict[str, Input], outputs: dict[str, Output], result: Output | None) -> dict[str, Resolvable]:
    results = {} if result is None else {RETURN: result}
    return {**inputs, **{name: output for name, output in {**outputs, **results}.items() if not output.replies}}
