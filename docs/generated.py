"""Writes the reference pages that are derived from the code, whenever MkDocs builds the site."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import hosting
from hosting import authoring, bindings, core, errors, hookspecs, pytest_plugin, testing
from hosting.apps import expansion
from hosting.azure_worker import extend
from hosting.bindings import expressions, provider, services, storage
from hosting.bindings.http import request, response
from hosting.check.rules import RULES, SECTIONS
from hosting.cli.main import cli
from hosting.testing import builders, factory, fixtures, host, http, recorder, recording, server
from hosting.testing.isolation import trial


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those that people wrote: MkDocs calls this by its name."""
    for address, content in pages().items():
        files.append(File.generated(config, address, content=content))
    return files


def pages() -> dict[str, str]:
    """Give the text of each generated page by its address in the documentation."""
    return {
        "reference/hooks.md": "\n\n".join(_hooks()) + "\n",
        "reference/python.md": "\n\n".join(_python()) + "\n",
        "reference/command-line.md": "\n\n".join(_command_line()) + "\n",
        "reference/bindings.md": "\n\n".join(_bindings()) + "\n",
        "reference/testing.md": "\n\n".join(_testing()) + "\n",
        "reference/checks.md": "\n\n".join(_checks()) + "\n",
    }


def _hooks() -> Iterator[str]:
    source = _Source(hookspecs)
    yield f"# Hooks\n\n{_prose(hookspecs.__doc__)}"
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef):
            implementation = f"@hosting.hookimpl\n{source.signature(node)}"
            yield f"## {node.name}\n\n{_code(implementation)}\n\n{_prose(ast.get_docstring(node))}"


def _python() -> Iterator[str]:
    sources = _Source(authoring), _Source(extend)
    summary, _, _ = str(hosting.__doc__).partition("\n")
    yield f"# Python interface\n\n{summary}"
    for name in hosting.__all__:
        source = next((one for one in sources if one.definitions(name)), sources[0])
        if nodes := source.definitions(name):
            signatures = "\n".join(source.signature(node) for node in nodes[: len(nodes) - 1] or nodes)
            yield f"## hosting.{name}\n\n{_code(signatures)}\n\n{_prose(ast.get_docstring(nodes[-1]))}"


def _bindings() -> Iterator[str]:
    yield f"# Bindings\n\n{_prose(provider.__doc__)}"
    yield "[How to write one](../how-to/write-a-binding.md), [a tutorial](../tutorial/first-trigger.md)."
    for module, names in (
        (provider, ("Provider", "Trigger", "Invoke", "Result", "Resolvable", "Input", "Output")),
        (services, ("Services",)),
        (expansion, ("AppSettings",)),
        (request, ("HttpCall",)),
        (response, ("HttpReply",)),
        (core, ("Function", "Binding", "Problem")),
        (errors, ("FunctionLoadError",)),
        (storage, ("HostStorage", "Lease")),
        (expressions, ("Template", "Expression", "json_data", "merged")),
    ):
        source = _Source(module)
        for name in names:
            yield from source.described(name, "hosting.bindings" if name in bindings.__all__ else module.__name__)


def _testing() -> Iterator[str]:
    yield f"# Testing\n\n{_prose(testing.__doc__)}"
    yield "[How to test an app](../how-to/test-an-app.md), [how to test an extension](../how-to/test-an-extension.md)."
    for module, names in (
        (factory, ("make_host",)),
        (host, ("Host", "AsyncHost", "HostView", "HostRequestOptions", "InvocationFailed")),
        (http, ("RequestOptions", "Reply")),
        (recording, ("Invocation", "Written")),
        (builders, tuple(name for name in testing.__all__ if hasattr(builders, name))),
        (recorder, ("RecordingExtension", "HookCall")),
        (trial, ("assert_isolated",)),
        (server, ("serve", "Server")),
        (fixtures, ("HostFactory", "ServerFactory")),
    ):
        source = _Source(module)
        for name in names:
            yield from source.described(name, "hosting.testing" if name in testing.__all__ else module.__name__)
    yield f"## Fixtures\n\n{_prose(pytest_plugin.__doc__)}"
    for node in _Source(pytest_plugin).tree.body:
        if isinstance(node, ast.FunctionDef):
            yield f"### {node.name}\n\n{_prose(ast.get_docstring(node))}"


def _checks() -> Iterator[str]:
    yield "# Checks\n\nWhat [`hosting check`](../how-to/check-before-you-publish.md) looks for. Codes do not change."
    for beginning, chapter in SECTIONS.items():
        yield f"## {chapter}"
        for code, rule in RULES.items():
            if code.startswith(beginning):
                yield f"### {code}: {rule.title}\n\n*{rule.severity.capitalize()}.* {rule.why}"


