"""The interface of a package that adds a trigger or a binding.

The package has an entry point in group ``hosting.bindings`` for each binding type, such as ``queueTrigger``. The value
of the entry point is a ``Provider`` class. The host uses it in this order:

1. It creates one instance of each provider class that the app needs.
2. At load, it calls ``trigger``, ``input`` or ``output`` once for each binding, then ``attach`` once for each trigger.
3. It calls ``start``, then runs invocations.
4. It calls ``stop``, waits for running invocations, and calls ``close``.

Between 3 and 4 an operator may drain the host: it calls ``stop``, and later ``resume``.

Everything is called on the thread of the event loop. Methods that are not async must return quickly. Whatever does not
change between invocations belongs into step 2.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hosting.bindings.panels import Panel
from hosting.bindings.services import Services
from hosting.core import NOTHING, Binding, Function
from hosting.errors import FunctionLoadError, HostingError


class Result:
    """The result of an invocation, after the last attempt of its retry policy."""

    __slots__ = ("exception", "reply")

    def __init__(self, reply: Any = None, exception: BaseException | None = None) -> None:
        self.reply = reply
        """The encoded value of the output with ``replies``; None if there is no such output, or it was not set."""
        self.exception = exception
        """Why the invocation failed, or None if it succeeded. The host has already logged it."""


class Invoke(Protocol):
    """Runs one function: inputs, hooks, the function, outputs. Errors of any of them are returned, not raised."""

    async def __call__(
        self, data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        """Run the function, and again as often as its retry policy allows.

        Call it on the event loop. Calls may overlap: the host does not limit how many invocations run at once.

        Args:
            data: the argument of ``Trigger.decode``.
            trace_parent: the event's W3C ``traceparent``, if it has one.
            trace_state: the event's W3C ``tracestate``, if it has one.
            reason: why the function runs, as a sentence for the log.
            details: information about the event, for a separate line in the log.

        Returns:
            The result of the last attempt. If it succeeded, all outputs are written.

        Raises:
            asyncio.CancelledError: the calling task was cancelled. Treat the event as not processed.
        """


class Trigger(ABC):
    """The trigger of one function."""

    answers = False
    """Whether a caller waits for the result. If so, the trigger is also attached to a function that is disabled or not
    loaded, so that the caller gets an error; otherwise the event stays where it is."""

    @property
    def implicit_output(self) -> Output | None:
        """The output that takes what the function returns if it has no ``$return`` binding; None unless overridden.

        So it is in Azure for the types for which the SDK's converter says ``has_implicit_output``. Without such an
        output, a function without a ``$return`` binding must return None. The host reads it once, at load; no
        properties are passed to its ``write``.
        """
        return None

    @abstractmethod
    def decode(self, data: Any) -> Any:
        """Return the argument of the trigger's parameter, usually an object of a class of the SDK.

        An exception fails the invocation. Where ``data`` has an attribute ``caller_request``, an
        ``azure.functions.HttpRequest``, guards can check who calls (``Invocation.caller_request``), and the reply may
        be the ``azure.functions.HttpResponse`` with which one has refused the call.

        Args:
            data: what the listener passed to ``invoke``, or the result of ``by_hand``.
        """

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        """Return the values for ``{name}`` in the function's other bindings, by name; empty unless overridden.

        The host calls it only if one of those bindings has an expression. An exception fails the invocation.

        Args:
            data: the argument of ``decode``.
        """
        return NOTHING

    def log_fields(self, data: Any) -> Mapping[str, Any]:
        """Return fields for the JSON log lines about an invocation's start and end, by name; empty unless overridden.

        An HTTP trigger returns ``method`` and ``path``. The host calls it for each invocation, so it must be fast. An
        exception fails the invocation.

        Args:
            data: the argument of ``decode``.
        """
        return NOTHING

    def unset_reply(self, value: Any) -> Any:
        """Return the reply to the caller where no output with ``replies`` was set; None unless overridden.

        Args:
            value: what the function returned.
        """
        return None

    def status_code(self, result: Result) -> int | None:
        """Return the status of the HTTP response for a result, for the JSON log line about an invocation's end.

        None unless overridden: the trigger is not HTTP. It must not raise.

        Args:
            result: what ``invoke`` returns.
        """
        return None

    async def figures(self) -> Mapping[str, Any]:
        """Return what the host shows about the trigger now, such as the length of its queue; empty unless overridden.

        The keys that are shown in a place of their own: ``schedule`` and ``next`` (a text in ISO 8601) of a timer;
        ``source``, the name of what it listens on, ``waiting`` and ``poisoned``, numbers of events. Others are shown
        as they are: texts, numbers, and lists and mappings of them. Texts are redacted. The host asks every five
        seconds at most, and only on request; it waits two seconds. An exception is shown in place of the figures.
        """
        return NOTHING

    @abstractmethod
    def attach(self, invoke: Invoke) -> None:
        """Store ``invoke``, which runs the function; do not call it before ``Provider.start``.

        The host calls it once, at load, after all bindings of the function. It does not call it for a function that
        cannot run, unless ``answers`` is true. A trigger without ``invoke`` must not listen.

        Args:
            invoke: runs the function.
        """

    async def by_hand(self, text: str | None) -> Any:
        """Return the argument of ``decode`` for a manual run; the text itself, unless overridden.

        Args:
            text: the ``input`` of the request to ``/admin/functions/NAME``; None if it has none.

        Raises:
            ValueError: the function cannot be run with this text. The message is the response of the request.
        """
        return text


class Resolvable:
    """A binding with properties that may contain ``{expressions}``, which the host fills in for each invocation."""

    expressions: tuple[str, ...] = ()
    """The names of these properties. Braces in other properties have no meaning."""

    def quote(self, name: str, value: str) -> str:
        """Return a value in the form that is safe inside a property; unchanged, unless overridden.

        The host calls it for each value that it fills in, for example to escape a slash in a path.

        Args:
            name: the property, spelled as in ``expressions``.
            value: the value of an expression, as text.
        """
        return value


class Input(Resolvable, ABC):
    """An input binding of one function."""

    @abstractmethod
    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        """Return the argument of the input's parameter, before the function runs. An exception fails the invocation.

        Args:
            data: what the trigger's listener passed to ``invoke``.
            properties: the binding's properties, with expressions filled in.
        """


class Output(Resolvable, ABC):
    """An output binding of one function: ``$return``, or a parameter of type ``func.Out``."""

    replies = False
    """Whether the encoded value is returned to the trigger's caller as ``Result.reply``, instead of being written."""

    @abstractmethod
    def encode(self, value: Any) -> Any:
        """Return the form of a value in which it is written. All outputs are encoded before the first one is written.

        An exception fails the invocation.

        Args:
            value: what the function returned, or what it set. The host does not encode a named output that is not set.

        Raises:
            TypeError: the output cannot write a value of this type.
        """

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        """Write a value, after the function has returned. An exception fails the invocation.

        The host does not call it if ``replies`` is true. It does nothing unless overridden.

        Args:
            encoded: the result of ``encode``.
            properties: the binding's properties, with expressions filled in before the function ran.
        """


