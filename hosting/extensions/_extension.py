"""An extension and its hooks, as the host knows them: who they are, how they do, where they stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hosting.authoring import Order
from hosting.extensions._lifecycle import APP_HOOKS, FUNCTION_HOOKS

EAGER = "hosting"
ON_DEMAND = "hosting.functions"
"""The entry-point groups: imported at start, and imported when a function opts in."""

Status = Literal["active", "idle", "disabled", "blocked", "failed", "quarantined", "paused"]
RUNNING: tuple[Status, ...] = ("active", "paused", "quarantined")
"""Those that are loaded and have a place in line, whether or not they are called now."""

NO_OPT_IN = "no function opts in: @hosting.use({name!r}) on one, or name one in 'include' in host.json"

Kind = Literal["hooks", "sdk"]
Mark = Literal[0, 1, 2]
"""pluggy's ``tryfirst``, neither, ``trylast``."""


@dataclass(frozen=True, slots=True)
class Failure:
    """The last thing that went wrong in an extension."""

    phase: str
    type: str
    message: str
    traceback: str
    remedy: str = ""
    hook: str | None = None
    function: str | None = None
    invocation_id: str | None = None


@dataclass(slots=True)
class Statistics:
    """How one hook has done. Times are of the sampled calls, in seconds."""

    calls: int = 0
    errors: int = 0
    sampled: int = 0
    seconds: float = 0.0
    worst: float = 0.0

    def spent(self, seconds: float, calls: int = 1) -> None:
        """Add one sample; the second half of an around hook belongs to a call that is counted already."""
        self.sampled += calls
        self.seconds += seconds
        self.worst = max(self.worst, seconds)


@dataclass(slots=True, eq=False)
class Hook:
    """One implementation, with everything about it that calling needs, found out once."""

    name: str
    extension: Extension
    function: Callable[..., Any]
    positional: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    is_async: bool = False
    mark: Mark = 1
    statistics: Statistics = field(default_factory=Statistics)

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call it outside an invocation, with what it takes of ``arguments``."""
        return self.function(
            *(arguments[name] for name in self.positional), **{name: arguments[name] for name in self.keywords}
        )


@dataclass(slots=True, eq=False)
class Extension:
    """One extension, from its entry point (or Azure's class) to its figures."""

    name: str
    kind: Kind = "hooks"
    group: str | None = None
    distribution: str | None = None
    version: str | None = None
    entry_point: str | None = None
    file: str | None = None
    status: Status = "idle"
    reason: str = ""
    error: Failure | None = None
    hooks: dict[str, Hook] = field(default_factory=dict)
    order: Order = field(default_factory=Order)
    settings: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[tuple[str, str], ...] = ()
    """What its author can hardly have meant though it breaks nothing, each with its remedy."""
    errors_in_row: int = 0
    last_erred: object = None
    trigger: str | None = None
    """For Azure's function-level classes: what their ``__file__`` pointed to."""

    @property
    def logger(self) -> logging.Logger:
        return logging.getLogger(f"hosting.extensions.{self.name}")

    @property
    def origin(self) -> str:
        """Distribution and version, as messages name them."""
        return f"{self.distribution} {self.version}" if self.distribution else self.file or "defined by the app"

    @property
    def scopes(self) -> tuple[str, ...]:
        """``app``, ``function`` or both, told by its hooks; where they do not tell, by its group."""
        levels = (("app", APP_HOOKS), ("function", FUNCTION_HOOKS))
        told = tuple(scope for scope, hooks in levels if not hooks.isdisjoint(self.hooks))
        if told:
            return told
        return ("function",) if self.group == ON_DEMAND else ("app",) if self.hooks else ()
