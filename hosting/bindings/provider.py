"""What a package implements to bring a trigger or a binding.

It has one entry point of group ``hosting.bindings`` for each binding type (``queueTrigger``, ``queue``), whose value is
a ``Provider`` class. In lifecycle order: the host makes one provider of each class it needs; asks it once for each
trigger, input and output of each function, at load; attaches every trigger to what runs its function; ``start``;
``stop``; ``close``. What can be decided at load is decided there, so that an invocation looks nothing up.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Protocol

from hosting.bindings.services import Services
from hosting.core import NOTHING, Binding, Function
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

    async def __call__(
        self, data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        """Run it, and again as often as a retry policy says.

        Args:
            data: handed to ``Trigger.decode``.
            trace_parent: the W3C header of the event, if it has one.
            trace_state: the other one.
            reason: why the function runs, one sentence for the log.
            details: of what triggered it, for a line of its own in the log.

        Returns:
            How it ended. Outputs are written by then.

        Raises:
            asyncio.CancelledError: the task that called was cancelled.
        """


class Trigger(ABC):
    """The trigger of one function."""

    answers = False
    """Whether a caller waits for an answer. Then it is attached to a function that is disabled or could not be loaded,
    too, for the caller to be told; an event waits until somebody can handle it."""

    @abstractmethod
    def decode(self, data: Any) -> Any:
        """Turn what the listener passed to ``invoke`` into the SDK's typed object. An error fails the invocation."""

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """What ``{name}`` in the function's other bindings may use of ``data``; called only if one of them does."""
        return NOTHING

    def log_fields(self, data: Any) -> Mapping[str, Any]:
        """Return what the JSON log lines about an invocation's start and end say of ``data``: names and values.

        An HTTP trigger gives ``method`` and ``path``. Called for each invocation, so keep it cheap. An error fails the
        invocation. Nothing, unless overridden.
        """
        return NOTHING

    @abstractmethod
    def attach(self, invoke: Invoke) -> None:
        """Keep ``invoke``: once, at load, when all of the function is bound. Nothing is called before ``start``.

        Never called for a function that must not run (see ``answers``): a trigger that is not attached does not listen.
        """

    async def by_hand(self, text: str | None) -> Any:
        """Make of the text of a run by hand what ``decode`` takes: the text itself, unless overridden.

        Raises:
            ValueError: the function cannot be run so; the message tells a person why.
        """
        return text


class Resolvable:
    """A binding whose properties may have ``{expressions}`` that are filled in for each invocation."""

    expressions: tuple[str, ...] = ()
    """The names of those properties; others are taken as they stand."""

    def quote(self, name: str, value: str) -> str:
        """Make a value fit to stand inside property ``name``; as it is, unless overridden."""
        return value


class Input(Resolvable, ABC):
    """An input binding of one function."""

    @abstractmethod
    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Make the argument. An error fails the invocation.

        Args:
            data: what triggered the invocation.
            properties: the binding's, with their expressions filled in.
        """


class Output(Resolvable, ABC):
    """An output binding of one function, ``$return`` or a named one."""

    replies = False
    """Whether the encoded value answers who triggered the function, instead of being written."""

    @abstractmethod
    def encode(self, value: Any) -> Any:
        """Turn what the function gave into what is written; TypeError for what cannot be. An error fails the call."""

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        """Write it, after the function has returned and every output is encoded. An error fails the invocation.

        Args:
            encoded: what ``encode`` made.
            properties: the binding's, with their expressions filled in, before the function ran.
        """


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
        """No new work from now on. Quick: running invocations still finish, and are waited for elsewhere."""

    async def close(self) -> None:
        """Running invocations have ended, or their grace period has: settle what they left, and let go of clients."""

    def _unfit(self, function: Function, binding: Binding, use: str) -> FunctionLoadError:
        return FunctionLoadError(
            f"Function '{function.name}': binding '{binding.name}' of type '{binding.type}' cannot be used as {use}.",
            remedy="Change the binding's direction or type.",
            file=function.file,
        )
