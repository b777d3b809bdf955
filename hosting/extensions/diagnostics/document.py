"""Diagnosis: one JSON document on what is loaded, from where, for which function, what failed and what to do."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from hosting._distributions import distribution_name, distribution_version, installed_versions
from hosting._interface import interface_text
from hosting._text import did_you_mean
from hosting.core import Function, Problem
from hosting.errors import ExtensionError
from hosting.extensions._config import FLAG, fold_name
from hosting.extensions._discovery import OFF
from hosting.extensions._model import RUNNING, Extension, Failure, Hook

if TYPE_CHECKING:
    from hosting.app_services import Service
    from hosting.extensions._commands import InstalledCommand
    from hosting.extensions.dispatch.compiler import Chain

SCHEMA_VERSION = 1
FLAGS = (FLAG, "HOSTING_DISABLE", "HOSTING_REQUIRE", "HOSTING_GUARDS", "HOSTING_ALLOW")
PACKAGES = ("hosting", "azure-functions", "pluggy")
SWITCH_ON = f"Set {FLAG}=1, in the environment or in Values of local.settings.json."


def tree(
    extensions: Sequence[Extension], functions: Sequence[Function], serves: Callable[[Extension, Function], bool]
) -> dict[str, Any]:
    """Return ``_info``: the active extensions, in the structure of Azure's interface.

    Args:
        extensions: all extensions, in order.
        functions: the app's functions.
        serves: returns whether an extension serves a function at function level.
    """
    serving = {  # one for each instance of an SDK class
        function.name: [one.name for one in extensions if serves(one, function) and "function" in one.scopes]
        for function in functions
    }
    return {
        "AppExtension": [one.name for one in extensions if one.status == "active" and "app" in one.scopes],
        "FuncExtension": {function: names for function, names in serving.items() if names},
    }


def environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return ``environment``: versions, and the values of the flags."""
    import platform

    return {
        "python": platform.python_version(),
        "versions": installed_versions(PACKAGES),
        "interface": interface_text(),
        "flags": {flag: environ.get(flag) for flag in FLAGS},
    }


def extension_entries(extensions: Sequence[Extension], chains: Sequence[Chain]) -> list[dict[str, Any]]:
    """Return ``extensions``.

    Args:
        extensions: all extensions, in order; those that run get a position.
        chains: every chain there has been, for the statistics.
    """
    positions = itertools.count()
    return [_extension_entry(one, next(positions) if one.status in RUNNING else None, chains) for one in extensions]


def _extension_entry(extension: Extension, position: int | None, chains: Sequence[Chain]) -> dict[str, Any]:
    from hosting._injection import name_of  # neither is needed before the diagnosis
    from hosting.extensions.diagnostics.redaction import redacted

    return {
        "name": extension.name,
        "kind": extension.kind,
        "scopes": list(extension.scopes),
        "distribution": extension.distribution,
        "version": extension.version,
        "entry_point": extension.entry_point,
        "file": extension.file,
        "status": extension.shown_status,
        "guard": extension.is_guard,
        "error": _error(extension.error),
        "hooks": list(extension.hooks),
        "providers": [name_of(one) for one in extension.providers],
        "position": position,
        "reason": _reason(extension),
        "settings": redacted(extension.settings),
        "statistics": {name: _statistics(hook, chains) for name, hook in extension.hooks.items()},
    }


