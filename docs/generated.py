"""Writes the reference pages that are derived from the code, whenever MkDocs builds the site."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import hosting
from hosting import authoring, hookspecs
from hosting.faces import azure
from hosting.faces.cli import cli


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
    }


def _hooks() -> Iterator[str]:
    source = _Source(hookspecs)
    yield f"# Hooks\n\n{_prose(hookspecs.__doc__)}"
    for node in source.tree.body:
        if isinstance(node, ast.FunctionDef):
            implementation = f"@hosting.hookimpl\n{source.signature(node)}"
            yield f"## {node.name}\n\n{_code(implementation)}\n\n{_prose(ast.get_docstring(node))}"


def _python() -> Iterator[str]:
    sources = _Source(authoring), _Source(azure)
    summary, _, _ = str(hosting.__doc__).partition("\n")
    yield f"# Python interface\n\n{summary}"
    for name in hosting.__all__:
        source = next((one for one in sources if one.definitions(name)), sources[0])
        if nodes := source.definitions(name):
            signatures = "\n".join(source.signature(node) for node in nodes[: len(nodes) - 1] or nodes)
            yield f"## hosting.{name}\n\n{_code(signatures)}\n\n{_prose(ast.get_docstring(nodes[-1]))}"


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

    def signature(self, node: _Definition) -> str:
        """Give a definition without its body; a class with its fields and with its public methods."""
        head = "\n".join(self._lines[node.lineno - 1 : max(node.lineno, node.body[0].lineno - 1)])
        head = textwrap.dedent(head).removesuffix(" ...").removesuffix(":")
        members = self._members(node) if isinstance(node, ast.ClassDef) else ()
        return "\n".join([head, *(textwrap.indent(member, "    ") for member in members)])

    def _members(self, node: ast.ClassDef) -> Iterator[str]:
        for inner in node.body:
            if isinstance(inner, ast.AnnAssign):
                yield ast.unparse(inner)
            elif isinstance(inner, ast.FunctionDef) and (inner.name == "__init__" or not inner.name.startswith("_")):
                decorators = [f"@{ast.unparse(decorator)}" for decorator in inner.decorator_list]
                yield "\n".join([*decorators, self.signature(inner)])


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
