"""Model of an extension: where it comes from, its hooks, its status and its statistics."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from hosting._distributions import DistributionInfo, distribution_name, distribution_version
from hosting._log import extension_logger
from hosting.authoring import Order
from hosting.core import NOTHING
from hosting.extensions._hooks import APP_HOOKS, ERROR_HOOKS, FUNCTION_HOOKS

if TYPE_CHECKING:
    from hosting._injection import Provider
    from hosting.extensions.settings.models import SettingsModel

EAGER = "hosting"
"""The entry-point group that is imported at start."""
ON_DEMAND = "hosting.functions"
"""The entry-point group that is imported when a function opts in."""
GUARDS = "hosting.guards"
"""The entry-point group of guards, imported at start."""
HOOK_GROUPS = (EAGER, ON_DEMAND, GUARDS)
COMMANDS = "hosting.commands"
"""The entry-point group of subcommands of ``hosting``."""
GROUPS = (*HOOK_GROUPS, "hosting.bindings", "hosting.storage", "hosting.testing", COMMANDS)
"""Every entry-point group that hosting reads."""

Status = Literal["active", "idle", "disabled", "blocked", "failed", "quarantined", "paused"]
RUNNING: tuple[Status, ...] = ("active", "paused", "quarantined")
"""The status of extensions that are loaded and have a position, whether their hooks are called now or not."""

Kind = Literal["hooks", "sdk"]
Priority = Literal[0, 1, 2]
"""A hook with ``tryfirst``, with neither, with ``trylast``."""


class Failure(NamedTuple):
    """An error of an extension, as text: it keeps no exception alive."""

    phase: str
    type: str
    message: str
    traceback: str
    remedy: str = ""
    hook: str | None = None
    function: str | None = None
    invocation_id: str | None = None

    @property
    def summary(self) -> str:
        """The exception's type and the first line of its message."""
        first_line, _, _ = self.message.partition("\n")
        return f"{self.type}: {first_line}" if first_line else self.type


class Statistics:
    """Statistics of one hook."""

    __slots__ = ("calls", "denied", "errors", "longest_seconds", "sampled_calls", "sampled_seconds")

    def __init__(self) -> None:
        self.calls = self.errors = self.denied = self.sampled_calls = 0
        self.sampled_seconds = self.longest_seconds = 0.0

    def add_time(self, seconds: float, calls: int = 1) -> None:
        """Add a timed call.

        Args:
            seconds: how long it took.
            calls: 0 for the second half of an around hook, which belongs to a call that is counted already.
        """
        self.sampled_calls += calls
        self.sampled_seconds += seconds
        self.longest_seconds = max(self.longest_seconds, seconds)


class Hook:
    """One hook of one extension, with all that a call needs.

    Args:
        name: the hook's name.
        extension: its extension.
        function: the function to call.
        positional: the arguments that it takes by position.
        keywords: the arguments that it takes by keyword.
        is_async: whether it is a coroutine function or an async generator function.
        priority: its ``tryfirst`` or ``trylast``.
    """

    def __init__(
        self,
        name: str,
        extension: Extension,
        function: Callable[..., Any],
        positional: tuple[str, ...],
        keywords: tuple[str, ...] = (),
        is_async: bool = False,
        priority: Priority = 1,
    ) -> None:
        self.name = name
        self.extension = extension
        self.function = function
        self.positional = positional
        self.keywords = keywords
        self.is_async = is_async
        self.priority = priority
        self.takes_logger = "logger" in (*positional, *keywords)
        """Whether it has an argument ``logger``."""
        self.statistics = Statistics()
        self.errors_in_a_row = 0
        """The number of consecutive errors of a hook at the edges of invocations."""

    @property
    def decides(self) -> bool:
        """Whether it is a hook of a guard whose failure denies: all but its error hooks."""
        return self.extension.is_guard and self.name not in ERROR_HOOKS

    def call(self, arguments: Mapping[str, Any]) -> Any:
        """Call it outside an invocation, with those of the ``arguments`` that it takes."""
        positional = [arguments[name] for name in self.positional]
        if not self.keywords:
            return self.function(*positional)
        return self.function(*positional, **{name: arguments[name] for name in self.keywords})


