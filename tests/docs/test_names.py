"""The names of this project's packages in the documentation exist."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.docs.pages import DERIVED, PAGES, TUTORIALS, blocks

PACKAGES = ("hosting", "hosting_profile", "hosting_storage", "hosting_timer")
_DOTTED = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\(.*?\))?`")
_ENTRY_POINT_GROUPS = {
    "hosting.bindings",
    "hosting.commands",
    "hosting.functions",
    "hosting.guards",
    "hosting.storage",
    "hosting.testing",
}

_TELEMETRY = {"hosting.hook", "hosting.hook.answered", "hosting.hook.is_resumed"}
"""Names of an event and of attributes of a span."""


def _imports(code: str) -> Iterator[str]:
    """Return what a block of code imports from this project, as dotted names."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return  # a part of a file, or a signature
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.partition(".")[0] in PACKAGES)


@cache
def _names() -> dict[str, str]:
    """Return each documented name, with a page that has it."""
    page_by_name: dict[str, str] = {}
    for page in (*PAGES, *TUTORIALS, *DERIVED):
        names = [name for block in blocks(page) if block.language == "python" for name in _imports(block.text)]
        names += _DOTTED.findall(re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL))
        page_by_name.update((name, page.name) for name in names)
    others = {name for name in page_by_name if name.endswith(".NAME")}  # loggers
    return {name: page for name, page in page_by_name.items() if name not in _ENTRY_POINT_GROUPS | _TELEMETRY | others}


def _resolve(name: str) -> object:
    """Import the longest module of a dotted name, and look up the rest.

    Raises:
        ImportError: no part of it is a module.
        AttributeError: the module has no such name.
    """
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:count]))
        except ModuleNotFoundError:
            continue
        for part in parts[count:]:
            value = getattr(value, part)
        return value
    raise ImportError(name)


def test_documentation_names_most_of_the_public_interface() -> None:
    """Code and prose name these, so that the next test has names to check."""
    assert {"hosting.extend", "hosting.testing.make_host", "hosting.bindings.Provider"} <= _names().keys()


@pytest.mark.parametrize("name", sorted(_names()))
def test_documented_name_can_be_imported(name: str) -> None:
    """A name that a page imports or mentions in full exists in the installed packages."""
    try:
        _resolve(name)
    except (ImportError, AttributeError) as error:
        raise AssertionError(f"{_names()[name]} names {name}, which does not exist: {error}") from error