class Provider:
    """Provides one or more binding types to one host. Override ``trigger``, ``input`` and ``output`` as needed.

    A provider keeps its state in the instance: several hosts can run in one process.

    Args:
        services: the app's settings and storage, and a list for problems.
    """

    def __init__(self, services: Services) -> None:
        self.services = services

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Return the trigger of a function; called once for each function, at load, after its inputs and outputs.

        Args:
            function: the function.
            binding: its trigger binding, with ``%NAME%`` in properties already replaced.

        Raises:
            FunctionLoadError: the binding cannot be used. The host reports it and loads the other functions. Any other
                exception has the same effect, and is logged with its traceback.
        """
        raise self._unfit(function, binding, "a trigger")

    def input(self, function: Function, binding: Binding) -> Input:
        """Return an input of a function; called once for each input binding, at load.

        Args:
            function: the function.
            binding: the input binding.

        Raises:
            FunctionLoadError: as for ``trigger``.
        """
        raise self._unfit(function, binding, "an input")

    def output(self, function: Function, binding: Binding) -> Output:
        """Return an output of a function; called once for each output binding, at load.

        Args:
            function: the function.
            binding: the output binding; its name is ``$return`` for the function's return value.

        Raises:
            FunctionLoadError: as for ``trigger``.
        """
        raise self._unfit(function, binding, "an output")

    async def start(self) -> None:
        """Begin to listen; called once, after all functions are loaded. Providers start one after the other.

        Start tasks for long work and return. Catch their exceptions: the host does not restart them.

        Raises:
            HostingError: the host must not start; the command ends with the message and exit code 1. Any other
                exception is logged, and the host continues without this provider's triggers.
        """

    async def stop(self) -> None:
        """Stop listening: start no more invocations. The limit is 5 seconds.

        It is called once, and once more after each ``resume``. Do not wait for running invocations. The host waits for
        them, for the seconds of ``--grace``.
        """

    async def resume(self) -> None:
        """Listen again after ``stop``, when an operator ends a drain; invocations of before may still run.

        Unless overridden, a provider that overrides ``start`` cannot do it.

        Raises:
            HostingError: it cannot listen again before the host restarts.
        """
        if type(self).start is not Provider.start:
            raise HostingError(
                f"{type(self).__name__} cannot listen again after a drain: nothing triggers its functions.",
                remedy="Restart the host.",
            )

    def health(self) -> Mapping[str, str]:
        """Return for each thing that it listens to why that does not work now; empty text if it works.

        For example ``{"queue 'orders'": "the account does not answer"}``. Return what the listeners have seen last: the
        method must ask no service. Nothing, unless overridden.
        """
        return {}

    async def backlog(self) -> Mapping[str, int]:
        """Return how many events wait for this provider, by source, for example ``{"queue 'orders'": 12}``.

        Events that other hosts handle at the moment count too. Nothing, unless overridden.

        Raises:
            Exception: its service cannot be asked.
        """
        return {}

    def unread(self, seconds: float) -> Sequence[str]:
        """Return the sources that it has not looked at within the last ``seconds``.

        Their ``backlog`` may lack events, because the provider learns of those by looking, such as by listing the blobs
        of a container. ``hosting start --until-idle`` goes on until nothing is unread since the host was last busy.
        Nothing, unless overridden. The method must ask no service.
        """
        return ()

    def panels(self) -> Sequence[Panel]:
        """Return the panels that this provider adds to the page that shows the host; none, unless overridden.

        The host calls it once, after ``start``, when the page is first opened.
        """
        return ()

    async def close(self) -> None:
        """Acknowledge finished work and close clients. Called once, after ``stop``; the limit is 5 seconds.

        Invocations have ended by then, or the grace period is over.
        """

    def _unfit(self, function: Function, binding: Binding, use: str) -> FunctionLoadError:
        return FunctionLoadError(
            f"Function '{function.name}': binding '{binding.name}' of type '{binding.type}' cannot be used as {use}.",
            remedy="Change the binding's direction or type.",
            file=function.file,
        )
