"""The code of an extension: entry points, hooks, and what it does when it is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hosting._text import closest
from hosting.check.extension.project import MANIFEST, ExtensionProject
from hosting.check.report import Finding, finding
from hosting.check.source.blocking import blocking_calls
from hosting.check.source.modules import Source
from hosting.extensions.diagnostics.inspection import known_hooks

_ALIKE = 0.85
"""How alike two names are that one is taken for the other, misspelt: 1 for the same."""

FORMER: Mapping[str, str] = {"post_load_app_level": "post_function_load_app_level"}
"""Names that a hook of Azure's interface had once."""

_LOGGER = "Log with the logger that hooks get, or logging.getLogger(__name__)."


def check_code(project: ExtensionProject) -> Iterator[Finding]:
    """Import the extension, and read its source."""
    yield from _probed(project)
    for source in project.sources:
        yield from _near_misses(source)
        yield from _prints(source)
        for name, function, remedy, line in blocking_calls(source):
            yield finding("EXT206", f"{name} blocks in 'async def {function}'", remedy, source.relative, line)


def _probed(project: ExtensionProject) -> Iterator[Finding]:
    probed = project.probed
    if probed.failure:
        yield finding("EXT201", f"the extension cannot be imported: {probed.failure}", "", MANIFEST)
        return
    for told, entry_point in zip(probed.document["entry_points"], project.read_entry_points, strict=True):
        if told["error"]:
            yield _failed(project, told, entry_point.line)
        for message, remedy in told["warnings"]:
            yield finding("EXT203", message, remedy, *_defined(project, message))
    if printed := probed.printed.strip():
        yield finding("EXT204", f"importing it prints {printed.splitlines()[0][:60]!r}", _LOGGER, MANIFEST)
    if handlers := probed.document["handlers"]:
        remedy = "Leave handlers to the host: take logging.basicConfig and addHandler out."
        yield finding("EXT205", f"importing it adds {', '.join(handlers)} to the root logger", remedy, MANIFEST)


def _failed(project: ExtensionProject, told: Mapping[str, Any], line: int | None) -> Finding:
    error = told["error"]
    named = f"{told['name']} = {told['value']!r}"
    if told["phase"] == "import":
        remedy = error["remedy"] or "Correct the value, MODULE or MODULE:ATTRIBUTE, or install what it needs."
        place = _place(project, error["file"], error["line"]) or (MANIFEST, line)
        return finding("EXT201", f"the entry point {named} does not resolve: {error['message']}", remedy, *place)
    return finding(
        "EXT202", f"{told['name']}: {error['message']}", error["remedy"], *_defined(project, error["message"], line)
    )


def _place(project: ExtensionProject, file: str | None, line: int | None) -> tuple[str, int | None] | None:
    if file is None:
        return None
    path = Path(file)
    return (path.relative_to(project.root).as_posix() if path.is_relative_to(project.root) else file), line


def _defined(project: ExtensionProject, message: str, otherwise: int | None = None) -> tuple[str, int | None]:
    """Where the function is that a message of the host quotes first; else the entry point."""
    quoted = message.split("'")[1:2]
    for source in project.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in quoted:
                return source.relative, node.lineno
    return MANIFEST, otherwise


def _near_misses(source: Source) -> Iterator[Finding]:
    """Functions whose name is nearly a hook's; hooks of one word are too common words to tell."""
    hooks = [name for name in known_hooks() if "_" in name]
    for body in (source.tree.body, *(node.body for node in ast.walk(source.tree) if isinstance(node, ast.ClassDef))):
        for node in body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name in hooks:
                continue
            meant = FORMER.get(node.name) or closest(node.name, hooks, cutoff=_ALIKE)
            if meant and not _is_marked(source, node) and not node.name.startswith("_"):
                remedy = f"Did you mean {meant!r}? Mark it with @hosting.hookimpl; or call it something else."
                yield finding("EXT203", f"{node.name!r} is no hook", remedy, source.relative, node.lineno)


def _is_marked(source: Source, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Of a marked function the host itself says what is wrong."""
    decorators = [one.func if isinstance(one, ast.Call) else one for one in node.decorator_list]
    return any(source.named(one).endswith("hookimpl") for one in decorators)


def _prints(source: Source) -> Iterator[Finding]:
    for name, call in source.calls():
        if name == "print":
            yield finding("EXT204", "print writes to the app's standard output", _LOGGER, source.relative, call.lineno)
