"""Remedies for settings that are missing: behind a ``KeyError``, or behind the None that ``os.getenv`` returns."""

from __future__ import annotations

import ast
import contextlib
import inspect
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.util import resolve_name
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

from hosting._text import closest
from hosting.apps.imports import is_app_file
from hosting.apps.remedies.frames import app_frames, importer

_LOOKS_LIKE_SETTING = re.compile(r"[A-Za-z_][A-Za-z0-9_:.-]*")
_SIMILAR = 0.85
_ENVIRONMENTS = frozenset({"os.environ", "environ"})
_EXITS = frozenset({"sys.exit", "exit", "quit"})
_READERS = frozenset({"os.getenv", "getenv", "os.environ.get", "environ.get"})
_ABOUT_SETTINGS = re.compile(r"environment variable|env var|envvar|app setting", re.IGNORECASE)
_CAPITALS = re.compile(r"\b[A-Z][A-Z0-9_]{2,}\b")
_ABOUT_MISSING = re.compile(
    r"missing|required|not set|must be set|unset|not (?:configured|defined|found)", re.IGNORECASE
)
_TWO_WORDS = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b")


def key_remedy(error: KeyError) -> str | None:
    """Return what to do about a variable that the environment does not have; None for the key of another mapping."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    key = error.args[0] if error.args else None
    if frame is not None and frame.tb_frame.f_globals is vars(os):
        return set_remedy(str(key))
    if isinstance(key, str) and key not in os.environ and key.isupper() and _LOOKS_LIKE_SETTING.fullmatch(key):
        return _if_setting(key)
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
    """Return what to do about a setting that an exception names; None if it names none.

    Libraries have codes that look like settings: of theirs, only a message about the environment counts.
    """
    if type(error).__module__.startswith("pydantic") and "pydantic_settings" in sys.modules:
        return _fields_remedy(error)
    text = str(error)
    if _ABOUT_SETTINGS.search(text):
        return next((set_remedy(name) for name in _CAPITALS.findall(text) if name not in os.environ), None)
    names = _TWO_WORDS.findall(text) if _ABOUT_MISSING.search(text) and not importer(error) else []
    return next((_if_setting(name) for name in names if name not in os.environ), None)


def _fields_remedy(error: Any) -> str | None:
    """Return what to do about fields that a settings class of Pydantic requires."""
    missing = [".".join(map(str, one["loc"])) for one in error.errors() if one.get("type") == "missing"]
    if not missing:
        return None
    return (
        f'Set {", ".join(missing)} in "Values" of local.settings.json or in the environment, as {error.title} has it.'
    )


def _if_setting(name: str) -> str:
    return f"If {name!r} is a setting: {set_remedy(name)}"


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
    """Yield the settings that are read by the statement at a line, directly or through what is None."""
    tree = _parsed(file)
    statement = None if tree is None else _statement(tree, line)
    if tree is None or statement is None:
        return
    imported = list(_imported(tree, names))
    sources = _by_name(tree, imported, root)
    condition = _condition(tree, line) if _gives_up(statement) else getattr(statement, "test", None)
    required = [] if condition is None else [*ast.walk(condition)]
    for node in [*_own_nodes(statement), *required]:
        name = _read_setting(node, names) or (_sought_setting(node, names) if node in required else None)
        if name is None and isinstance(node, ast.Name) and names.get(node.id, node) is None:
            name = sources.get(node.id)
        elif name is None:
            name = _of_member(node, names, tree, [module for module, _ in imported], root)
        if name and not os.environ.get(name):
            yield name


def _of_member(
    node: ast.AST, names: Mapping[str, Any], tree: ast.Module, imported: list[ModuleType], root: Path
) -> str | None:
    """Return the setting behind ``owner.KEY`` or ``owner["KEY"]`` that is None.

    The owner is a module of the app, a class, an object or a dictionary.
    """
    match node:
        case ast.Attribute(value=holder, attr=key):
            owner = _value(holder, names)
            value = inspect.getattr_static(owner, key, node)
        case ast.Subscript(value=holder, slice=ast.Constant(value=str(key))):
            owner = _value(holder, names)
            value = owner.get(key, node) if type(owner) is dict else node
        case _:
            return None
    if value is not None:
        return None
    if isinstance(owner, ModuleType):
        trees = [_app_tree(owner, root)]
    else:
        kind = owner if isinstance(owner, type) else type(owner)
        trees = [tree, *(_app_tree(module, root) for module in (sys.modules.get(kind.__module__), *imported))]
    return next((found[key] for one in trees if one is not None and key in (found := _by_member(one))), None)


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    """Return the object of ``a.b.c``, looked up without running code of the app; the node itself if there is none."""
    match node:
        case ast.Name(id=name):
            return names.get(name, node)
        case ast.Attribute(value=holder, attr=attribute):
            return inspect.getattr_static(_value(holder, names), attribute, node)
    return node


def _imported(tree: ast.Module, names: Mapping[str, Any]) -> Iterator[tuple[ModuleType, list[ast.alias]]]:
    """Yield the modules that a file imports, with the names that it imports from them."""
    yield from ((value, []) for value in names.values() if isinstance(value, ModuleType))
    package = names.get("__package__") or ""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            with contextlib.suppress(ImportError):  # it leads out of the package
                module = sys.modules.get(resolve_name(name, package))
                yield from [(module, node.names)] if module is not None else []


def _app_tree(module: ModuleType | None, root: Path) -> ast.Module | None:
    file = getattr(module, "__file__", None)
    return _parsed(file) if file and is_app_file(file, root) else None


def _parsed(file: str) -> ast.Module | None:
    try:
        return ast.parse(Path(file).read_bytes())
    except (OSError, ValueError, SyntaxError):
        return None


def _statement(tree: ast.Module, line: int) -> ast.stmt | None:
    """Return the innermost statement at a line."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.stmt) and _covers(node, line)]
    return max(found, key=lambda node: node.lineno, default=None)