class Extension:
    """One extension.

    Args:
        name: its name in configuration, opt-ins, logs and diagnosis.
        kind: ``hooks`` for an extension with ``hosting.hookimpl``, ``sdk`` for one of Azure's interface.
        group: the group of its entry point; None if it has no entry point.
        source: the distribution of its entry point.
        entry_point: the value of its entry point.
        file: the file that has its code; for an instance of a function-level class, the file that it was made with.
        status: its status.
        trigger: for an instance of a function-level class of Azure's interface: the folder of the file that it was made
            with, which in the v1 model is the name of a function.
        order: its position relative to others.
    """

    def __init__(
        self,
        name: str,
        *,
        kind: Kind = "hooks",
        group: str | None = None,
        source: DistributionInfo | None = None,
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
        """Why it has its position, or why it does not run."""
        self.error: Failure | None = None
        """Its last error."""
        self.hooks: dict[str, Hook] = {}
        self.is_local = False
        """Whether the app itself brings it: it runs whether or not installed extensions are switched on."""
        self.providers: Mapping[Any, Provider] = NOTHING
        """What gives values for parameters of functions, by type."""
        self.order = order or Order()
        self.settings: Mapping[str, Any] = NOTHING
        """Its settings as the diagnosis shows them; those that its hooks get where it has no class for them."""
        self.settings_model: SettingsModel | None = None
        """The class of its settings."""
        self.function_settings_model: SettingsModel | None = None
        """The class of its settings for a function, where they are others than those for the app."""
        self.typed_settings: Any = None
        """The instance of that class for the app; None where there is none."""
        self.declared_guard: bool | None = True if group == GUARDS else None
        """Whether it says itself that it is a guard; None if it does not say."""
        self.is_named_guard = self.is_required = False
        """Whether the configuration names it as a guard, or requires it."""
        self.is_open = False
        """Whether it is a guard that is paused so that its functions run without it."""
        self.is_erring = False
        """Whether it is a guard that has failed in as many invocations in a row as quarantine others."""
        self.warnings: tuple[tuple[str, str], ...] = ()
        """What is probably a mistake of its author, though nothing fails: messages, each with its remedy."""
        self.notices: tuple[tuple[str, str], ...] = ()
        """What it uses that leaves the interface or may change: messages, each with its remedy. No start fails."""
        self.consecutive_errors = 0
        """The number of its invocations with an error since the last one without."""
        self.failed_invocations: set[str] = set()
        """The ids of the invocations under way in which it has failed."""

    @property
    def shown_status(self) -> str:
        """Its status for people: ``erring`` for a guard that goes on failing."""
        return "erring" if self.is_erring and self.status == "active" else self.status

    @property
    def is_guard(self) -> bool:
        """Whether functions must not run without it: ``required`` implies it, unless the extension says it is none."""
        return self.is_named_guard or (self.is_required if self.declared_guard is None else self.declared_guard)

    def fail(self, reason: str) -> None:
        """Give it the status ``failed``."""
        self.status, self.reason = "failed", reason

    def fail_hook(self, hook: str) -> None:
        """Give it the status ``failed`` because one of its hooks failed outside invocations."""
        self.fail(f"{hook}() raised {self.error.summary}" if self.error else f"{hook}() failed")

    def wait_for_opt_in(self) -> None:
        """Give it the status ``idle``, because no function opts in to it."""
        self.status = "idle"
        self.reason = f"no function opts in: @hosting.use({self.name!r}) on one, or name one in 'include' in host.json"

    @property
    def distribution(self) -> str | None:
        """The name of its distribution; None if it has none, or if that has lost its METADATA."""
        return None if self.source is None else distribution_name(self.source)

    @property
    def version(self) -> str | None:
        """The version of its distribution; None as with the name."""
        return None if self.source is None else distribution_version(self.source)

    @property
    def logger(self) -> logging.Logger:
        """The logger that its hooks get, which also has the errors of the extension."""
        return extension_logger(self.name)

    @property
    def origin(self) -> str:
        """Where it comes from, for messages: distribution and version, or else the file."""
        return f"{self.distribution} {self.version}" if self.distribution else self.file or "defined by the app"

    @property
    def scopes(self) -> tuple[str, ...]:
        """``app``, ``function`` or both, by its hooks; if they are for neither or are not known yet, by its group."""
        levels = (("app", APP_HOOKS), ("function", FUNCTION_HOOKS))
        scopes = tuple(scope for scope, hooks in levels if not hooks.isdisjoint(self.hooks))
        if scopes:
            return scopes
        return ("function",) if self.group == ON_DEMAND else ("app",) if self.hooks or self.providers else ()