def _error(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {key: value for key, value in failure._asdict().items() if key != "remedy"}


def _reason(extension: Extension) -> str:
    """Return why an extension has its position, or why it does not run."""
    if extension.status == "quarantined":
        return f"it failed in {extension.consecutive_errors} invocations in a row"
    if extension.status == "paused":
        word = "" if not extension.is_guard else "?open" if extension.is_open else "?deny"
        return f"paused by POST /admin/extensions/{extension.name}/pause{word}"
    if extension.is_erring:
        return f"it failed in {extension.consecutive_errors} invocations in a row, and denied them"
    if extension.kind == "sdk" and extension.status == "active":
        return "inside the others, in order of registration"
    return extension.reason


def _statistics(hook: Hook, chains: Sequence[Chain]) -> dict[str, float]:
    """Return the statistics of a hook: calls and errors are counted, times estimated from the timed calls."""
    own = hook.statistics
    calls = own.calls + sum(
        chain.runtime.calls(index) for chain in chains for index, step in enumerate(chain.steps) if step is hook
    )
    mean = own.sampled_seconds / own.sampled_calls if own.sampled_calls else 0.0
    return {
        "calls": calls,
        "errors": own.errors,
        "denied": own.denied,
        "total_ms": round(mean * calls * 1000, 6),
        "max_ms": round(own.longest_seconds * 1000, 6),
    }


def function_entry(function: Function, hooks: Iterable[Hook]) -> dict[str, Any]:
    """Return an entry of ``functions``.

    Args:
        function: the function.
        hooks: its hooks, in the order of the calls.
    """
    by_hook: dict[str, list[str]] = {}
    for hook in hooks:
        by_hook.setdefault(hook.name, []).append(hook.extension.name)
    return {
        "name": function.name,
        "model": function.model,
        "trigger": function.trigger.type,
        "added_by": function.added_by,
        "extensions": by_hook,
    }


def command_entry(command: InstalledCommand) -> dict[str, str | None]:
    """Return an entry of ``commands``."""
    entry_point = command.entry_point
    return {
        "name": command.name,
        "distribution": distribution_name(entry_point.dist),
        "version": distribution_version(entry_point.dist),
        "entry_point": entry_point.value,
        "status": command.status,
    }


def command_problems(commands: Iterable[InstalledCommand]) -> list[Problem]:
    """Return the problems of commands that do not run because another one has their name; two have the same one."""
    return [*dict.fromkeys(problem for command in commands if (problem := command.problem()) is not None)]


def service_entry(service: Service) -> dict[str, str]:
    """Return an entry of ``services``."""
    return {"name": service.name, "added_by": service.extension, "status": service.status}


def problem_entry(problem: Problem) -> dict[str, Any]:
    """Return an entry of ``problems``, without secrets, and with the line of the app's code that has the problem."""
    shown = problem.redacted()
    where = f"{shown.file}:{shown.line}: " if shown.file and shown.line else ""
    return {"severity": shown.severity, "message": where + shown.message, "remedy": shown.remedy}


def problems_text(problems: Sequence[Problem]) -> str:
    """Return a line for each problem; a remedy of several that follow each other stands below the last of them."""
    lines: list[str] = []
    for remedy, group in itertools.groupby(problems, lambda problem: problem.remedy):
        lines += [problem.message for problem in group]
        lines += [f"  {remedy}"] if remedy else []
    return "\n".join(lines)


def raise_errors(problems: Iterable[Problem]) -> None:
    """Raise ExtensionError with a line for each problem, if there is any: the host does not start with them."""
    if found := [*problems]:
        raise ExtensionError(problems_text(found), remedy="'hosting diag' shows more.")


def chain_entry(
    name: str, functions: Sequence[Function], chains: Mapping[Function, Chain | None], *, enabled: bool
) -> dict[str, str]:
    """Return ``chain``: the compiled hooks of one function.

    Args:
        name: the function's name, in any case.
        functions: all functions.
        chains: their chains.
        enabled: whether extensions are switched on.

    Raises:
        ExtensionError: the function does not exist, or has no chain.
    """
    function = next((one for one in functions if fold_name(one.name) == fold_name(name)), None)
    if function is None:
        names = [one.name for one in functions]
        known = f"The app has: {', '.join(names)}." if names else "The app has no functions."
        raise ExtensionError(f"the app has no function '{name}'", remedy=did_you_mean(name, names) or known)
    chain = chains.get(function)
    if chain is None:
        reason = "no extension has a hook for it" if enabled else "extensions are switched off"
        remedy = "'hosting diag' lists the extensions and the functions that they are for." if enabled else SWITCH_ON
        raise ExtensionError(f"function '{function.name}' has no chain: {reason}", remedy=remedy)
    return {"function": function.name, "form": chain.form, "source": chain.source}


def unguarded(chains: Mapping[Function, Chain | None]) -> list[str]:
    """Return the names of the functions that no guard stands before, in order."""
    return [
        function.name for function, chain in chains.items() if not (chain and any(step.decides for step in chain.steps))
    ]


def extension_problems(extensions: Iterable[Extension]) -> list[Problem]:
    """Return the problems of extensions: those that do not run, and those with an error or a warning."""
    return [problem for extension in extensions for problem in (*_status_problems(extension), *_warnings(extension))]


def strict_problems(extensions: Iterable[Extension]) -> list[Problem]:
    """Return the problems that stop the start under ``--strict``: those of extensions with an error or a warning."""
    return extension_problems(one for one in extensions if one.error or one.warnings)


class Extensions(Protocol):
    """The extensions of a host, as far as what is missing is reported."""

    @property
    def ordered(self) -> Sequence[Extension]:
        """All extensions."""

    def missing(self) -> Sequence[str]:
        """Return the names of missing extensions."""

    def is_called_guard(self, name: str) -> bool:
        """Return whether something says that an extension of this name is a guard."""


def missing_problems(registry: Extensions, *, enabled: bool) -> list[Problem]:
    """Return a problem for each required extension and each guard that is missing, with the reason.

    Args:
        registry: all extensions.
        enabled: whether extensions are switched on.
    """
    names, extensions = registry.missing(), registry.ordered
    # Of several with one name, one that cannot run says why.
    by_name = {fold_name(one.name): one for one in sorted(extensions, key=lambda one: one.status not in RUNNING)}
    known = [one.name for one in extensions]
    problems = []
    for name in names:
        extension = by_name.get(fold_name(name))
        subject = f"Guard '{name}'" if registry.is_called_guard(name) else f"Required extension '{name}'"
        # An extension of the app itself runs whether or not installed ones are switched on.
        is_off = not enabled and not (extension and extension.is_local)
        remedy = SWITCH_ON if is_off else _missing_remedy(name, extension, known)
        problems.append(Problem("error", f"{subject} {_absence(extension)}.", remedy, extension=name))
    return problems


def _missing_remedy(name: str, extension: Extension | None, known: Sequence[str]) -> str:
    """Return what to do where an extension is missing: who has asked for it can take that back."""
    if extension is None:
        suggestion = did_you_mean(name, known)
        if suggestion:
            return suggestion
    own = extension.error.remedy if extension and extension.error else ""
    if extension is None or extension.is_required or extension.is_named_guard:
        return (
            "Install or fix it, or remove it from extensionHost.required, HOSTING_REQUIRE, extensionHost.guards and "
            f"HOSTING_GUARDS. {own}"
        ).rstrip()
    if extension.status == "blocked":
        return f"Add {extension.distribution} to HOSTING_ALLOW, or uninstall it."
    fix = f"Fix it; or, to run its functions unguarded, uninstall it or set HOSTING_DISABLE={extension.name}."
    return f"{own} {fix}".lstrip()


def _absence(extension: Extension | None) -> str:
    """Return the second half of a sentence on why an extension is missing."""
    if extension is None:
        return "is not installed"
    verb = "failed to start" if extension.status == "failed" else f"is {extension.status}"
    return f"{verb}: {extension.reason}" if extension.reason else verb


def uncalled_problems(classes: Sequence[str]) -> list[Problem]:
    """Return one problem that names the app's extension classes that nothing calls; none if there are none."""
    if not classes:
        return []
    message = f"Extensions are switched off, and the app has classes of Azure's interface: {', '.join(classes)}."
    return [Problem("warning", f"{message} They are not called.", SWITCH_ON)]


def switched_off_problems(extensions: Sequence[Extension]) -> list[Problem]:
    """Return one problem that names the extensions that would run if extensions were switched on; none without them."""
    names = [extension.name for extension in extensions if extension.reason == OFF]
    if not names:
        return []
    message = f"Extensions are switched off. These would run if they were switched on: {', '.join(names)}."
    return [Problem("warning", message, SWITCH_ON)]


def _status_problems(extension: Extension) -> Iterator[Problem]:
    """Yield the problem of an extension's status or error; none if it has neither, or a user has disabled it."""
    subject, error = f"Extension '{extension.name}' ({extension.origin})", extension.error
    file, name = extension.file, extension.name
    resume = f"POST /admin/extensions/{extension.name}/resume."
    if extension.status == "quarantined":
        count = f"it failed in {extension.consecutive_errors} invocations in a row"
        last = f"; the last time in {error.hook or error.phase}: {error.type}: {error.message}" if error else ""
        message = f"{subject} is quarantined: {count}{last}."
        yield Problem("error", message, f"Fix it and restart, or {resume}", file, extension=name)
    elif extension.is_erring:
        count = f"it failed in {extension.consecutive_errors} invocations in a row, and denied them"
        last = f"; the last time in {error.hook or error.phase}: {error.type}: {error.message}" if error else ""
        message = f"Guard '{name}' ({extension.origin}) is erring: {count}{last}."
        yield Problem("error", message, "Fix it, or what it depends on.", file, extension=name)
    elif extension.status == "paused" and extension.is_open:
        message = f"Guard '{name}' ({extension.origin}) is paused: its functions run without it, for every caller."
        yield Problem("error", message, resume, file, extension=name)
    elif extension.status == "paused":
        yield Problem("warning", f"{subject} is paused.", resume, file, extension=name)
    elif extension.status == "blocked":
        remedy = f"Add {extension.distribution} to HOSTING_ALLOW, or uninstall it."
        yield Problem("warning", f"{subject} is not loaded: {extension.reason}.", remedy, extension=name)
    elif error is not None:
        yield _error_problem(extension, subject, error)


def _error_problem(extension: Extension, subject: str, error: Failure) -> Problem:
    file, name = extension.file, extension.name
    if extension.status == "failed":
        message = f"{subject} is not running: {error.phase} failed: {error.type}: {error.message}"
        return Problem("error", message, error.remedy or _remedy(extension, error), file, extension=name)
    function = f" for function '{error.function}'" if error.function else ""
    message = f"{subject}: {error.hook or error.phase} failed{function}: {error.type}: {error.message}"
    remedy = "Fix the extension, or report it to its authors; the traceback is in the log and in 'error'."
    return Problem("warning", message, error.remedy or remedy, file, extension=name)


def _remedy(extension: Extension, error: Failure) -> str:
    if error.type == "ModuleNotFoundError":
        return "Install the missing module in the host's environment, or fix the entry point or the import."
    return f"Fix or uninstall it, or disable it: HOSTING_DISABLE={extension.name}."


def _warnings(extension: Extension) -> Iterator[Problem]:
    subject = f"Extension '{extension.name}' ({extension.origin})"
    for what, remedy in (*extension.warnings, *extension.notices):
        yield Problem("warning", f"{subject}: {what}.", remedy, extension=extension.name)
