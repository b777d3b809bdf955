"""The chains of a host's functions: chosen anew when the status of an extension changes."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from hosting.core import Function
from hosting.errors import ExtensionError
from hosting.extensions._failures import log_error
from hosting.extensions._function_setup import FunctionSetup
from hosting.extensions._injection import Injections
from hosting.extensions._model import RUNNING, Extension
from hosting.extensions._registry import Registry
from hosting.extensions._selection import Selection
from hosting.extensions.dispatch.denial import Denials
from hosting.extensions.dispatch.invoker import Invoker
from hosting.extensions.dispatch.quarantine import Quarantine, log_quarantine
from hosting.extensions.dispatch.watchdog import Watchdog

if TYPE_CHECKING:
    from hosting.app_work import AddedObserver, HookObserver
    from hosting.extensions.dispatch.compiler import Chain, Compiler
    from hosting.extensions.dispatch.thread_pool import ThreadPool

PauseWord = Literal["", "deny", "open"]
"""What a paused guard's functions do: they are denied, or run without it. Empty for other extensions."""


class GuardPauseError(ExtensionError):
    """A guard is paused without a word on what its functions do, or another extension with one."""


class Chains:
    """The compiled hooks of each function, and the status of extensions, on which they depend.

    Args:
        registry: the extensions.
        setup: which of them could not be set up for a function.
        watchdog: enforces budgets.
        quarantine_after: the number of consecutive invocations with an error that quarantines an extension.
    """

    def __init__(self, registry: Registry, setup: FunctionSetup, watchdog: Watchdog, quarantine_after: int) -> None:
        self.by_function: dict[Function, Chain | None] = {}
        self.injections = Injections()
        self.selection: Selection | None = None
        """Which extensions are for which functions; None if none is for any."""
        self.observers: list[AddedObserver] = []
        """What is called after each hook; final at the first invocation."""
        self._registry, self._setup, self._watchdog = registry, setup, watchdog
        self._quarantine_after = quarantine_after
        self._quarantine = Quarantine(quarantine_after, self.quarantine)
        self._denials = Denials()
        self._invokers: list[Invoker] = []
        self._lock = threading.RLock()

    @cached_property
    def compiler(self) -> Compiler:
        """Compiles the chains."""
        from hosting.extensions.dispatch.compiler import Compiler  # not needed where extensions are switched off

        return Compiler(self._watchdog, self._quarantine, self._active_observers)

    def _active_observers(self) -> list[tuple[Extension, HookObserver]]:
        return [(self._registry.by_name(one.extension)[0], one.observer) for one in self.observers]

    def add(self, functions: Iterable[Function]) -> None:
        """Add functions, which have no hooks until ``choose`` is called."""
        self.by_function.update(dict.fromkeys(functions, None))

    def choose(self, selection: Selection) -> None:
        """Choose the chain of every function anew; invocations under way end on the chain they started with."""
        self.selection = selection
        self._choose(selection)

    def invoker(self, function: Function, pool: ThreadPool, budget: float) -> Invoker:
        """Return an invoker that follows the function's chain; see ``Invoker``."""
        with self._lock:
            invoker = Invoker(function, self.by_function.get(function), pool, budget)
            self._invokers.append(invoker)
        return invoker

    def pause(self, name: str, word: PauseWord) -> None:
        """Stop calling the hooks of an extension.

        Args:
            name: its name, in any case.
            word: for a guard, and for nothing else, what its functions do.

        Raises:
            GuardPauseError: the word is missing, or out of place.
            ExtensionError: no extension of this name is loaded.
        """
        found = self._running(name)
        is_guard = any(one.is_guard for one in found)
        if is_guard and not word:
            raise GuardPauseError(
                f"'{name}' is a guard",
                remedy="Add ?deny to keep its functions from running, or ?open to run them without it.",
            )
        if word and not is_guard:
            raise GuardPauseError(
                f"'{name}' is not a guard: its functions run while it is paused", remedy=f"Omit ?{word}."
            )
        was_open = all(extension.status == "paused" and extension.is_open for extension in found)
        for extension in found:
            extension.is_open = word == "open"
            self._set_status(extension, paused=True)
        if word == "open" and not was_open:
            log_error(found[0], "Guard '%s' is paused: its functions run without it, for every caller.", found[0].name)

    def resume(self, name: str) -> None:
        """Call the hooks of a paused or quarantined extension again.

        Raises:
            ExtensionError: no extension of this name is loaded.
        """
        for extension in self._running(name):
            extension.is_open = False
            self._set_status(extension, paused=False)

    def refresh(self) -> None:
        """Choose the chains anew, because the status of an extension has changed."""
        if self.selection is not None:
            self._choose(self.selection)

    def quarantine(self, extension: Extension) -> None:
        """Quarantine an extension that is not a guard; log it once, also where several threads count its last error."""
        with self._lock:
            if extension.status != "active" or extension.is_guard:
                return
            extension.status = "quarantined"
            self.refresh()
        log_quarantine(extension, self._quarantine_after)

    def _running(self, name: str) -> list[Extension]:
        found = [one for one in self._registry.by_name(name) if one.status in RUNNING]
        if not found:
            raise ExtensionError(f"no extension '{name}' is loaded", remedy="GET /admin/host/extensions lists them.")
        return found

    def _set_status(self, extension: Extension, *, paused: bool) -> None:
        self._quarantine.reset(extension)
        extension.status = "paused" if paused else "active"
        self.refresh()

    def _choose(self, selection: Selection) -> None:
        from hosting.extensions.dispatch.plan import plan_chain

        with self._lock:
            for function in self.by_function:
                denials = self._denials.hooks(self._registry.guards, function, selection, self._setup.failed)
                plan = plan_chain(function, self._registry.ordering, self._registry.sdk, selection, denials)
                self.by_function[function] = self.compiler.chain(function, plan, self.injections.get(function))
            for invoker in self._invokers:
                invoker.use_chain(self.by_function.get(invoker.function))
