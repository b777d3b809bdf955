"""What a package implements to bring a trigger or a binding.

It has one entry point of group ``hosting.bindings`` for each binding type (``queueTrigger``, ``queue``), whose value is
a ``Provider`` class. In lifecycle order: the host makes one provider of each class it needs; asks it once for each
trigger, input and output of each function, at load; attaches every trigger to what runs its function; ``start``;
``stop``. What can be decided at load is decided there, so that an invocation looks nothing up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError


class Result:
    """How one invocation ended."""

    __slots__ = ("exception", "reply")

    def __init__(self, reply: Any = None, exception: BaseException | None = None) -> None:
        self.reply = reply
        """What an output with ``replies`` encoded; None if there is none, or nothing was set."""
        self.exception = exception
        """Why the invocation failed; None if it succeeded. It is logged already."""


class Invoke(Protocol):
    """Runs a function once: hooks, inputs, the function, outputs. It never raises what the function raised."""

    async def __call__(self, data: Any, trace_parent: str = "", trace_state: str = "") -> Result:
        """``data`` is handed to ``Trigger.decode``; the two texts are the W3C headers of the event, if it has them."""


class Trigger(ABC):
    """The trigger of one function."""

    @abstractmethod
    def decode(self, data: Any) -> Any:
        """Turn what the listener passed to ``invoke`` into the SDK's typed object. An error fails the invocation."""

    @abstractmethod
    def attach(self, invoke: Invoke) -> None:
        """Keep ``invoke``: once, at load, when all of the function is bound. Nothing is called before ``start``."""

    async def by_hand(self, text: str | None) -> Any:
        """Make of the text of a run by hand what ``decode`` takes: the text itself, unless overridden.

        Raises:
            ValueError: the function cannot be run so; the message tells a person why.
        """
        return text


class Input:
    """An input binding of one function."""

    async def read(self, data: Any) -> Any:
        """Make the argument; ``data`` is what triggered the invocation. An error fails it."""
        raise NotImplementedError


class Output(ABC):
    """An output binding of one function, ``$return`` or a named one."""

    replies = False
    """Whether the encoded value answers who triggered the function, instead of being written."""

    @abstractmethod
    def encode(self, value: Any) -> Any:
        """Turn what the function gave into what is written; TypeError for what cannot be. An error fails the call."""

    async def write(self, encoded: Any) -> None:  # noqa: B027 - an output that replies has nothing to write
        """Write it, after the function has returned and every output is encoded. An error fails the invocation."""


@dataclass(slots=True)
class Services:
    """What the host offers to providers."""

    host_json: Mapping[str, Any]
    environ: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)
    """Append what a person should know of; for a function that cannot run, raise FunctionLoadError instead."""

    def section(self, *path: str) -> Mapping[str, Any]:
        """An object inside host.json, empty where there is none: ``section("extensions", "http")``."""
        found: Any = self.host_json
        for key in path:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}


class Provider:
    """Serves one or more binding types, for one host. Override what the types can do.

    Args:
        services: host.json, the settings, and a place for problems.
    """

    def __init__(self, services: Services) -> None:
        self.services = services

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Bind a function's trigger.

        Raises:
            FunctionLoadError: this function cannot run so; the others do.
        """
        raise self._unfit(function, binding, "a trigger")

    def input(self, function: Function, binding: Binding) -> Input:
        """Bind an input, as ``trigger``."""
        raise self._unfit(function, binding, "an input")

    def output(self, function: Function, binding: Binding) -> Output:
        """Bind an output, as ``trigger``."""
        raise self._unfit(function, binding, "an output")

    async def start(self) -> None:
        """The host begins to serve: listen. On the event loop, after every function is bound."""

    async def stop(self) -> None:
        """No new work from now on. Running invocations still finish."""

    def _unfit(self, function: Function, binding: Binding, use: str) -> FunctionLoadError:
        return FunctionLoadError(
            f"Function '{function.name}': binding '{binding.name}' of type '{binding.type}' cannot be used as {use}.",
            remedy="Change the binding's direction or type.",
            file=function.file,
        )
