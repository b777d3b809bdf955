"""Set-up of functions when they are loaded: their settings, and the hooks that prepare them for invocations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from hosting.core import Function
from hosting.extensions._lifespan import call_now
from hosting.extensions._model import Hook
from hosting.extensions._optin import OptIns
from hosting.extensions._registry import Registry
from hosting.extensions._selection import Pair, Selection
from hosting.extensions._start_monitor import StartMonitor
from hosting.extensions._typed_settings import TypedSettings


class FunctionSetup:
    """Calls the hooks of one host that run once for each function.

    Args:
        registry: the extensions.
        typed_settings: their settings.
        budget: the seconds that a hook may take.
        monitor: names a hook where it takes long.
    """

    def __init__(self, registry: Registry, typed_settings: TypedSettings, budget: float, monitor: StartMonitor) -> None:
        self._registry, self._typed_settings = registry, typed_settings
        self._budget, self._monitor = budget, monitor
        self.failed: set[Pair] = set()
        """Pairs whose set-up failed: the function does not get the extension's function-level hooks."""
        self._called: set[tuple[Hook, Function]] = set()
        """The hooks that were called: an extension may come when there are functions already."""

    def set_up(self, functions: Sequence[Function], selection: Selection, opt_ins: OptIns) -> None:
        """Call ``init_function`` and ``configure_function``; an extension that fails is not for that function."""
        for pair in self._typed_settings.invalid(self._registry.ordered, functions, selection, opt_ins):
            self._fail(pair, selection)
        for name in ("init_function", "configure_function"):
            for function in functions:
                for hook in self._uncalled(selection.hooks(self._registry.hooks(name), function), function):
                    if not self._call(hook, function, opt_ins):
                        self._fail((hook.extension, function), selection)

    def _uncalled(self, hooks: Iterable[Hook], function: Function) -> Iterator[Hook]:
        """Yield the hooks that have not been called for a function; they count as called."""
        for hook in hooks:
            if (hook, function) not in self._called:
                self._called.add((hook, function))
                yield hook

    def _call(self, hook: Hook, function: Function, opt_ins: OptIns) -> bool:
        written = opt_ins.settings(hook.extension.name, function)
        arguments = {
            "function_name": function.name,
            "function_directory": function.directory,
            "settings": self._typed_settings.for_function(hook.extension, function, written),
        }
        return call_now(hook, arguments, self._budget, self._monitor, function=function.name)

    def _fail(self, pair: Pair, selection: Selection) -> None:
        self.failed.add(pair)
        selection.exclude(*pair)

    def call_load_hooks(self, functions: Sequence[Function], selection: Selection) -> None:
        """Call the load hooks of each function; a guard that fails counts as not set up for it."""
        for function in functions:
            arguments = {"function_name": function.name, "function_directory": function.directory}
            for hook in self._uncalled(self.load_hooks(function, selection), function):
                succeeded = call_now(hook, arguments, self._budget, self._monitor, function=function.name)
                if not succeeded and hook.extension.is_guard:
                    self.failed.add((hook.extension, function))

    def load_hooks(self, function: Function, selection: Selection) -> list[Hook]:
        """Return the load hooks in order: app level first, but of Azure's classes last, as in Azure's worker."""
        app, own = "post_function_load_app_level", "post_function_load"
        hooks = [*self._registry.hooks(app), *self._registry.hooks(own)]
        hooks += [one.hooks[name] for name in (own, app) for one in self._registry.sdk if name in one.hooks]
        return selection.hooks(hooks, function)
