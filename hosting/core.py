"""The core types: what an app, a function and a binding are, whichever programming model they came from.

Every layer speaks of these. They fit on one screen so that a reader can hold them in mind. What never changes is a
named tuple, and what does is a plain class: a start pays for each dataclass what it pays for a module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from pathlib import Path

Model = Literal["v1", "v2"]
Severity = Literal["error", "warning"]
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Problem(NamedTuple):
    """Something that does not stop the host but that a person should know of."""

    severity: Severity
    message: str
    remedy: str = ""
    file: str | None = None
    line: int | None = None
    function: str | None = None
    extension: str | None = None


class Binding(NamedTuple):
    """One entry of a function's ``bindings``: names as in function.json, direction in lower case."""

    name: str
    type: str
    direction: Literal["in", "out"]
    properties: Mapping[str, Any] = NOTHING

    @property
    def is_trigger(self) -> bool:
        return self.type.lower().endswith("trigger")

    def get(self, name: str, default: Any = None) -> Any:
        """A property; its exact spelling before any other, as Azure's host ignores case."""
        if name in self.properties:
            return self.properties[name]
        return next((value for key, value in self.properties.items() if key.lower() == name.lower()), default)


class OptIn(NamedTuple):
    """A function asks for an extension by name, with settings of its own."""

    extension: str
    settings: Mapping[str, Any] = NOTHING


class Retry(NamedTuple):
    """A retry policy; intervals in seconds, ``max_count`` -1 for no limit."""

    strategy: Literal["fixedDelay", "exponentialBackoff"]
    max_count: int
    delay: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0


class Function:
    """One function, the same whether a folder (v1) or a decorator (v2) declared it.

    ``error`` is why every call of it fails, when it could be listed but not loaded.
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
    ) -> None:
        self.name, self.directory, self.file, self.model = name, directory, file, model
        self.call, self.is_async = call, is_async
        self.bindings, self.annotations, self.wants_context = bindings, annotations, wants_context
        self.opt_ins, self.opt_outs = opt_ins, opt_outs
        self.retry, self.disabled, self.error = retry, disabled, error

    @property
    def trigger(self) -> Binding:
        return next(binding for binding in self.bindings if binding.is_trigger)


class Lifespan(Protocol):
    """What an app itself does when its host starts and stops."""

    async def startup(self) -> None:
        """On the event loop, before anything triggers a function."""

    async def shutdown(self) -> None:
        """On the same loop, when nothing does any more."""


class App:
    """A function app as read from disk: its functions in the host's order, and what was wrong with it."""

    def __init__(
        self,
        root: Path,
        functions: tuple[Function, ...],
        host_json: Mapping[str, Any] = NOTHING,
        settings: Mapping[str, str] = NOTHING,
        problems: tuple[Problem, ...] = (),
        lifespan: Lifespan | None = None,
    ) -> None:
        self.root, self.functions, self.problems, self.lifespan = root, functions, problems, lifespan
        self.host_json, self.settings = host_json, settings
