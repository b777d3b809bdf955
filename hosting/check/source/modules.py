"""The Python files of a project, read once, and what they import and define."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

NOT_OURS = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_OPTIONAL = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


class Import(NamedTuple):
    """A module that a file imports when it runs: ``name`` with its dots, as far as the statement tells."""

    name: str
    line: int

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


class Source:
    """One Python file.

    Args:
        path: where it is.
        root: the folder that ``relative`` starts from.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.relative = path.relative_to(root).as_posix()

    @cached_property
    def tree(self) -> ast.Module:
        """The file parsed; empty where it is no Python, which whoever imports it says better."""
        try:
            return ast.parse(self.path.read_bytes(), str(self.path))
        except (SyntaxError, ValueError, OSError):
            return ast.Module(body=[], type_ignores=[])

    @cached_property
    def imports(self) -> list[Import]:
        """What the file needs: absolute imports, but for those of type checkers and those in ``try``."""
        return list(_imports(self.tree.body))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name stands for, as ``module`` or ``module.name``, wherever it is imported."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {one.asname or one.name.partition(".")[0]: one.name for one in node.names if one.asname}
                found |= {
                    one.name.partition(".")[0]: one.name.partition(".")[0] for one in node.names if not one.asname
                }
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        return found

    def named(self, node: ast.expr) -> str:
        """What an expression names, its first part looked up among the imports; empty for what is no name."""
        first, _, rest = _dotted(node).partition(".")
        whole = self.aliases.get(first, first)
        return f"{whole}.{rest}" if rest else whole

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Every call of something with a name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (name := self.named(node.func)):
                yield name, node


def read_sources(root: Path, folder: Path, skip: Callable[[str], bool]) -> list[Source]:
    """The Python files below ``folder``, by path.

    Args:
        root: the folder that paths are told from.
        folder: where to look.
        skip: whether to leave out a path, relative to ``root``; a folder's ends with a slash.
    """
    return [Source(path, root) for path in files_below(root, folder, skip) if path.suffix == ".py"]


def files_below(root: Path, folder: Path, skip: Callable[[str], bool]) -> list[Path]:
    """All files below ``folder`` but those of hidden folders, virtual environments and what tools make.

    Links that lead nowhere, pipes and devices are none.
    """
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        here = Path(place)
        folders[:] = [
            name
            for name in folders
            if not is_foreign(here / name) and not skip((here / name).relative_to(root).as_posix() + "/")
        ]
        found += [here / name for name in files if not skip((here / name).relative_to(root).as_posix())]
    return sorted(path for path in found if path.is_file())


def is_foreign(folder: Path) -> bool:
    """Whether a folder is hidden, is made by a tool, or is a virtual environment."""
    return folder.name.startswith(".") or folder.name in NOT_OURS or (folder / "pyvenv.cfg").is_file()


def _imports(body: list[ast.stmt]) -> Iterator[Import]:
    for node in body:
        match node:
            case ast.Import():
                yield from (Import(one.name, node.lineno) for one in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield from (Import(f"{module}.{one.name}", node.lineno) for one in node.names)
            case ast.If() if _is_for_types(node.test):
                yield from _imports(node.orelse)
            case ast.Try() if _is_optional(node):
                yield from _imports([*node.orelse, *node.finalbody])
            case _:
                yield from _imports([one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)])
                yield from _imports([one for part in _clauses(node) for one in part])


def _clauses(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Statements inside those children of a statement that are none themselves."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler | ast.match_case):
            yield child.body


def _is_for_types(test: ast.expr) -> bool:
    return _dotted(test).rpartition(".")[2] == "TYPE_CHECKING"


def _is_optional(node: ast.Try) -> bool:
    """Whether a ``try`` lives with a module that is not there."""
    kinds = [name for handler in node.handlers for name in _caught(handler)]
    return any(name in _OPTIONAL for name in kinds)


def _caught(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "Exception"
    elif isinstance(handler.type, ast.Tuple):
        yield from map(_dotted, handler.type.elts)
    else:
        yield _dotted(handler.type)


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute) if inner := _dotted(value):
            return f"{inner}.{attribute}"
        case _:
            return ""
