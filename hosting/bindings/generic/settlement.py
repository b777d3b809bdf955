"""The parameter that settles messages of Service Bus: ``ServiceBusMessageActions`` of Azure's package of SDK types.

In Azure it asks the host to settle a message. A message of a manual run or a test has no queue, so that each call is
logged, and settles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from hosting._log import host_logger
from hosting.bindings.provider import Input, Output, Provider, Trigger
from hosting.core import Binding, Function

_logger = host_logger("bindings")

_METHODS = (
    *("abandon", "complete", "deadletter", "defer", "release_session", "renew_message_lock", "renew_session_lock"),
    "set_session_state",
)


class SettlementProvider(Provider):
    """Provides inputs of type ``serviceBusClient``, which have no binding in the app."""

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Raise NotImplementedError: it is an input only."""
        raise NotImplementedError

    def input(self, function: Function, binding: Binding) -> SettlementInput:
        """Return an input with an object that settles nothing."""
        return SettlementInput(function, binding)

    def output(self, function: Function, binding: Binding) -> Output:
        """Raise NotImplementedError: it is an input only."""
        raise NotImplementedError


class SettlementInput(Input):
    """An object of the parameter's class, with methods that log that they were called.

    Args:
        function: the function.
        binding: the input.
    """

    def __init__(self, function: Function, binding: Binding) -> None:
        kind: type[Any] = function.annotations[binding.name]
        methods = {name: _logging_method(name, function.name) for name in _METHODS}
        self._actions: Any = type(kind.__name__, (kind,), {"__init__": _connect_to_nothing, **methods})()

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Return the object, the same for each invocation."""
        return self._actions


def _connect_to_nothing(self: Any) -> None:
    """Take the place of the constructor that connects to Azure's host."""


def _logging_method(name: str, function: str) -> Callable[..., Any]:
    def method(self: Any, message: Any, *args: Any, **kwargs: Any) -> Any:
        subject = getattr(message, "lock_token", message)
        text = "Function '%s' called %s for %s. It settles nothing here: no Service Bus has sent the message."
        _logger.info(text, function, name, subject)
        return _now() if name == "renew_session_lock" else None

    return method


def _now() -> Any:
    """Return the time until which a session would be locked, in the type that the package returns."""
    timestamp = import_module("google.protobuf.timestamp_pb2").Timestamp()
    timestamp.GetCurrentTime()
    return timestamp
