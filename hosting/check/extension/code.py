"""The code of an extension: entry points, hooks, and the side effects of importing it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hosting._text import closest
from hosting.check.extension.project import MANIFEST, ExtensionProject
from hosting.check.report import Finding, finding
from hosting.check.source.modules import Source
from hosting.extensions.diagnostics.inspection import known_hooks

_SIMILARITY = 0.85
"""How similar a function's name must be to that of a hook to count as a misspelling; 1 means equal."""

RENAMED_HOOKS: Mapping[str, str] = {"post_load_app_level": "post_function_load_app_level"}
"""Former names of hooks in Azure's interface."""

_USE_LOGGER = "Use the logger that hooks receive, or logging.getLogger(__name__)."

_Definition = ast.FunctionDef | ast.AsyncFunctionDef


def check_code(project: ExtensionProject) -> Iterator[Finding]:
    """Import the extension in another process, and check its source."""
    yield from _check_import(project)
    for source in project.sources:
        yield from _check_unmarked_hooks(source)


def _check_import(project: ExtensionProject) -> Iterator[Finding]:
    probe = project.probe
    if probe.failure:
        yield finding("EXT201", f"the extension cannot be imported: {probe.failure}", "", MANIFEST)
        return
    for result, entry_point in zip(probe.document["entry_points"], project.read_entry_points, strict=True):
        for error in result["errors"]:
            yield _entry_point_error(project, result, error, entry_point.line)
        for message, remedy in result["warnings"]:
            yield finding("EXT203", message, remedy, *_definition(project, message))
    if printed := probe.printed.strip():
        yield finding("EXT204", f"importing it prints {printed.splitlines()[0][:60]!r}", _USE_LOGGER, MANIFEST)
    if handlers := probe.document["handlers"]:
        remedy = "Remove logging.basicConfig and addHandler: the host adds handlers."
        yield finding("EXT205", f"importing it adds {', '.join(handlers)} to the root logger", remedy, MANIFEST)


def _entry_point_error(
    project: ExtensionProject, result: Mapping[str, Any], error: Mapping[str, Any], line: int | None
) -> Finding:
    if result["phase"] == "import":
        message = f"the entry point {result['name']} = {result['value']!r} cannot be imported: {error['message']}"
        remedy = error["remedy"] or "Correct the value, MODULE or MODULE:ATTRIBUTE, or install what it needs."
        location = _location(project, error["file"], error["line"]) or (MANIFEST, line)
        return finding("EXT201", message, remedy, *location)
    location = _definition(project, error["message"], line)
    return finding("EXT202", f"{result['name']}: {error['message']}", error["remedy"], *location)


def _location(project: ExtensionProject, file: str | None, line: int | None) -> tuple[str, int | None] | None:
    if file is None:
        return None
    path = Path(file)
    return (path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else file), line


def _definition(project: ExtensionProject, message: str, default: int | None = None) -> tuple[str, int | None]:
    """Return file and line of the definition of what a message quotes first, or else of the entry point.

    Args:
        project: the project.
        message: a message of the host's validation.
        default: the line of the entry point.
    """
    quoted = message.split("'")[1:2]
    for source in project.sources:
        for node in ast.walk(source.tree):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    names = [name]
                case ast.Assign(targets=targets):
                    names = [target.id for target in targets if isinstance(target, ast.Name)]
                case _:
                    continue
            if any(name in quoted for name in names):
                return source.relative, node.lineno
    return MANIFEST, default


def _check_unmarked_hooks(source: Source) -> Iterator[Finding]:
    """Report functions that are named like a hook; hooks of one word, such as ``init``, are too common as names."""
    hooks = [name for name in known_hooks() if "_" in name]
    for node in _functions_and_methods(source):
        hook = RENAMED_HOOKS.get(node.name) or closest(node.name, hooks, cutoff=_SIMILARITY)
        if hook and node.name not in hooks and not _is_marked(source, node) and not node.name.startswith("_"):
            remedy = f"Did you mean {hook!r}? Mark it with @hosting.hookimpl, or rename the function."
            yield finding("EXT203", f"{node.name!r} is not a hook", remedy, source.relative, node.lineno)


def _functions_and_methods(source: Source) -> Iterator[_Definition]:
    """Yield the functions at module level and the methods of classes."""
    classes = (node.body for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))
    for body in (source.tree.body, *classes):
        yield from (node for node in body if isinstance(node, _Definition))


def _is_marked(source: Source, node: _Definition) -> bool:
    """Return whether a function is marked as a hook: the host's own validation covers those."""
    decorators = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
    return any(source.qualified_name(one).endswith("hookimpl") for one in decorators)
