"""A v2 app's file: what a new function must know of it, and the file with that function added."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from typing import NamedTuple

from hosting.errors import HostingError

_AZURE = "azure.functions"
_MARK = "\ufeff"
"""What editors on Windows begin a file with."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
"""As Python counts lines, for which a form feed, say, is not the end of one."""


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
        return frozenset({"logging", *_bound(self.tree)})

    def with_function(self, code: str) -> str:
        """The file's text with a function at its end, and with the import of logging that it needs."""
        body, end = self.text.removeprefix(_MARK), line_end(self.text)
        lines = _LINE.findall(body + end)
        if not any(alias.name == "logging" and not alias.asname for alias in _imported(self.tree)):
            _insert_logging(lines, self.tree, end)
        mark = self.text[: len(self.text) - len(body)]
        return mark + "".join(lines).rstrip("\r\n") + f"\n\n\n{code}".replace("\n", end)


def line_end(text: str) -> str:
    """How the lines of a file end: as on Windows if its first one does."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def read_script(name: str, content: bytes) -> Script:
    """Read a v2 app's file.

    Args:
        name: of the file, for messages.
        content: the whole file.

    Raises:
        HostingError: it is not valid Python, or a function cannot be added to it.
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
                ast.Assign(targets=[ast.Name(name)], value=value) | ast.AnnAssign(target=ast.Name(name), value=value)
            ) if _makes_app(value):
                yield name


def _makes_app(value: ast.expr | None) -> bool:
    """Whether this is ``func.FunctionApp()``, or that in ``hosting.extend(...)``."""
    match value:
        case ast.Call(func=made, args=[ast.Call() as inner, *_]) if ast.unparse(made).endswith("extend"):
            return _makes_app(inner)
        case ast.Call(func=made):
            return ast.unparse(made).endswith(("FunctionApp", "DFApp"))
    return False


def _azure(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.Import(names=names):
                yield from (alias.asname or alias.name for alias in names if alias.name == _AZURE)
            case ast.ImportFrom(module="azure", names=names):
                yield from (alias.asname or alias.name for alias in names if alias.name == "functions")


def _bound(node: ast.AST) -> Iterator[str]:
    """The names of a module: what stands inside of its functions and classes has names of its own."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
        yield from _bound(child)


def _imported(tree: ast.Module) -> Iterator[ast.alias]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from node.names


def _insert_logging(lines: list[str], tree: ast.Module, end: str) -> None:
    """Put the import where the sorted imports of the standard library have it."""
    imports = [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
    ]
    plain = [node for node in imports if isinstance(node, ast.Import) and _is_standard(node)]
    before = [node for node in plain if node.names[0].name < "logging"]
    if before:
        lines.insert(before[-1].end_lineno or before[-1].lineno, f"import logging{end}")
    else:
        standard = any(map(_is_standard, imports))
        first = imports[0].lineno - 1
        lines[first:first] = [f"import logging{end}"] if standard else [f"import logging{end}", end]


def _is_standard(node: ast.Import | ast.ImportFrom) -> bool:
    module = node.names[0].name if isinstance(node, ast.Import) else node.module or "."
    return module.partition(".")[0] in sys.stdlib_module_names
