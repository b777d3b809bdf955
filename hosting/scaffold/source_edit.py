"""Adding a function to the file of a v2 app without changing the rest of the file."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from hosting.errors import HostingError

_SDK = "azure.functions"
_DURABLE = "azure.durable_functions"
_BYTE_ORDER_MARK = "\ufeff"
"""The first character of files from some editors on Windows."""
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")
"""A line as Python counts lines: ``str.splitlines`` would also split at form feeds and other separators."""


class Script(NamedTuple):
    """A file that declares functions with decorators."""

    name: str
    text: str
    tree: ast.Module
    app: str
    """The name of its FunctionApp."""
    func: str
    """The name by which it imports ``azure.functions``."""

    @property
    def names_in_use(self) -> frozenset[str]:
        """The names at module level, which a new function would replace."""
        return frozenset({"logging", *_bound_names(self.tree)})

    @property
    def durable(self) -> str:
        """The name by which it imports the SDK of Durable Functions; empty if it does not."""
        return next(_sdk_names(self.tree, _DURABLE), "")

    def with_durable_function(self, code: str) -> str:
        """Return the text with a durable function at its end, and with the imports that are missing.

        Args:
            code: the function; its lines end with a line feed.
        """
        body, end = self.text.removeprefix(_BYTE_ORDER_MARK), line_end(self.text)
        lines = _LINE.findall(body + end)
        imports, added = _own_imports(self.tree), list[tuple[int, str]]()
        if not self.durable:
            first = min(node.lineno for node in self.tree.body if any(_sdk_names(ast.Module([node], []))))
            added.append((first - 1, f"import {_DURABLE} as df\n"))
        if not any(map(_is_standard, imports)):
            added.append((imports[0].lineno - 1, "\n"))
        added += _missing_imports(self.tree, {"collections.abc": "Generator", "typing": "Any"})
        for place, text in sorted(added, key=lambda one: one[0], reverse=True):
            lines.insert(place, text.replace("\n", end))
        return self._joined(lines, code)

    def _joined(self, lines: list[str], code: str) -> str:
        mark = _BYTE_ORDER_MARK if self.text.startswith(_BYTE_ORDER_MARK) else ""
        return mark + "".join(lines).rstrip("\r\n") + f"\n\n\n{code}".replace("\n", line_end(self.text))

    def with_function(self, code: str) -> str:
        """Return the text with a function at its end, and with ``import logging`` if that is missing.

        Args:
            code: the function; its lines end with a line feed.
        """
        body, end = self.text.removeprefix(_BYTE_ORDER_MARK), line_end(self.text)
        lines = _LINE.findall(body + end)
        if not any(alias.name == "logging" and not alias.asname for alias in _imported(self.tree)):
            _insert_logging(lines, self.tree, end)
        return self._joined(lines, code)


def line_end(text: str) -> str:
    """Return how the lines of a text end: with CR LF if the first line does, else with LF."""
    return "\r\n" if text.partition("\n")[0].endswith("\r") else "\n"


def read_script(name: str, content: bytes) -> Script:
    """Parse the file of a v2 app.

    Args:
        name: the file's name, for messages.
        content: the whole file.

    Raises:
        HostingError: the file is not valid Python, or a function cannot be added to it.
    """
    try:
        text = content.decode("utf-8")
        tree = ast.parse(content)
    except (UnicodeDecodeError, SyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise HostingError(f"{error}", remedy="Correct the file first.", file=name, line=line) from error
    app = next(_app_names(tree), None)
    func = next(_sdk_names(tree), None)
    if app is None or func is None:
        missing = f"import {_SDK} as func" if func is None else "app = func.FunctionApp()"
        message = f"the function cannot be added: there is no '{missing}' at module level"
        raise HostingError(message, remedy="Add that line.", file=name)
    return Script(name, text, tree, app, func)


def _app_names(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case (
                ast.Assign(targets=[ast.Name(name)], value=value) | ast.AnnAssign(target=ast.Name(name), value=value)
            ) if _creates_app(value):
                yield name


def _creates_app(value: ast.expr | None) -> bool:
    """Return whether an expression is ``func.FunctionApp()``, or that in ``hosting.extend(...)``."""
    match value:
        case ast.Call(func=called, args=[ast.Call() as inner, *_]) if ast.unparse(called).endswith("extend"):
            return _creates_app(inner)
        case ast.Call(func=called):
            return ast.unparse(called).endswith(("FunctionApp", "DFApp"))
    return False


def _sdk_names(tree: ast.Module, sdk: str = _SDK) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.Import(names=names):
                yield from (alias.asname or alias.name for alias in names if alias.name == sdk)
            case ast.ImportFrom(module="azure", names=names):
                yield from (alias.asname or alias.name for alias in names if f"azure.{alias.name}" == sdk)


def _bound_names(node: ast.AST) -> Iterator[str]:
    """Yield the names that a module binds; functions and classes have namespaces of their own."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
                continue
            case ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name.partition(".")[0]
        yield from _bound_names(child)


def _imported(tree: ast.Module) -> Iterator[ast.alias]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from node.names


def _missing_imports(tree: ast.Module, names: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Yield where the import of each name from its module belongs, and its lines; nothing for imports that are there.

    What has one place is inserted before what was inserted there, so that later modules come first.
    """
    imports = _own_imports(tree)
    sources = [node for node in imports if isinstance(node, ast.ImportFrom) and _is_standard(node)]
    plain = [node for node in imports if isinstance(node, ast.Import) and _is_standard(node)]
    for module, name in sorted(names.items(), reverse=True):
        same = [node for node in sources if node.module == module]
        if any(name == (alias.asname or alias.name) for node in same for alias in node.names):
            continue
        before = plain + [node for node in sources if (node.module or "") <= module]
        text = f"from {module} import {name}\n"
        if before:
            yield max(node.end_lineno or node.lineno for node in before), text
        else:
            yield (sources or imports)[0].lineno - 1, text


def _own_imports(tree: ast.Module) -> list[ast.Import | ast.ImportFrom]:
    """Return the imports of a module, without those from ``__future__``."""
    return [
        node
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__"
    ]


def _insert_logging(lines: list[str], tree: ast.Module, end: str) -> None:
    """Insert ``import logging`` where it belongs among sorted imports of the standard library."""
    imports = _own_imports(tree)
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
