"""The functions of an app, read from its source without running it: fast and safe enough for shell completion."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from hosting.apps.v1 import function_folders

_OTHER_TRIGGERS = frozenset({"route", "schedule"})


def function_names(root: Path) -> list[str]:
    """Return the names of an app's functions: its v1 folders, and the decorated functions of its v2 files.

    A file that is not valid Python is skipped. The names are sorted, ignoring case.
    """
    names = {folder.name for folder in function_folders(root)}
    for script in root.glob("*.py"):
        tree = syntax_tree(script)
        if tree is not None:
            names.update(declared_names(tree))
    return sorted(names, key=str.lower)


def syntax_tree(script: Path) -> ast.Module | None:
    """Return the syntax tree of a file, or None if the file cannot be read or is not valid Python."""
    try:
        return ast.parse(script.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return None


def declared_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names of the functions that a v2 file declares, by their decorators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [one for one in node.decorator_list if isinstance(one, ast.Call)]
            if any(_is_trigger(call) for call in calls):
                yield next(filter(None, map(_given_name, calls)), node.name)


def _is_trigger(call: ast.Call) -> bool:
    name = _method(call)
    return name in _OTHER_TRIGGERS or name.endswith("_trigger")


def _given_name(call: ast.Call) -> str | None:
    if _method(call) != "function_name":
        return None
    values = [*call.args, *(keyword.value for keyword in call.keywords)]
    match values:
        case [ast.Constant(value=str(name))]:
            return name
    return None


def _method(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""
