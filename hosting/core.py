"""The core types: what an app, a function and a binding are, whichever programming model they came from.

Every layer speaks of these. They fit on one screen so that a reader can hold them in mind. What never changes is a
named tuple, and what does is a dataclass without comparison: either costs a start a fraction of a full dataclass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class Function:
    """One function, the same whether a folder (v1) or a decorator (v2) declared it."""

    name: str
    directory: str
    file: str
    model: Model
    call: Callable[..., Any]
    is_async: bool
    bindings: tuple[Binding, ...] = ()
    annotations: Mapping[str, Any] = field(default_factory=dict)
    wants_context: bool = False
    opt_ins: tuple[OptIn, ...] = ()
    opt_outs: frozenset[str] = frozenset()
    retry: Retry | None = None
    disabled: bool = False
    error: str | None = None
    """Why every call of it fails, when it could be listed but not loaded."""

    @property
    def trigger(self) -> Binding:
        return next(binding for binding in self.bindings if binding.is_trigger)


class Lifespan(Protocol):
    """What an app itself does when its host starts and stops."""

    async def startup(self) -> None:
        """On the event loop, before anything triggers a function."""

    async def shutdown(self) -> None:
        """On the same loop, when nothing does any more."""


@dataclass(slots=True, eq=False, repr=False, match_args=False)
class App:
    """A function app as read from disk: its functions in the host's order, and what was wrong with it."""

    root: Path
    functions: tuple[Function, ...]
    host_json: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    lifespan: Lifespan | None = None
