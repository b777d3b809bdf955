"""Remedies for settings that are missing: behind a ``KeyError``, or behind the None that ``os.getenv`` returns."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from hosting._text import closest
from hosting.apps.imports import is_app_file
from hosting.apps.remedies.frames import app_frames

_LOOKS_LIKE_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]*")
_SIMILAR = 0.85
_READERS = frozenset({"os.getenv", "getenv", "os.environ.get", "environ.get"})
_ABOUT_SETTINGS = re.compile(r"environment variable|env var|envvar|app setting", re.IGNORECASE)
_CAPITALS = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")


def key_remedy(error: KeyError) -> str | None:
    """Return what to do about a variable that the environment does not have; None for the key of another mapping."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    key = error.args[0] if error.args else None
    if frame is not None and frame.tb_frame.f_globals is vars(os):
        return set_remedy(str(key))
    if isinstance(key, str) and key not in os.environ and key.isupper() and _LOOKS_LIKE_SETTING.fullmatch(key):
        return f"If {key!r} is a setting: {set_remedy(key)}"
    return None


def none_remedy(error: BaseException, root: Path) -> str | None:
    """Return what to do about a setting that is missing where the app's code failed; None if it reads none there."""
    for frame, line in app_frames(error, root):
        names = {**frame.f_globals, **frame.f_locals}
        missing = sorted(set(_missing(frame.f_code.co_filename, line, names, root)))
        if missing:
            return f"This statement uses a setting that is not set. {' '.join(map(set_remedy, missing))}"
    return None


def named_remedy(error: BaseException) -> str | None:
    """Return what to do about a setting that an exception names; None if it names none."""
    if type(error).__module__.startswith("pydantic") and "pydantic_settings" in sys.modules:
        return _fields_remedy(error)
    text = str(error)
    names = _CAPITALS.findall(text) if _ABOUT_SETTINGS.search(text) else []
    return next((set_remedy(name) for name in names if name not in os.environ), None)


def _fields_remedy(error: Any) -> str | None:
    """Return what to do about fields that a settings class of Pydantic requires."""
    missing = [".".join(map(str, one["loc"])) for one in error.errors() if one.get("type") == "missing"]
    if not missing:
        return None
    return (
        f'Set {", ".join(missing)} in "Values" of local.settings.json or in the environment, as {error.title} has it.'
    )


def set_remedy(name: str) -> str:
    """Return how to set a setting, or which one with a similar name is set."""
    known = [one for one in os.environ if one != name]
    same = next((one for one in known if one.lower() == name.lower()), None)
    if same is not None:
        return f"{same} is set: write the same case in both places, as names in os.environ have one."
    similar = closest(name, known, cutoff=_SIMILAR)
    hint = f" {similar} is set: did you mean that?" if similar else ""
    return f'Set {name} in "Values" of local.settings.json or in the environment.{hint}'


def _missing(file: str, line: int, names: Mapping[str, Any], root: Path) -> Iterator[str]:
    """Yield the settings that are read by the statement at a line, directly or through names that are None."""
    tree = _parsed(file)
    statement = None if tree is None else _statement(tree, line)
    sources = _assigned(tree, root) if tree is not None and statement is not None else {}
    for node in _own_nodes(statement) if statement else ():
        name = _read_setting(node)
        if name is None and isinstance(node, ast.Name) and names.get(node.id, node) is None:
            name = sources.get(node.id)
        elif name is None and isinstance(node, ast.Attribute):
            name = _of_module(node, names, root)
        if name and not os.environ.get(name):
            yield name


def _of_module(node: ast.Attribute, names: Mapping[str, Any], root: Path) -> str | None:
    """Return the setting behind ``config.NAME``, where ``config`` is a module of the app and the name is None."""
    module = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if not isinstance(module, ModuleType) or getattr(module, node.attr, node) is not None:
        return None
    return _settings_of(module, root).get(node.attr)


def _settings_of(module: ModuleType | None, root: Path) -> dict[str, str]:
    file = getattr(module, "__file__", None)
    tree = _parsed(file) if file and is_app_file(file, root) else None
    return {} if tree is None else _assigned(tree, root, follow=False)


def _parsed(file: str) -> ast.Module | None:
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None


def _statement(tree: ast.Module, line: int) -> ast.stmt | None:
    """Return the innermost statement at a line."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and _covers(node, line)]
    return max(found, key=lambda node: node.lineno, default=None)


def _covers(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without those of the statements inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.stmt | ast.ExceptHandler)]


def _assigned(tree: ast.Module, root: Path, *, follow: bool = True) -> dict[str, str]:
    """Return the settings behind names: ``NAME = os.getenv("SETTING")``, here or in an imported module of the app."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=ast.expr() as value):
                setting = _read_setting(value)
                found |= {one.id: setting for one in targets if isinstance(one, ast.Name) and setting}
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                setting = _read_setting(value)
                found |= {name: setting} if setting else {}
            case ast.ImportFrom(module=str(module), names=names) if follow:
                known = _settings_of(sys.modules.get(module), root)
                found |= {one.asname or one.name: known[one.name] for one in names if one.name in known}
    return found


def _read_setting(node: ast.AST) -> str | None:
    """Return the setting that ``os.getenv("NAME")`` or ``os.environ.get("NAME")`` reads without a default."""
    match node:
        case ast.Call(func=function, args=[ast.Constant(value=str(name)), *rest], keywords=keywords):
            defaults = [*rest, *(keyword.value for keyword in keywords)]
            is_none = all(isinstance(one, ast.Constant) and one.value is None for one in defaults)
            return name if is_none and ast.unparse(function) in _READERS else None
    return None
