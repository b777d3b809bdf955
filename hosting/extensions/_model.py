"""An extension and its hooks, as the host knows them: who they are, how they do, where they stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from hosting.authoring import Order
from hosting.core import NOTHING
from hosting.extensions._hooks import APP_HOOKS, FUNCTION_HOOKS
from hosting.extensions._metadata import Described, name_of, version_of

EAGER = "hosting"
ON_DEMAND = "hosting.functions"
"""The entry-point groups: imported at start, and imported when a function opts in."""
HOOK_GROUPS = (EAGER, ON_DEMAND)
GROUPS = (*HOOK_GROUPS, "hosting.bindings", "hosting.storage")
"""Every entry-point group that hosting reads."""

Status = Literal["active", "idle", "disabled", "blocked", "failed", "quarantined", "paused"]
RUNNING: tuple[Status, ...] = ("active", "paused", "quarantined")
"""Those that are loaded and have a place in line, whether or not they are called now."""

NO_OPT_IN = "no function opts in: @hosting.use({name!r}) on one, or name one in 'include' in host.json"

Kind = Literal["hooks", "sdk"]
Mark = Literal[0, 1, 2]
"""pluggy's ``tryfirst``, neither, ``trylast``."""


class Failure(NamedTuple):
    """The last thing that went wrong in an extension."""

    phase: str
    type: str
    message: str
    traceback: str
    remedy: str = ""
    hook: str | None = None
    function: str | None = None
    invocation_id: str | None = None


class Statistics:
    """How one hook has done. Times are of the sampled calls, in seconds."""

    __slots__ = ("calls", "errors", "sampled", "seconds", "worst")

    def __init__(self) -> None:
        self.calls = self.errors = self.sampled = 0
        self.seconds = self.worst = 0.0

    def add_time(self, seconds: float, calls: int = 1) -> None:
        """Add one sample; the second half of an around hook belongs to a call that is counted already."""
        self.sampled += calls
        self.seconds += seconds
        self.worst = max(self.worst, seconds)


class Hook:
    """One implementation, with everything about it that calling needs, found out once."""

    def __init__(
        self,
        name: str,
        extension: Extension,
        function: Callable[..., Any],
        positional: tuple[str, ...],
        keywords: tuple[str, ...] = (),
        is_async: bool = False,
        mark: Mark = 1,
    ) -> None:
        self.name = name
        self.extension = extension
        self.function = function
        self.positional = positional
        self.keywords = keywords
        self.is_async = is_async
        self.mark = mark
        self.statistics = Statistics()

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call it outside an invocation, with what it takes of ``arguments``."""
        return self.function(
            *(arguments[name] for name in self.positional), **{name: arguments[name] for name in self.keywords}
        )


class Extension:
    """One extension, from its entry point (or Azure's class) to its figures.

    Args:
        name: its name everywhere.
        kind: whether its hooks are ours or it is a class of Azure's interface.
        group: of its entry point.
        source: the distribution that brings it.
        entry_point: the entry point's value.
        file: where its code is.
        status: how it does.
        trigger: for Azure's function-level classes: what their ``__file__`` pointed to.
        order: where it wants to stand.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "hooks",
        group: str | None = None,
        source: Described | None = None,
        entry_point: str | None = None,
        file: str | None = None,
        status: Status = "idle",
        trigger: str | None = None,
        order: Order | None = None,
    ) -> None:
        self.name, self.kind, self.group, self.trigger = name, kind, group, trigger
        self.source, self.entry_point, self.file = source, entry_point, file
        self.status: Status = status
        self.reason = ""
        self.error: Failure | None = None
        self.hooks: dict[str, Hook] = {}
        self.order = order or Order()
        self.settings: Mapping[str, Any] = NOTHING
        self.warnings: tuple[tuple[str, str], ...] = ()
        """What its author can hardly have meant though it breaks nothing, each with its remedy."""
        self.consecutive_errors = 0
        self.failed_invocations: set[str] = set()
        """The invocations under way in which it has erred."""

    @property
    def distribution(self) -> str | None:
        """Its distribution's name; None where there is none, or it lost its METADATA."""
        return None if self.source is None else name_of(self.source)

    @property
    def version(self) -> str | None:
        """Its distribution's version; None as with the name."""
        return None if self.source is None else version_of(self.source)

    @property
    def logger(self) -> logging.Logger:
        """The logger that the extension's hooks get."""
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