def _gives_up(statement: ast.stmt) -> bool:
    """Return whether a statement raises an exception or ends the process."""
    match statement:
        case ast.Raise():
            return True
        case ast.Expr(value=ast.Call(func=function)):
            return ast.unparse(function) in _EXITS
    return False


def _condition(tree: ast.Module, line: int) -> ast.expr | None:
    """Return the condition of the innermost ``if`` around a line."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.If) and _covers(node, line)]
    return max(found, key=lambda node: node.lineno).test if found else None


def _covers(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without those of the statements inside it."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [one for one in ast.iter_child_nodes(node) if not isinstance(one, ast.stmt | ast.ExceptHandler)]


def _by_name(tree: ast.Module, imported: list[tuple[ModuleType, list[ast.alias]]], root: Path) -> dict[str, str]:
    """Return the settings behind names: ``NAME = os.getenv("SETTING")``, here or in an imported module of the app."""
    found: dict[str, str] = {}
    for module, aliases in imported:
        there = _app_tree(module, root) if aliases else None
        known = {} if there is None else _by_name(there, [], root)
        found |= {one.asname or one.name: known[one.name] for one in aliases if one.name in known}
    own = ((target, _read_setting(value)) for target, value in _assignments(tree))
    return found | {target.id: setting for target, setting in own if isinstance(target, ast.Name) and setting}


def _by_member(tree: ast.Module) -> dict[str, str]:
    """Return the settings behind attributes and keys: of modules, classes, objects and dictionaries."""
    found: dict[str, str] = {}
    for target, value in _assignments(tree):
        key, setting = _key(target), _read_setting(value)
        found |= {key: setting} if key and setting else {}
    return found


def _key(target: ast.AST) -> str | None:
    match target:
        case ast.Name(id=key) | ast.Attribute(attr=key) | ast.keyword(arg=str(key)):
            return key
        case ast.Constant(value=str(key)) | ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
    return None


def _assignments(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.expr]]:
    """Yield what gets a value in a file, and the value: names, attributes, keys and named arguments."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=targets, value=value):
                yield from ((target, value) for target in targets)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                yield target, value
            case ast.Dict(keys=keys, values=values):
                yield from ((key, value) for key, value in zip(keys, values, strict=True) if key is not None)
            case ast.keyword(value=value):
                yield node, value


def _read_setting(node: ast.AST, names: Mapping[str, Any] = MappingProxyType({})) -> str | None:
    """Return the setting that ``os.getenv("NAME")`` or ``os.environ.get("NAME")`` reads without a default.

    Args:
        node: the call.
        names: the values of variables; one of them may have the name.
    """
    match node:
        case ast.Call(func=function, args=[key, *rest], keywords=keywords):
            defaults = [*rest, *(keyword.value for keyword in keywords)]
            is_none = all(isinstance(one, ast.Constant) and one.value is None for one in defaults)
            return _text(key, names) if is_none and ast.unparse(function) in _READERS else None
    return None


def _sought_setting(node: ast.AST, names: Mapping[str, Any]) -> str | None:
    """Return the setting that ``"NAME" not in os.environ`` seeks."""
    match node:
        case ast.Compare(left=key, ops=[ast.In() | ast.NotIn()], comparators=[where]):
            return _text(key, names) if ast.unparse(where) in _ENVIRONMENTS else None
    return None


def _text(node: ast.expr, names: Mapping[str, Any]) -> str | None:
    """Return the text that a constant or a variable is."""
    value = node.value if isinstance(node, ast.Constant) else _value(node, names)
    return value if isinstance(value, str) else None