def _command_line() -> Iterator[str]:
    yield "# Command line\n\n`hosting` and `python -m hosting` are the same command."
    yield from _command(cli, click.Context(cli, info_name="hosting"))


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _command(inner, click.Context(inner, info_name=name, parent=context))


_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Definition = ast.ClassDef | ast.FunctionDef


class _Source:
    """One module's text, and its definitions as their author wrote them."""

    def __init__(self, module: ModuleType) -> None:
        text = Path(str(module.__file__)).read_text("utf-8")
        self.tree = ast.parse(text)
        self._lines = text.splitlines()

    def definitions(self, name: str) -> list[_Definition]:
        """Find a class or a function by its name: its overloads, if it has any, and at last itself."""
        return [node for node in self.tree.body if isinstance(node, _Definition) and node.name == name]

    def described(self, name: str, module: str) -> Iterator[str]:
        """Give a definition with its docstring, and each public member of a class under a heading of its own."""
        (node,) = self.definitions(name)
        code = self.signature(node) if isinstance(node, ast.FunctionDef) else self._made(node)
        yield f"## {name}\n\n{_code(code)}\n\nIn `{module}`. {_prose(ast.get_docstring(node))}"
        if isinstance(node, ast.ClassDef):
            for title, member, docstring in self._public(node):
                yield f"### {name}.{title}\n\n{_code(member)}\n\n{_prose(docstring)}".rstrip()

    def _made(self, node: ast.ClassDef) -> str:
        """Give the line that begins a class, and what one of it is made of."""
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        made = [self.signature(initial) for initial in _initials(node)]
        if bases == "NamedTuple":
            made = [ast.unparse(field) for field in node.body if isinstance(field, ast.AnnAssign)]
        head = f"class {node.name}({bases})" if bases else f"class {node.name}"
        return "\n".join([head, *(textwrap.indent(one, "    ") for one in made)])

    def _public(self, node: ast.ClassDef) -> Iterator[tuple[str, str, str | None]]:
        """Give name, code and docstring of each member that a class or its ``__init__`` makes public."""
        for body in (node.body, *(initial.body for initial in _initials(node))):
            for statement, after in zip_longest(body, body[1:]):
                if isinstance(statement, _Function):
                    if statement.name == "__call__" or not statement.name.startswith("_"):
                        yield statement.name, self._callable(statement), ast.get_docstring(statement)
                elif documented := _following(after):
                    code = ast.unparse(statement).removeprefix("self.")
                    # What an argument gives needs no value.
                    yield re.split(r"\W", code)[0], re.sub(r"^(\w+) = \1$", r"\1", code), documented

    def _callable(self, node: _Function) -> str:
        names = [ast.unparse(decorator) for decorator in node.decorator_list]
        if {"property", "cached_property"} & set(names):
            return f"{node.name}: {ast.unparse(node.returns) if node.returns else 'Any'}"
        shown = [f"@{name}" for name in names if name in {"abstractmethod", "classmethod", "staticmethod"}]
        return "\n".join([*shown, self.signature(node)])

    def signature(self, node: _Definition | _Function) -> str:
        """Give a definition without its body; a class with its fields and with its public methods."""
        head = "\n".join(self._lines[node.lineno - 1 : max(node.lineno, node.body[0].lineno - 1)])
        head = re.sub(r"  # .*", "", textwrap.dedent(head)).removesuffix(" ...").removesuffix(":")
        members = self._members(node) if isinstance(node, ast.ClassDef) else ()
        return "\n".join([head, *(textwrap.indent(member, "    ") for member in members)])

    def _members(self, node: ast.ClassDef) -> Iterator[str]:
        for inner in node.body:
            if isinstance(inner, ast.AnnAssign):
                yield ast.unparse(inner)
            elif isinstance(inner, ast.FunctionDef) and (inner.name == "__init__" or not inner.name.startswith("_")):
                decorators = [f"@{ast.unparse(decorator)}" for decorator in inner.decorator_list]
                yield "\n".join([*decorators, self.signature(inner)])


def _initials(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]


def _following(statement: ast.stmt | None) -> str | None:
    """Give the string that documents the assignment before it, if it is one."""
    match statement:
        case ast.Expr(ast.Constant(str(text))):
            return text
    return None


def _prose(docstring: str | None) -> str:
    """Turn a docstring into Markdown; its sections become lists."""
    lines = inspect.cleandoc(docstring or "").replace("``", "`").splitlines()
    return "\n".join(_prose_line(line) for line in lines)


def _prose_line(line: str) -> str:
    if line in {"Args:", "Raises:", "Returns:", "Yields:"}:
        return f"**{line.rstrip(':')}**\n"
    return f"- {line.strip()}" if line.startswith("    ") and not line.startswith("     ") else line


def _code(text: str) -> str:
    return f"```python\n{text}\n```"
