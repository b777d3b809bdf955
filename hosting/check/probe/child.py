"""Inside the probing process: load, and tell what the host says."""

from __future__ import annotations

import logging
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hosting.apps.expansion import AppSettings
from hosting.core import Binding, Function, Problem
from hosting.errors import HostingError
from hosting.extensions import HOOK_GROUPS

STORAGE = "AzureWebJobsStorage"
STORED = frozenset({"blob", "blobtrigger", "queue", "queuetrigger", "table"})
"""Binding types that connect with the app's own storage unless they say otherwise."""


def app(root: Path) -> dict[str, Any]:
    """Load the app; its functions, and every problem that the host has with it."""
    from hosting.host.function_host import FunctionHost
    from hosting.host.process import enter

    logging.getLogger("hosting").addHandler(logging.NullHandler())
    host = FunctionHost(root)
    try:
        enter(root)
        host.load()
    except HostingError as error:
        return {"error": _error(error), "problems": [], "functions": []}
    told = [Problem(*(problem[key] for key in ("severity", "message", "remedy"))) for problem in _extensions(host)]
    return {
        "error": None,
        "problems": [problem._asdict() for problem in (*host.problems, *told)],
        "functions": [_function(function, AppSettings(host.environ)) for function in host.functions],
    }


def extension(root: Path, entry_points: Sequence[tuple[str, str, str]]) -> dict[str, Any]:
    """Import what the entry points name, and register it as the host does."""
    sys.path[:0] = [str(folder) for folder in (root / "src", root) if folder.is_dir()]
    before = list(logging.getLogger().handlers)
    told = [_entry_point(root, *one) for one in entry_points]
    added = [type(handler).__name__ for handler in logging.getLogger().handlers if handler not in before]
    return {"entry_points": told, "handlers": added}


def _extensions(host: Any) -> list[dict[str, Any]]:
    """What is wrong with extensions, where they are switched on; that they are not is no problem of the app."""
    problems: list[dict[str, Any]] = host.extensions.diagnosis()["problems"] if host.extensions.enabled else []
    return problems


def _function(function: Function, settings: AppSettings) -> dict[str, Any]:
    return {
        "name": function.name,
        "model": function.model,
        "file": function.file,
        "unprovided": [binding.type for binding in function.bindings if not _is_provided(binding.type)],
        "unset": [name for name in map(_connection, function.bindings) if name and not _is_set(name, settings)],
        "types": [binding.type for binding in function.bindings],
    }


def _connection(binding: Binding) -> str | None:
    """The setting that a binding connects with, if it does."""
    named = next((str(value) for key, value in binding.properties.items() if key.lower() == "connection"), None)
    return named or (STORAGE if binding.type.lower() in STORED else None)


def _is_set(name: str, settings: AppSettings) -> bool:
    """Whether a connection is there: as one text, under its longer name, or as settings of an identity."""
    return any(settings.get(one) for one in (name, f"AzureWebJobs{name}")) or bool(settings.section(name))


def _is_provided(kind: str) -> bool:
    from hosting.bindings.registry import BUILT_IN, GROUP
    from hosting.extensions import installed_entry_points

    names = {entry.name.lower() for entry in installed_entry_points().select(group=GROUP)}
    return kind.lower() in names or kind.lower() in BUILT_IN


def _error(error: HostingError) -> dict[str, Any]:
    return {"message": error.message, "remedy": error.remedy, "file": error.file, "line": error.line}


def _entry_point(root: Path, group: str, name: str, value: str) -> dict[str, Any]:
    from importlib_metadata import EntryPoint

    told: dict[str, Any] = {"group": group, "name": name, "value": value, "hooks": [], "warnings": [], "error": None}
    try:
        target = EntryPoint(name, value, group).load()
        return {**told, **(_registered(group, name, target) if group in HOOK_GROUPS else _factory(target))}
    except BaseException as error:  # noqa: BLE001 - it is the author's code, and may raise anything
        file, line = _place(error, root)
        reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return {**told, "phase": "import", "error": {"message": reason, "remedy": "", "file": file, "line": line}}


def _factory(target: Any) -> dict[str, Any]:
    """What groups of other interfaces name is called with the host's services."""
    if callable(target):
        return {}
    found = f"it names {type(target).__name__}, which cannot be called"
    remedy = "Name a class or a function that takes the host's services."
    return {"phase": "contract", "error": {"message": found, "remedy": remedy, "file": None, "line": None}}


def _registered(group: str, name: str, target: Any) -> dict[str, Any]:
    from hosting.extensions.diagnostics.inspection import examine

    found = examine(name, group, target)
    told: dict[str, Any] = {"hooks": found.hooks, "warnings": found.warnings}
    return told if found.error is None else {**told, "phase": "contract", "error": _error(found.error)}


def _place(error: BaseException, root: Path) -> tuple[str | None, int | None]:
    """The innermost line of the project's own code that raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [place for place in frames if place[0].startswith(str(root) + os.sep)]
    return own[-1] if own else (None, None)
