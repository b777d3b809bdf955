"""The work of the process: load an app or an extension, and report what the host says about it."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting.app_settings import AppSettings
from hosting.core import Binding, Function, Problem
from hosting.errors import HostingError
from hosting.extensions import COMMANDS, HOOK_GROUPS

if TYPE_CHECKING:
    from hosting.host.missing_options import MissingOptions

STORAGE = "AzureWebJobsStorage"
STORAGE_TYPES = frozenset({"blob", "blobtrigger", "queue", "queuetrigger", "table"})
"""Binding types that use the app's own storage unless they name a connection."""


def app(root: Path) -> dict[str, Any]:
    """Load the app in a folder in this process, without serving it.

    Returns:
        ``error``, why it does not load, or None; ``problems``, what the host reports; ``functions``; and ``uses``, the
        extensions that it uses.
    """
    from hosting.host.function_host import FunctionHost
    from hosting.host.process import enter

    logging.getLogger("hosting").addHandler(logging.NullHandler())
    host_logger("extensions").addHandler(logging.StreamHandler())  # it names one that hangs
    host = FunctionHost(root)
    try:
        enter(root)
        host.load()
    except HostingError as error:
        uses = host.extensions.uses() if hasattr(host, "extensions") else {}
        return {"error": _error(error), "problems": [], "functions": [], "uses": uses}
    problems = [Problem(one["severity"], one["message"], one["remedy"]) for one in _extension_problems(host)]
    return {
        "error": None,
        "problems": [problem._asdict() for problem in (*host.problems, *problems) if problem not in host.replacements],
        "functions": [function_document(function, host.environ, host.missing) for function in host.functions],
        "uses": host.extensions.uses(),
    }


def extension(root: Path, entry_points: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Import entry points of the project in a folder in this process, and validate them as the host does.

    Args:
        root: the project's folder.
        entry_points: group, name and value of each.

    Returns:
        ``entry_points``, a result for each, and ``handlers``, the classes of log handlers that the import added.
    """
    sys.path[:0] = [str(folder) for folder in (root / "src", root) if folder.is_dir()]
    before = list(logging.getLogger().handlers)
    results = [_import_entry_point(root, *one) for one in entry_points]
    added = [type(handler).__name__ for handler in logging.getLogger().handlers if handler not in before]
    return {"entry_points": results, "handlers": added}


def _extension_problems(host: Any) -> list[dict[str, Any]]:
    """Return the problems of extensions; none if extensions are switched off, which is not an error of the app."""
    problems: list[dict[str, Any]] = host.extensions.diagnosis()["problems"] if host.extensions.enabled else []
    return problems


def function_document(
    function: Function, environ: Mapping[str, str], missing: MissingOptions | None = None
) -> dict[str, Any]:
    """Return what the checks need to know about a function: its bindings, and what this machine lacks for them."""
    from hosting.bindings.registry import missing_provider_remedy

    settings = AppSettings(environ)
    needed = [
        binding
        for binding in function.bindings
        if _is_provided(binding.type, environ) or not (missing and missing.replaces(function, binding))
    ]
    return {
        "name": function.name,
        "model": function.model,
        "file": function.file,
        "unprovided": {
            binding.type: missing_provider_remedy(binding)
            for binding in needed
            if not _is_provided(binding.type, environ)
        },
        "unset": [name for name in map(_connection, needed) if name and not _is_set(name, settings)],
        "types": [binding.type for binding in function.bindings],
    }


def _connection(binding: Binding) -> str | None:
    """Return the name of the setting with a binding's connection; None if it has no connection."""
    named = next((str(value) for key, value in binding.properties.items() if key.lower() == "connection"), None)
    return named or (STORAGE if binding.type.lower() in STORAGE_TYPES else None)


def _is_set(name: str, settings: AppSettings) -> bool:
    """Return whether a connection is set: as a string, also with ``AzureWebJobs`` before it, or as an identity."""
    return any(settings.get(one) for one in (name, f"AzureWebJobs{name}")) or bool(settings.section(name))


def _is_provided(kind: str, environ: Mapping[str, str]) -> bool:
    from hosting.bindings.registry import BUILT_IN, GROUP
    from hosting.extensions import installed_entry_points, may_load

    entries = [entry for entry in installed_entry_points() if entry.group == GROUP]
    names = {entry.name.lower() for entry in entries if may_load(entry, environ)}
    return kind.lower() in names or kind.lower() in BUILT_IN


def _error(error: HostingError) -> dict[str, Any]:
    return {"message": error.message, "remedy": error.remedy, "file": error.file, "line": error.line}


def _import_entry_point(root: Path, group: str, name: str, value: str) -> dict[str, Any]:
    from importlib_metadata import EntryPoint

    result: dict[str, Any] = {"group": group, "name": name, "value": value, "hooks": [], "warnings": [], "errors": []}
    try:
        target = EntryPoint(name, value, group).load()
        return {**result, **_validate_target(group, name, target)}
    except BaseException as error:  # noqa: BLE001 - the author's code may raise anything
        file, line = _raising_line(error, root)
        reason = error_text(error).removesuffix(": ")
        error_document = {"message": reason, "remedy": "", "file": file, "line": line}
        return {**result, "phase": "import", "errors": [error_document]}


def _validate_target(group: str, name: str, target: Any) -> dict[str, Any]:
    if group in HOOK_GROUPS:
        return _validate_extension(group, name, target)
    return _validate_command(target) if group == COMMANDS else _validate(target)


def _validate_command(target: Any) -> dict[str, Any]:
    import click  # only a package with commands needs it

    if isinstance(target, click.Command):
        return {}
    message = f"it names an object of type {type(target).__name__}, which is not a Click command"
    remedy = "Decorate the function with @click.command() or @click.group()."
    return {"phase": "contract", "errors": [{"message": message, "remedy": remedy, "file": None, "line": None}]}


def _validate(target: Any) -> dict[str, Any]:
    """Validate the target of a group that is not for extensions: the host calls it with its services."""
    if callable(target):
        return {}
    message = f"it names an object of type {type(target).__name__}, which cannot be called"
    remedy = "Name a class or a function that takes the host's services."
    return {"phase": "contract", "errors": [{"message": message, "remedy": remedy, "file": None, "line": None}]}


def _validate_extension(group: str, name: str, target: Any) -> dict[str, Any]:
    from hosting.extensions.diagnostics.inspection import inspect_target

    found = inspect_target(name, group, target)
    result: dict[str, Any] = {"hooks": found.hooks, "warnings": found.warnings}
    return {**result, "phase": "contract", "errors": list(map(_error, found.errors))}


def _raising_line(error: BaseException, root: Path) -> tuple[str | None, int | None]:
    """Return file and line of the project's own code that raised, the innermost one; None if other code did."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [frame for frame in frames if frame[0].startswith(str(root) + os.sep)]
    return own[-1] if own else (None, None)
