"""The Python files of a project: each is parsed once, for what it imports and defines."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

EXCLUDED_FOLDERS = frozenset({"__pycache__", "node_modules", "site-packages", "build", "dist"})
_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})
_CONDITIONS = frozenset(
    {"TYPE_CHECKING", "__name__", "find_spec", "sys.platform", "sys.version_info", "os.name", "platform.system"}
)
"""Names in the condition of an ``if`` whose imports need not succeed in Azure, with or without their module."""


class Import(NamedTuple):
    """An absolute import: ``name`` has all parts that the statement names; ``line`` is counted from 1."""

    name: str
    line: int

    @property
    def top(self) -> str:
        """The top-level name: ``azure`` of ``azure.functions``."""
        return self.name.partition(".")[0]


class Source:
    """One Python file.

    Args:
        path: the file.
        root: the folder that ``relative`` is relative to.
    """

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path
        self.relative = path.relative_to(root).as_posix()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree; empty if the file is not valid Python, which importing it reports better."""
        try:
            return ast.parse(self.path.read_bytes(), str(self.path))
        except (SyntaxError, ValueError, OSError):
            return ast.Module(body=[], type_ignores=[])

    @cached_property
    def imports(self) -> list[Import]:
        """The absolute imports that must succeed.

        Those for type checkers, for other platforms and versions of Python, and for scripts are left out, and so are
        those whose failure is handled.
        """
        return list(_imports(self.tree.body))

    @cached_property
    def aliases(self) -> dict[str, str]:
        """What each imported name refers to, as ``module`` or ``module.name``, wherever in the file it is imported."""
        found: dict[str, str] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for one in node.names:
                    top = one.name.partition(".")[0]
                    found |= {one.asname: one.name} if one.asname else {top: top}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        return found

    def qualified_name(self, node: ast.expr) -> str:
        """Return the dotted name of an expression, with aliases of imports resolved; empty if it is not a name."""
        first, _, rest = _dotted_name(node).partition(".")
        resolved = self.aliases.get(first, first)
        return f"{resolved}.{rest}" if rest else resolved

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield each call of something with a name, and the qualified name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (name := self.qualified_name(node.func)):
                yield name, node


def read_sources(root: Path, folder: Path, skip: Callable[[str], bool]) -> list[Source]:
    """Return the Python files below a folder, sorted by path.

    Args:
        root: the folder that the paths of sources are relative to.
        folder: the folder to search.
        skip: whether to leave out a path, given relative to ``root``; that of a folder ends with a slash.
    """
    return [Source(path, root) for path in list_files(root, folder, skip) if path.suffix == ".py"]


def list_files(root: Path, folder: Path, skip: Callable[[str], bool]) -> list[Path]:
    """Return all files below a folder, sorted by path.

    Hidden folders, virtual environments and folders that tools create are left out, and so are broken links, pipes and
    devices.

    Args:
        root: the folder that the paths given to ``skip`` are relative to.
        folder: the folder to search.
        skip: whether to leave out a path; that of a folder ends with a slash.
    """
    found: list[Path] = []
    for name, folders, files in os.walk(folder):
        current = Path(name)
        folders[:] = [
            one
            for one in folders
            if not is_excluded_folder(current / one) and not skip((current / one).relative_to(root).as_posix() + "/")
        ]
        found += [current / one for one in files if not skip((current / one).relative_to(root).as_posix())]
    return sorted(path for path in found if path.is_file())


def is_excluded_folder(folder: Path) -> bool:
    """Return whether a folder is hidden, created by a tool, or a virtual environment."""
    return folder.name.startswith(".") or folder.name in EXCLUDED_FOLDERS or (folder / "pyvenv.cfg").is_file()


def is_vendored(folder: Path, name: str) -> bool:
    """Return whether a folder of packages has a module, such as ``azure.storage.blob``, or what a name is in.

    Args:
        folder: a folder such as ``site-packages``; it need not exist.
        name: the dotted name of the module, or of something in it.
    """
    for part in name.split("."):
        if (
            any(folder.glob(f"{part}.py"))
            or any(folder.glob(f"{part}.*.so"))
            or (folder / part / "__init__.py").is_file()
        ):
            return True
        folder /= part
    return folder.is_dir()


def _imports(body: list[ast.stmt]) -> Iterator[Import]:
    for node in body:
        match node:
            case ast.Import():
                yield from (Import(one.name, node.lineno) for one in node.names)
            case ast.ImportFrom(module=str(module), level=0):
                yield from (Import(f"{module}.{one.name}", node.lineno) for one in node.names)
            case ast.If() if _is_conditional(node.test):
                yield from _imports(node.orelse if _is_type_checking(node.test) else [])
            case ast.With() | ast.AsyncWith() if any(_suppresses_import_errors(one) for one in node.items):
                pass
            case ast.Try() | ast.TryStar() if _handles_import_errors(node):
                yield from _imports([*node.orelse, *node.finalbody])
            case _:
                yield from _imports([one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt)])
                yield from _imports([one for part in _clause_bodies(node) for one in part])


def _clause_bodies(node: ast.stmt) -> Iterator[list[ast.stmt]]:
    """Yield the statements of each ``except`` and ``case`` clause, which are not statements themselves."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ExceptHandler | ast.match_case):
            yield child.body


def _is_type_checking(test: ast.expr) -> bool:
    return _dotted_name(test).rpartition(".")[2] == "TYPE_CHECKING"


def _is_conditional(test: ast.expr) -> bool:
    names = [_dotted_name(node) for node in ast.walk(test) if isinstance(node, ast.Name | ast.Attribute)]
    return any(name in _CONDITIONS or name.rpartition(".")[2] in _CONDITIONS for name in names)


def _suppresses_import_errors(item: ast.withitem) -> bool:
    match item.context_expr:
        case ast.Call(func=called, args=errors) if _dotted_name(called).rpartition(".")[2] == "suppress":
            return any(_dotted_name(error) in _IMPORT_ERRORS for error in errors)
    return False


def _handles_import_errors(node: ast.Try | ast.TryStar) -> bool:
    return any(name in _IMPORT_ERRORS for handler in node.handlers for name in _handled_exceptions(handler))


def _handled_exceptions(handler: ast.ExceptHandler) -> Iterator[str]:
    if handler.type is None:
        yield "Exception"
    elif isinstance(handler.type, ast.Tuple):
        yield from map(_dotted_name, handler.type.elts)
    else:
        yield _dotted_name(handler.type)


def _dotted_name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute) if inner := _dotted_name(value):
            return f"{inner}.{attribute}"
        case _:
            return ""
