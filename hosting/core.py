"""Core types of every layer: an app, its functions and their bindings, the same for both programming models.

Types that never change are named tuples, the others plain classes: a dataclass would slow down the start as much as
another module.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from hosting._redaction import redact

if TYPE_CHECKING:
    from pathlib import Path

    from hosting._injection import Marked

Model = Literal["v1", "v2"]
Severity = Literal["error", "warning"]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Problem(NamedTuple):
    """A problem that does not stop the host, for a person to read.

    Args:
        severity: ``error`` where something does not run, else ``warning``.
        message: what is wrong, and where.
        remedy: what to do, one sentence; empty if there is nothing to do.
        file: the path of the file that has the problem, if there is one.
        line: the line in that file, counted from 1.
        function: the name of the function that has the problem, if there is one.
        extension: the name of the extension that has the problem, if there is one.
    """

    severity: Severity
    message: str
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    function: str | None = None
    extension: str | None = None

    def redacted(self) -> Problem:
        """Return the problem without the secrets in its texts."""
        return self._replace(message=redact(self.message), remedy=redact(self.remedy))


class Binding(NamedTuple):
    """One trigger, input or output of a function: an entry of its ``bindings``.

    Args:
        name: the name of the parameter, or ``$return``.
        type: the binding type as in function.json, such as ``queueTrigger``.
        direction: ``in`` or ``out``; a trigger is ``in``.
        properties: all other keys, as in function.json.
    """

    name: str
    type: str
    direction: Literal["in", "out"]
    properties: Mapping[str, Any] = NOTHING

    @property
    def is_trigger(self) -> bool:
        """Whether it is the function's trigger: its type ends in ``trigger``, in any case."""
        return self.type.lower().endswith("trigger")

    @property
    def is_http_output(self) -> bool:
        """Whether it is the HTTP response: an output of type ``http``, in any case."""
        return self.direction == "out" and self.type.lower() == "http"

    def get(self, name: str, default: Any = None) -> Any:
        """Return a property; case is ignored as in Azure's host, but an exact match comes first.

        Args:
            name: the key in function.json.
            default: what to return if there is no such key.
        """
        if name in self.properties:
            return self.properties[name]
        return next((value for key, value in self.properties.items() if key.lower() == name.lower()), default)


class OptIn(NamedTuple):
    """A function's opt-in to an extension.

    Args:
        extension: the extension's name.
        settings: its settings for this function.
    """

    extension: str
    settings: Mapping[str, Any] = NOTHING


class Retry(NamedTuple):
    """A function's retry policy.

    Args:
        strategy: which of the intervals counts.
        max_count: the number of retries; -1 for no limit.
        delay: the seconds between two attempts, for ``fixedDelay``.
        minimum: the shortest time between two attempts in seconds, for ``exponentialBackoff``.
        maximum: the longest time between two attempts in seconds, for ``exponentialBackoff``.
    """

    strategy: Literal["fixedDelay", "exponentialBackoff"]
    max_count: int
    delay: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0


class Addition(NamedTuple):
    """How an extension has added a function to an app.

    Args:
        extension: the extension's name.
        outside_prefix: whether the function's route has no prefix.
        is_open: whether guards are not called for it.
    """

    extension: str
    outside_prefix: bool = False
    is_open: bool = False


