"""A v2 app's file: what a new function must know of it, and the file with that function added."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from typing import NamedTuple

from hosting.errors import HostingError

_AZURE = "azure.functions"


class Script(NamedTuple):
    """A file that declares functions with decorators."""

    name: str
    text: str
    tree: ast.Module
    app: str
    """What the file calls its FunctionApp."""
    func: str
    """What the file calls the module ``azure.functions``."""

    @property
    def taken(self) -> frozenset[str]:
        """Names that a new function would overwrite."""
        return frozenset(_bound(self.tree.body))

    def with_function(self, code: str) -> str:
        """The file's text with a function at its end, and with the import of logging that it needs."""
        lines = self.text.splitlines()
        if not any(alias.name == "logging" and not alias.asname for alias in _imported(self.tree)):
            _insert_logging(lines, self.tree)
        text = "\n".join(lines).rstrip("\n") + "\n\n\n" + code
        return text.replace("\n", "\r\n") if "\r\n" in self.text else text


def read_script(name: str, content: bytes) -> Script:
    """Read a v2 app's file.

    Args:
        name: of the file, for messages.
        content: the whole file.

    Raises:
        HostingError: it is no Python, or a function cannot be added to it.
    """
    try:
        text = content.decode("utf-8")
        tree = ast.parse(content)
    except (UnicodeDecodeError, SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise HostingError(f"{error}", remedy="Correct the file first.", file=name, line=line) from error
    app = next(_apps(tree), None)
    func = next(_azure(tree), None)
    if app is None or func is None:
        missing = f"import {_AZURE} as func" if func is None else "app = func.FunctionApp()"
        raise HostingError(
            f"no function can be added: there is no '{missing}' at module level", remedy="Add that line.", file=name
        )
    return Script(name, text, tree, app, func)


def _apps(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(name)], value=ast.Call(func=made))
                | ast.AnnAssign(target=ast.Name(name), value=ast.Call(func=made))
            ) if ast.unparse(made).endswith(("FunctionApp", "DFApp")):
                yield name


def _azure(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.Import(names=names):
                yield from (alias.asname or alias.name for alias in names if alias.name == _AZURE)
            case ast.ImportFrom(module="azure", names=names):
                yield from (alias.asname or alias.name for alias in names if alias.name == "functions")


def _bound(body: list[ast.stmt]) -> Iterator[str]:
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id
            elif isinstance(node, ast.alias):
                yield (node.asname or node.name).partition(".")[0]
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name


def _imported(tree: ast.Module) -> Iterator[ast.alias]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from node.names


def _insert_logging(lines: list[str], tree: ast.Module) -> None:
    """Put the import where the sorted imports of the standard library have it."""
    imports = [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
    ]
    plain = [node for node in imports if isinstance(node, ast.Import) and _is_standard(node)]
    before = [node for node in plain if node.names[0].name < "logging"]
    if before:
        lines.insert(before[-1].end_lineno or before[-1].lineno, "import logging")
    else:
        standard = any(map(_is_standard, imports))
        lines[imports[0].lineno - 1 : imports[0].lineno - 1] = (
            ["import logging"] if standard else ["import logging", ""]
        )


def _is_standard(node: ast.Import | ast.ImportFrom) -> bool:
    module = node.names[0].name if isinstance(node, ast.Import) else node.module or "."
    return module.partition(".")[0] in sys.stdlib_module_names
