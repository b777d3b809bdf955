"""Values that functions return without a ``$return`` binding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from azure.functions import meta

from hosting._log import host_logger
from hosting.bindings.provider import Output
from hosting.core import Binding, Function

_logger = host_logger("bindings")


_NO_BINDINGS = frozenset({"durableclient", "servicebusclient"})
"""Types of parameters that Azure's worker does not count."""


def has_implicit_output(binding: Binding) -> bool:
    """Return whether functions with this binding may return a value without a ``$return`` binding, as in Azure.

    So it is for every binding type that the SDK does not know, and for those of Durable Functions. Source:
    ``get_explicit_and_implicit_return`` in ``functions.py`` of Azure's worker.
    """
    if binding.type.lower() in _NO_BINDINGS:
        return False
    converter: Any = meta.get_binding_registry().get(binding.type)  # type: ignore[no-untyped-call]
    check = getattr(converter, "has_implicit_output", lambda: False)
    return converter is None or bool(check())


class ImplicitOutput(Output):
    """Takes what a function returns, and drops it with one warning: no binding of the function is for it.

    Args:
        function: the function.
    """

    def __init__(self, function: Function) -> None:
        self._function = function.name
        self._is_known = function.trigger.type.lower() == "httptrigger"  # the value is the response

    def encode(self, value: Any) -> Any:
        """Return the value unchanged. Raises TypeError if Azure's worker cannot send it to its host."""
        if value is None or isinstance(value, str | bytes | bytearray | int | float):
            return value
        if isinstance(value, dict | list):
            json.dumps(value)
            return value
        raise TypeError(f"a function without a $return binding cannot return a value of type {type(value).__name__}")

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        """Log a warning the first time that there is a value."""
        if encoded is None or self._is_known:
            return
        self._is_known = True
        message = "Function '%s' returned a value, and has no $return binding that takes it. Azure ignores it too."
        _logger.warning(message, self._function)
