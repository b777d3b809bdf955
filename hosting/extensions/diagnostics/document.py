"""What is loaded, from where, for which function, what failed and what to do about it: one JSON document."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hosting._text import did_you_mean
from hosting.core import Function, Problem
from hosting.errors import ExtensionError
from hosting.extensions._config import FLAG, folded
from hosting.extensions._discovery import OFF
from hosting.extensions._model import RUNNING, Extension, Failure, Hook

if TYPE_CHECKING:
    from hosting.extensions.dispatch.compiler import Chain

SCHEMA_VERSION = 1
FLAGS = (FLAG, "HOSTING_DISABLE", "HOSTING_REQUIRE", "HOSTING_ALLOW")
SWITCH_ON = f"Set {FLAG}=1, in the environment or in Values of local.settings.json."
PACKAGES = ("hosting", "azure-functions", "pluggy")


def tree(extensions: Sequence[Extension], serving: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """``_info``: the tree that Azure's interface defines, with the extensions that are active, in line.

    Args:
        extensions: all of them, in line.
        serving: for each function the names of those that serve it at function level.
    """
    return {
        "AppExtension": [one.name for one in extensions if one.status == "active" and "app" in one.scopes],
        "FuncExtension": {function: list(names) for function, names in serving.items() if names},
    }


def environment(environ: Mapping[str, str]) -> dict[str, Any]:
    """Versions, and the flags that were read."""
    import platform

    return {
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in PACKAGES},
        "flags": {flag: environ.get(flag) for flag in FLAGS},
    }


def extensions_told(extensions: Sequence[Extension], chains: Sequence[Chain]) -> list[dict[str, Any]]:
    """``extensions``: those that run by their position, then the others."""
    positions = itertools.count()
    return [_told(one, next(positions) if one.status in RUNNING else None, chains) for one in extensions]


def _told(extension: Extension, position: int | None, chains: Sequence[Chain]) -> dict[str, Any]:
    from hosting.extensions.diagnostics.redaction import redacted

    return {
        "name": extension.name,
        "kind": extension.kind,
        "scopes": list(extension.scopes),
        "distribution": extension.distribution,
        "version": extension.version,
        "entry_point": extension.entry_point,
        "file": extension.file,
        "status": extension.status,
        "error": _error(extension.error),
        "hooks": list(extension.hooks),
        "position": position,
        "reason": _reason(extension),
        "settings": redacted(extension.settings),
        "statistics": {name: _figures(hook, chains) for name, hook in extension.hooks.items()},
    }


def _error(failure: Failure | None) -> dict[str, Any] | None:
    if failure is None:
        return None
    return {key: value for key, value in failure._asdict().items() if key != "remedy"}


def _reason(extension: Extension) -> str:
    """Why it stands where it stands, or why it does not run."""
    if extension.status == "quarantined":
        return f"taken out: it erred in {extension.consecutive_errors} invocations in a row"
    if extension.status == "paused":
        return "taken out by hand"
    if extension.kind == "sdk" and extension.status == "active":
        return "inside the others, in order of registration"
    return extension.reason


def function_told(function: Function, hooks: Iterable[Hook]) -> dict[str, Any]:
    """One entry of ``functions``: for each hook the names of the extensions, in call order."""
    by_hook: dict[str, list[str]] = {}
    for hook in hooks:
        by_hook.setdefault(hook.name, []).append(hook.extension.name)
    return {
        "name": function.name,
        "model": function.model,
        "trigger": function.trigger.type,
        "extensions": by_hook,
    }


def chain(
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
    function = next((one for one in functions if folded(one.name) == folded(name)), None)
    if function is None:
        names = [one.name for one in functions]
        known = f"The app has: {', '.join(names)}." if names else "The app has no functions."
        raise ExtensionError(f"the app has no function '{name}'", remedy=did_you_mean(name, names) or known)
    compiled = chains.get(function)
    if compiled is None:
        reason = "no extension has a hook for it" if enabled else "extensions are switched off"
        remedy = "'hosting diag' lists the extensions and the functions that they are for." if enabled else SWITCH_ON
        raise ExtensionError(f"function '{function.name}' has no chain: {reason}", remedy=remedy)
    return {"function": function.name, "form": compiled.form, "source": compiled.source}


def problems_of(extensions: Iterable[Extension]) -> list[Problem]:
    """What the extensions' states say to a person, with the way out."""
    return [problem for extension in extensions for problem in (*_states(extension), *_hints(extension))]


