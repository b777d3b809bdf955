"""Selection: which extensions are for which functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from hosting.core import Function, Problem
from hosting.extensions import _sdk
from hosting.extensions._hooks import APP, EDGE_HOOKS, FUNCTION, LEVELS, Level, level_of
from hosting.extensions._model import ON_DEMAND, Extension, Hook
from hosting.extensions._optin import OptIns

Pair = tuple[Extension, Function]


class Selection:
    """The extensions that are for each function, level by level.

    It is computed once, when functions are added. Loading, dispatch and diagnosis read it. What changes while the host
    runs is whether an extension is active: one that is paused, quarantined or failed stays selected, and is not called.

    Args:
        functions: all functions of the host.
        extensions: all extensions of the host.
        opt_ins: what host.json and the app's code say.
        without: pairs whose set-up failed: the function does not get the extension's function-level hooks.
    """

    def __init__(
        self,
        functions: Sequence[Function],
        extensions: Sequence[Extension],
        opt_ins: OptIns,
        without: Collection[Pair] = (),
    ) -> None:
        self._selected: dict[Level, set[Pair]] = {APP: set(), FUNCTION: set()}
        self._imposed: list[Pair] = []
        for extension in extensions:
            for function in functions:
                if extension.is_guard and function.addition is not None and function.addition.is_open:
                    continue  # an extension has added it as open: guards are not for it
                if opt_ins.at_app_level(extension.name, function):
                    self._selected[APP].add((extension, function))
                if _is_at_function_level(extension, function, opt_ins):
                    self._selected[FUNCTION].add((extension, function))
                if extension.is_guard and function.is_webhook and not opt_ins.names_webhook(extension.name, function):
                    self._impose(extension, function)
        self._selected[FUNCTION].difference_update(without)

    def _impose(self, guard: Extension, function: Function) -> None:
        """Select a guard for a webhook: nothing keeps it from that, which may do what its functions do."""
        was_selected = self.selects(guard, function)
        for pairs in self._selected.values():
            pairs.add((guard, function))
        if not was_selected and self.selects(guard, function):
            self._imposed.append((guard, function))

    def problems(self) -> list[Problem]:
        """Return a warning for each guard that is for a webhook although nothing names that."""
        return [
            Problem(
                "warning",
                f"Guard '{guard.name}' is called for '{function.name}' too, the requests to /{_path(function)}, though "
                "nothing names them.",
                f"In host.json, add '{function.name}' to include in extensionHost.extensions.{guard.name}.functions if "
                "it is for them, or to exclude if it is not.",
                extension=guard.name,
            )
            for guard, function in self._imposed
            if guard.status not in ("idle", "disabled")
        ]

    def includes(self, level: Level, extension: Extension, function: Function) -> bool:
        """Return whether the hooks that an extension has at a level run for a function now."""
        return extension.status == "active" and self.is_for(level, extension, function)

    def is_for(self, level: Level, extension: Extension, function: Function) -> bool:
        """Return whether the hooks that an extension has at a level run for a function while it is active."""
        return (extension, function) in self._selected[level]

    def hooks(self, hooks: Iterable[Hook], function: Function) -> list[Hook]:
        """Return those of the ``hooks`` that run for a function now, in the same order."""
        return [hook for hook in hooks if self.includes(_level(hook), hook.extension, function)]

    def selects(self, extension: Extension, function: Function) -> bool:
        """Return whether an extension has hooks around a function's invocations when it runs.

        Where its hooks are not known, because it could not be loaded, it may have any that its entry point allows.
        """
        if extension.hooks:
            levels = [level for level in LEVELS if not extension.hooks.keys().isdisjoint(level[1:])]
        else:
            levels = [FUNCTION] if extension.group == ON_DEMAND else [*LEVELS]
        return any((extension, function) in self._selected[level] for level in levels)

    def exclude(self, extension: Extension, function: Function) -> None:
        """Keep an extension's function-level hooks from a function, because its set-up failed."""
        self._selected[FUNCTION].discard((extension, function))


def _path(function: Function) -> str:
    return (function.route or "").partition("/{")[0]


def _level(hook: Hook) -> Level:
    """Return the level of a hook; one at the edges of invocations is at the level of its extension's group."""
    return FUNCTION if hook.extension.group == ON_DEMAND and hook.name in EDGE_HOOKS else level_of(hook.name)


def _is_at_function_level(extension: Extension, function: Function, opt_ins: OptIns) -> bool:
    if extension.kind == "sdk":
        return _sdk.is_for(extension, function) and not opt_ins.refused(extension.name, function)
    return opt_ins.at_function_level(extension.name, function)
