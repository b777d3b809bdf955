"""Write the reference pages that are derived from the code: ``make reference`` runs this file."""

from __future__ import annotations

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from types import ModuleType

import click

import hosting
from hosting import app_services, bindings, core, errors, hookspecs, logging, pytest_plugin, testing
from hosting.app_settings import AppSettings
from hosting.bindings import expressions, panels, provider, services, storage
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply, HttpStream
from hosting.check.rules import RULES, SECTIONS
from hosting.cli.main import cli

_NOTE = "<!-- Derived from the code by docs/make_reference.py: change the code, then run `make reference`. -->"

_Public = type | Callable[..., object]


def main() -> None:
    """Write each derived page into the documentation."""
    for address, text in pages().items():
        (Path(__file__).parent / address).write_text(text, "utf-8")


def pages() -> dict[str, str]:
    """Return the text of each derived page by its path in the documentation."""
    parts = {
        "hooks": _hooks(),
        "python": _python(),
        "command-line": _command_line(),
        "bindings": _bindings(),
        "testing": _testing(),
        "checks": _checks(),
    }
    return {f"reference/{name}.md": "\n\n".join([_NOTE, *page]) + "\n" for name, page in parts.items()}


def _hooks() -> Iterator[str]:
    source = _Source(hookspecs)
    yield f"# Hooks\n\n{_prose(hookspecs.__doc__)}"
    for node in source.functions():
        implementation = f"@hosting.hookimpl\n{source.signature(node)}"
        yield f"## {node.name}\n\n{_code(implementation)}\n\n{_prose(ast.get_docstring(node))}"


def _python() -> Iterator[str]:
    summary, _, _ = str(hosting.__doc__).partition("\n")
    yield f"# Python interface\n\n{summary}"
    for name in hosting.__all__:
        public = getattr(hosting, name)
        if inspect.isclass(public) or inspect.isfunction(public):
            source = _Source.of(public)
            has_methods = public is hosting.AppHandle
            yield from source.description(name, "hosting") if has_methods else source.overview(name)
    yield from _Source.of(app_services.AppServices).description("AppServices", app_services.__name__)
    for name in logging.__all__:
        public = getattr(logging, name)
        yield from _Source.of(public).description(public.__name__, logging.__name__)


def _bindings() -> Iterator[str]:
    yield f"# Bindings\n\n{_prose(provider.__doc__)}"
    yield "[How to write one](../how-to/write-a-binding.md), [a tutorial](../tutorial/first-trigger.md)."
    interface = provider.Provider, provider.Trigger, provider.Invoke, provider.Result, provider.Resolvable
    webhooks = services.Webhooks, HttpCall, HttpReply, HttpStream
    data = bindings.Input, bindings.Output, bindings.Services, AppSettings, *webhooks, bindings.host_logger
    failures = errors.FunctionLoadError, errors.MissingSettingError
    contract = core.Function, core.Binding, core.Problem, *failures, storage.HostStorage, storage.Lease
    texts = expressions.Template, expressions.Expression, expressions.json_data, expressions.merged
    for public in (*interface, *data, *contract, *texts):
        yield from _Source.of(public).description(public.__name__, _exported(public, bindings))
    yield f"## Panels\n\n{_prose(panels.__doc__)}"
    shown = panels.Table, panels.Facts, panels.Text, panels.Timeline, panels.Bar, panels.Form, panels.Field
    for part in (panels.Panel, *shown, panels.Link, panels.Status):
        yield from _Source.of(part).description(part.__name__, panels.__name__)


def _testing() -> Iterator[str]:
    yield f"# Testing\n\n{_prose(testing.__doc__)}"
    yield "[How to test an app](../how-to/test-an-app.md), [how to test an extension](../how-to/test-an-extension.md)."
    first = (
        testing.make_host,
        testing.Host,
        testing.AsyncHost,
        testing.RequestMethods,
        testing.HostView,
        testing.HostRequestOptions,
    )
    answers = testing.InvocationFailed, testing.RequestOptions, testing.Reply, testing.Invocation, testing.Written
    rest = tuple(getattr(testing, name) for name in testing.__all__)
    for public in dict.fromkeys((*first, *answers, *rest)):
        yield from _Source.of(public).description(public.__name__, testing.__name__)
    yield f"## Fixtures\n\n{_prose(pytest_plugin.__doc__)}"
    for node in _Source(pytest_plugin).functions():
        yield f"### {node.name}\n\n{_prose(ast.get_docstring(node))}"


def _exported(public: _Public, package: ModuleType) -> str:
    """Return the module that a public name is imported from: the package, if it exports the name."""
    return package.__name__ if public.__name__ in package.__all__ else public.__module__


def _checks() -> Iterator[str]:
    yield "# Checks\n\nWhat [`hosting check`](../how-to/check-before-you-publish.md) looks for. Codes do not change."
    for beginning, chapter in SECTIONS.items():
        yield f"## {chapter}"
        for code, rule in RULES.items():
            if code.startswith(beginning):
                yield f"### {code}: {rule.title}\n\n*{rule.severity.capitalize()}.* {rule.why}"