def breaches(extensions: Iterable[Extension]) -> list[Problem]:
    """What ``--strict`` does not let pass: whatever erred, and whatever its author can hardly have meant."""
    return problems_of(one for one in extensions if one.error or one.warnings)


def missing(names: Iterable[str], extensions: Sequence[Extension], enabled: bool) -> list[Problem]:
    """Required extensions that are not there, each with what is known of it."""
    states = {folded(one.name): f"it is {one.status}{f': {one.reason}' * bool(one.reason)}" for one in extensions}
    remedy = "Install or mend it, or take it out of extensionHost.required and HOSTING_REQUIRE."
    if not enabled:
        remedy = SWITCH_ON
    return [
        Problem(
            "error",
            f"Required extension '{name}' is not loaded: {states.get(folded(name), 'it is not installed')}.",
            remedy,
            extension=name,
        )
        for name in names
    ]


def switched_off(extensions: Sequence[Extension]) -> list[Problem]:
    """What would run if extensions were on."""
    names = [extension.name for extension in extensions if extension.reason == OFF]
    if not names:
        return []
    message = f"Extensions are switched off; switched on, these would be activated: {', '.join(names)}."
    return [Problem("warning", message, SWITCH_ON)]


def problem_told(problem: Problem) -> dict[str, Any]:
    """One entry of ``problems``."""
    return {"severity": problem.severity, "message": problem.message, "remedy": problem.remedy}


def _figures(hook: Hook, chains: Sequence[Chain]) -> dict[str, float]:
    """Calls and errors are counted, times are told from the sampled calls."""
    own = hook.statistics
    calls = own.calls + sum(
        chain.runtime.calls(index) for chain in chains for index, step in enumerate(chain.steps) if step is hook
    )
    mean = own.seconds / own.sampled if own.sampled else 0.0
    return {
        "calls": calls,
        "errors": own.errors,
        "total_ms": round(mean * calls * 1000, 6),
        "max_ms": round(own.worst * 1000, 6),
    }


def _states(extension: Extension) -> list[Problem]:
    """What one extension's state is a problem for; nothing where it runs, or does not run as somebody wishes."""
    who, name, error = f"Extension '{extension.name}' ({extension.origin})", extension.name, extension.error
    if extension.status == "quarantined":
        message = f"{who} was taken out: it erred in {extension.consecutive_errors} invocations in a row{_last(error)}."
        remedy = f"Mend it and restart, or POST /admin/extensions/{name}/resume."
        return [Problem("error", message, remedy, file=extension.file, extension=name)]
    if extension.status == "paused":
        remedy = f"POST /admin/extensions/{name}/resume."
        return [Problem("warning", f"{who} was taken out by hand.", remedy, file=extension.file, extension=name)]
    if extension.status == "blocked":
        remedy = f"Add {extension.distribution} to HOSTING_ALLOW, or uninstall it."
        return [Problem("warning", f"{who} was not loaded: {extension.reason}.", remedy, extension=name)]
    if error is None:
        return []
    if extension.status == "failed":
        message = f"{who} is not running: {error.phase} failed: {error.type}: {error.message}"
        return [Problem("error", message, _remedy(extension, error), file=extension.file, extension=name)]
    what = f"{error.hook or error.phase} failed{_where(error)}: {error.type}: {error.message}"
    remedy = error.remedy or "Mend the extension, or tell its author; the traceback is in the log and in 'error'."
    return [Problem("warning", f"{who}: {what}", remedy, file=extension.file, extension=name)]


def _hints(extension: Extension) -> list[Problem]:
    who = f"Extension '{extension.name}' ({extension.origin})"
    return [
        Problem("warning", f"{who}: {what}.", remedy, extension=extension.name) for what, remedy in extension.warnings
    ]


def _last(error: Failure | None) -> str:
    return f"; the last time in {error.hook or error.phase}: {error.type}: {error.message}" if error else ""


def _where(error: Failure) -> str:
    return f" for function '{error.function}'" if error.function else ""


def _remedy(extension: Extension, error: Failure) -> str:
    if error.remedy:
        return error.remedy
    if error.type == "ModuleNotFoundError":
        return "Install the missing module where the host runs, or mend the entry point or the import."
    return f"Mend or uninstall it, or switch it off: HOSTING_DISABLE={extension.name}."


def _version(package: str) -> str | None:
    from importlib_metadata import PackageNotFoundError, version  # a start has no time for it

    try:
        return version(package)
    except PackageNotFoundError:
        return None
