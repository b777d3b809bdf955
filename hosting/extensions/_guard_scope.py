"""Guards that guard no function: which these are, why, and whether the app may start all the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hosting.authoring import Registrations
from hosting.core import Function, Problem
from hosting.extensions import _sdk
from hosting.extensions._config import Config, fold_name
from hosting.extensions._hooks import FUNCTION, LEVELS, Level
from hosting.extensions._model import ON_DEMAND, RUNNING, Extension
from hosting.extensions._optin import OptIns
from hosting.extensions._selection import Selection
from hosting.extensions.diagnostics import document


def check_scope(
    guards: Sequence[Extension], functions: Sequence[Function], registrations: Registrations, config: Config
) -> list[Problem]:
    """Return a warning for each guard that guards no function, and that the app does not ask for.

    Args:
        guards: the guards, in order.
        functions: all functions of the app, also those that cannot run.
        registrations: what the app's code says about extensions.
        config: what host.json and the environment say about them.

    Raises:
        ExtensionError: the app asks for one of them: in host.json, in a variable or in its code.
    """
    problems = _GuardScope(guards, functions, registrations, config).problems() if guards and functions else []
    document.raise_errors(problem for problem in problems if problem.severity == "error")
    return problems


class _GuardScope:
    """The functions that the guards of one app are for; see ``check_scope``."""

    def __init__(
        self, guards: Sequence[Extension], functions: Sequence[Function], registrations: Registrations, config: Config
    ) -> None:
        self._guards, self._config = guards, config
        self._functions = [function for function in functions if not function.is_webhook]
        self._opt_ins = OptIns(self._functions, registrations, config)
        self._selection = Selection(self._functions, guards, self._opt_ins)

    def problems(self) -> list[Problem]:
        """Return a problem for each guard that guards no function: an error if the app asks for that guard."""
        by_name: dict[str, list[Extension]] = {}  # a class of Azure's interface has several instances of one name
        for guard in self._guards:
            by_name.setdefault(fold_name(guard.name), []).append(guard)
        reasons = ((guards[0], self._reason(guards)) for guards in by_name.values()) if self._functions else ()
        return [self._problem(guard, reason) for guard, reason in reasons if reason]

    def _reason(self, guards: Sequence[Extension]) -> str:
        """Return why the guards of one name guard nothing; empty if they guard a function, or cannot run at all."""
        guard, names = guards[0], [function.name for function in self._functions]
        config = self._config.of(guard.name)
        if not config.selects_any(names):
            place = f"extensionHost.extensions.{guard.name}.functions in host.json"
            return f"of {', '.join(sorted(names))}, {place} leaves none"
        if any("/" in pattern for pattern in config.include) or any(map(self._may_decide, guards)):
            return ""
        levels = _levels(guard)
        if not levels:
            return "none of its hooks decides whether a function runs, or what the caller gets"
        if levels == [FUNCTION]:
            return f"it guards functions that opt in to it, and of {', '.join(sorted(names))}, none does"
        return f"each of {', '.join(sorted(names))} opts out of it"

    def _may_decide(self, guard: Extension) -> bool:
        """Return whether a guard stands before a function, or does not run for a reason that is reported elsewhere."""
        if guard.status not in (*RUNNING, "idle") or guard.reason == _sdk.LEFT_TO_WORKER:
            return True
        levels = _levels(guard)
        if not levels:  # required only so that the host does not start without what it adds
            return bool(guard.providers) or not (guard.declared_guard or guard.is_named_guard)
        return any(self._may_be_for(level, guard, function) for level in levels for function in self._functions)

    def _may_be_for(self, level: Level, guard: Extension, function: Function) -> bool:
        if function.error is not None:  # what its decorators say may not be known
            return not self._opt_ins.refused(guard.name, function)
        return self._selection.is_for(level, guard, function)

    def _problem(self, guard: Extension, reason: str) -> Problem:
        asking = [*self._asking(guard)]
        message = f"Guard '{guard.name}' guards no function: {reason}."
        if not asking:
            remedy = f"{self._remedy(guard)} If the app does not need it, disable it: HOSTING_DISABLE={guard.name}."
            return Problem("warning", message, remedy, extension=guard.name)
        remedy = f"{self._remedy(guard)} To run without it, remove it from {' and '.join(asking)}"
        local = "" if guard.is_local else f", and uninstall it or set HOSTING_DISABLE={guard.name}"
        return Problem("error", message, f"{remedy}{local}.", extension=guard.name)

    def _remedy(self, guard: Extension) -> str:
        functions = f"extensionHost.extensions.{guard.name}.functions of host.json"
        if not self._config.of(guard.name).selects_any(function.name for function in self._functions):
            return f"Correct include and exclude in {functions}."
        if not (levels := _levels(guard)):
            return "Use one with a pre, post or around hook."
        if levels == [FUNCTION]:
            return f"Write @hosting.use({guard.name!r}) on functions, or name them in include in {functions}."
        return f"Remove @hosting.without({guard.name!r}) from a function."

    def _asking(self, guard: Extension) -> Iterator[str]:
        """Yield the places in which the app asks for a guard."""
        name, config = fold_name(guard.name), self._config
        if guard.is_local:
            yield "extensionHost.load, or from the calls of hosting.extension"
        if guard.is_named_guard:
            yield "extensionHost.guards and HOSTING_GUARDS"
        # Where no function uses it, it is not imported: whether it says guard = False is not known.
        if guard.is_required and (guard.status != "idle" or guard.declared_guard):
            yield "extensionHost.required and HOSTING_REQUIRE"
        if name in map(fold_name, config.extensions):
            yield "extensionHost.extensions"
        if name in map(fold_name, self._opt_ins.names_in_code):
            yield "the calls of hosting.configure and hosting.use"


def _levels(guard: Extension) -> list[Level]:
    """Return the levels at which a guard decides; where its hooks are not known, those that its group allows."""
    if guard.status in RUNNING:
        return [level for level in LEVELS if not {level.around, level.pre, level.post}.isdisjoint(guard.hooks)]
    return [FUNCTION] if guard.group == ON_DEMAND else [*LEVELS]