def _command_line() -> Iterator[str]:
    yield "# Command line\n\n`hosting` and `python -m hosting` are the same command."
    # The width in a terminal with 80 columns: the page must not depend on the terminal that this runs in.
    yield from _command(cli, click.Context(cli, info_name="hosting", terminal_width=78, **cli.context_settings))


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
    """One module's text and its definitions, spelled as in the file: ast.unparse differs between Python versions."""

    def __init__(self, module: ModuleType) -> None:
        self._text = Path(str(module.__file__)).read_text("utf-8")
        self._tree = ast.parse(self._text)
        self._lines = self._text.splitlines()

    @classmethod
    def of(cls, public: _Public) -> _Source:
        """Return the source of the module that defines a class or a function."""
        return cls(sys.modules[public.__module__])

    def functions(self) -> Iterator[ast.FunctionDef]:
        """Yield the module's functions in order."""
        return (node for node in self._tree.body if isinstance(node, ast.FunctionDef))

    def overview(self, name: str) -> Iterator[str]:
        """Yield a definition as a whole, each overload of a function, and the docstring."""
        *overloads, last = self._definitions(name)
        signatures = "\n".join(self.signature(node) for node in overloads or [last])
        yield f"## hosting.{name}\n\n{_code(signatures)}\n\n{_prose(ast.get_docstring(last))}"

    def description(self, name: str, module: str) -> Iterator[str]:
        """Yield a definition with its docstring, then each public member of a class under its own heading."""
        (node,) = self._definitions(name)
        code = self.signature(node) if isinstance(node, ast.FunctionDef) else self._constructor(node)
        yield f"## {name}\n\n{_code(code)}\n\nIn `{module}`. {_prose(ast.get_docstring(node))}"
        if isinstance(node, ast.ClassDef):
            for title, member, docstring in self._public(node):
                yield f"### {name}.{title}\n\n{_code(member)}\n\n{_prose(docstring)}".rstrip()

    def signature(self, node: _Definition | _Function) -> str:
        """Return a definition without its body; a class with its fields and its public methods."""
        head = "\n".join(self._lines[node.lineno - 1 : max(node.lineno, node.body[0].lineno - 1)])
        head = re.sub(r"  # .*", "", textwrap.dedent(head)).removesuffix(" ...").removesuffix(":")
        members = self._members(node) if isinstance(node, ast.ClassDef) else ()
        return "\n".join([head, *(textwrap.indent(member, "    ") for member in members)])

    def _definitions(self, name: str) -> list[_Definition]:
        """Return a class or a function by its name, after its overloads."""
        return [node for node in self._tree.body if isinstance(node, _Definition) and node.name == name]

    def _constructor(self, node: ast.ClassDef) -> str:
        """Return the line that begins a class, and the arguments that make an instance."""
        bases = ", ".join(self._spelled(base) for base in node.bases)
        parts = [self.signature(initial) for initial in _initials(node)]
        if bases == "NamedTuple":
            parts = [self._spelled(field) for field in node.body if isinstance(field, ast.AnnAssign)]
        head = f"class {node.name}({bases})" if bases else f"class {node.name}"
        return "\n".join([head, *(textwrap.indent(part, "    ") for part in parts)])

    def _public(self, node: ast.ClassDef) -> Iterator[tuple[str, str, str | None]]:
        """Yield name, code and docstring of each member that a class or its ``__init__`` makes public."""
        for body in (node.body, *(initial.body for initial in _initials(node))):
            for statement, after in zip_longest(body, body[1:]):
                if isinstance(statement, _Function):
                    if statement.name == "__call__" or not statement.name.startswith("_"):
                        yield statement.name, self._callable(statement), ast.get_docstring(statement)
                elif documented := _following(after):
                    code = self._spelled(statement).removeprefix("self.")
                    # An attribute that has the value of the argument with its name is shown without the value.
                    yield re.split(r"\W", code)[0], re.sub(r"^(\w+) = \1$", r"\1", code), documented

    def _callable(self, node: _Function) -> str:
        names = [self._spelled(decorator) for decorator in node.decorator_list]
        if {"property", "cached_property"} & set(names):
            return f"{node.name}: {self._spelled(node.returns) if node.returns else 'Any'}"
        shown = [f"@{name}" for name in names if name in {"abstractmethod", "classmethod", "staticmethod"}]
        return "\n".join([*shown, self.signature(node)])

    def _members(self, node: ast.ClassDef) -> Iterator[str]:
        for inner in node.body:
            if isinstance(inner, ast.AnnAssign):
                yield self._spelled(inner)
            elif isinstance(inner, ast.FunctionDef) and (inner.name == "__init__" or not inner.name.startswith("_")):
                decorators = [f"@{self._spelled(decorator)}" for decorator in inner.decorator_list]
                yield "\n".join([*decorators, self.signature(inner)])

    def _spelled(self, node: ast.AST) -> str:
        """Return a node as the file has it."""
        return textwrap.dedent(ast.get_source_segment(self._text, node, padded=True) or "")


def _initials(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [inner for inner in node.body if isinstance(inner, ast.FunctionDef) and inner.name == "__init__"]


def _following(statement: ast.stmt | None) -> str | None:
    """Return the string that documents the assignment before it, if it is one."""
    match statement:
        case ast.Expr(ast.Constant(str(text))):
            return text
    return None


def _prose(docstring: str | None) -> str:
    """Return a docstring as Markdown; its sections become lists."""
    lines = inspect.cleandoc(docstring or "").replace("``", "`").splitlines()
    return "\n".join(_prose_line(line) for line in lines)


def _prose_line(line: str) -> str:
    if line in {"Args:", "Raises:", "Returns:", "Yields:"}:
        return f"**{line.rstrip(':')}**\n"
    item = re.fullmatch(r" {4}(?:(\*{0,2}\w+): )?(\S.*)", line)
    if item is None:
        return line
    return f"- `{item[1]}`: {item[2]}" if item[1] else f"- {item[2]}"


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


if __name__ == "__main__":
    main()