class Function:
    """One function of an app, declared by a folder (v1) or by decorators (v2).

    Args:
        name: its name.
        directory: its folder (v1), or the folder of the file that declares it (v2); an absolute path.
        file: the file that has its code; an absolute path.
        model: the programming model.
        call: the author's function.
        is_async: whether ``call`` is a coroutine function.
        bindings: its trigger, inputs and outputs.
        annotations: the types that its parameters are annotated with, by name.
        wants_context: whether it has a parameter ``context``.
        opt_ins: the extensions that it opts in to.
        opt_outs: the names of the extensions that it opts out of.
        retry: its retry policy, if it has one.
        disabled: whether triggers must not run it.
        error: why each call fails, for a function that can be listed but not loaded; else None.
        addition: which extension has added it, and how; None for a function of the app itself.
    """

    def __init__(
        self,
        name: str,
        directory: str,
        file: str,
        model: Model,
        call: Callable[..., Any],
        is_async: bool,
        bindings: tuple[Binding, ...] = (),
        annotations: Mapping[str, Any] = NOTHING,
        wants_context: bool = False,
        opt_ins: tuple[OptIn, ...] = (),
        opt_outs: frozenset[str] = frozenset(),
        retry: Retry | None = None,
        disabled: bool = False,
        error: str | None = None,
        addition: Addition | None = None,
    ) -> None:
        self.name, self.directory, self.file, self.model = name, directory, file, model
        self.call, self.is_async = call, is_async
        self.bindings, self.annotations, self.wants_context = bindings, annotations, wants_context
        self.opt_ins, self.opt_outs = opt_ins, opt_outs
        self.retry, self.disabled, self.error = retry, disabled, error
        self.addition = addition
        self.route_prefix = "api"
        """What comes before the routes of the app, without slashes: ``extensions.http.routePrefix`` of host.json."""
        self.max_dequeue_count = 5
        """How often a queue's message is tried: ``extensions.queues.maxDequeueCount`` of host.json."""
        self.is_webhook = False
        """Whether it stands for a webhook of a binding: guards are for it unless ``exclude`` of host.json names it."""
        self.injected: Mapping[str, Any] = NOTHING
        """The types of the parameters that extensions supply, by name; for one with an extension's own mark its
        ``hosting.Marked``."""
        self.returned: Marked | None = None
        """The result, if its annotation has an extension's own mark."""

    @property
    def trigger(self) -> Binding:
        """Its trigger binding."""
        return next(binding for binding in self.bindings if binding.is_trigger)

    @property
    def added_by(self) -> str | None:
        """The extension that has added it; None for a function of the app itself."""
        return None if self.addition is None else self.addition.extension

    @property
    def is_http(self) -> bool:
        """Whether it is triggered by HTTP."""
        return self.trigger.type.lower() == "httptrigger"

    @property
    def route(self) -> str | None:
        """The template of its route with the prefix, such as ``api/items/{id:int}``; None if it is not for HTTP."""
        if not self.is_http:
            return None
        own = str(self.trigger.get("route") or "").strip()
        if self.addition is not None and self.addition.outside_prefix:
            return own.lstrip("/")
        return f"{self.route_prefix}/{own or self.name}".lstrip("/")

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that it takes, in capitals and sorted; empty if it takes any, or is not for HTTP."""
        methods = self.trigger.get("methods") or () if self.is_http else ()
        return tuple(sorted(str(one).upper() for one in ([methods] if isinstance(methods, str) else methods)))

    @property
    def auth_level(self) -> str | None:
        """``anonymous``, ``function`` or ``admin``, as declared; None if it is not for HTTP."""
        return str(self.trigger.get("authLevel") or "function").lower() if self.is_http else None

    @property
    def docstring(self) -> str:
        """The docstring of its code; empty if it has none."""
        return inspect.getdoc(self.call) or ""


class Lifespan(Protocol):
    """Code of an app that runs when its host starts and stops, such as the lifespan of a web framework."""

    async def startup(self) -> None:
        """Called on the event loop, before the first invocation."""

    async def shutdown(self) -> None:
        """Called on the same event loop, after the last invocation."""


class App:
    """A function app, read from its folder.

    Args:
        root: the app's folder.
        functions: its functions, in the order in which the host lists them.
        host_json: the content of host.json, with changes from the environment.
        settings: the app's settings, as in ``Values`` of local.settings.json.
        problems: what is wrong with it.
        lifespan: the app's own code for start and stop, if it has some.
        in_error: functions that are not listed because their definition is invalid. Each has its ``error`` and, as its
            only binding, its trigger.
        auth_level: the authorization level of HTTP functions that have none of their own; None for the SDK's default.
    """

    def __init__(
        self,
        root: Path,
        functions: tuple[Function, ...],
        host_json: Mapping[str, Any] = NOTHING,
        settings: Mapping[str, str] = NOTHING,
        problems: tuple[Problem, ...] = (),
        lifespan: Lifespan | None = None,
        in_error: tuple[Function, ...] = (),
        auth_level: Any = None,
    ) -> None:
        self.root, self.functions, self.problems, self.lifespan = root, functions, problems, lifespan
        self.host_json, self.settings, self.in_error = host_json, settings, in_error
        self.auth_level = auth_level
