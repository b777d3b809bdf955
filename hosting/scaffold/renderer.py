"""Rendering of the files in ``templates/``.

A template contains ``$name`` for a value. Lines between ``%% only a b`` and ``%% end`` are included if ``a`` or ``b``
is chosen. A Python template may import names that only some of its lines use: unused imports are removed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Set
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Template

SUFFIX = ".template"
_IMPORT = re.compile(
    r"^from (?!__future__ )(?P<module>\S+) import (?P<names>.+)\n|^import (?P<plain>\S+)(?: as \S+)?\n"
)


def render_tree(folder: str, values: Mapping[str, str], chosen: Set[str]) -> dict[str, str]:
    """Render all templates below a folder.

    Args:
        folder: a folder below ``templates/``.
        values: the value of each ``$name``.
        chosen: the words for which ``%% only`` includes lines.

    Returns:
        The texts by their paths below the folder, sorted by path.
    """
    root = _templates() / folder
    return {path: render(f"{folder}/{path}", values, chosen) for path in sorted(_paths(root))}


def render(path: str, values: Mapping[str, str], chosen: Set[str]) -> str:
    """Render one template.

    Args:
        path: a file below ``templates/``, without its suffix.
        values: the value of each ``$name``.
        chosen: the words for which ``%% only`` includes lines.
    """
    template = (_templates() / f"{path}{SUFFIX}").read_text("utf-8")
    text = Template(_chosen_lines(template, chosen)).substitute(values)
    return _without_unused_imports(text) if path.endswith(".py") else text


def _templates() -> Traversable:
    return files("hosting.scaffold") / "templates"


def _paths(folder: Traversable, above: str = "") -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _paths(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield above + entry.name.removesuffix(SUFFIX)


def _chosen_lines(template: str, chosen: Set[str]) -> str:
    lines: list[str] = []
    included = [True]
    for line in template.splitlines(keepends=True):
        match line.split():
            case ["%%", "only", *words]:
                included.append(included[-1] and not chosen.isdisjoint(words))
            case ["%%", "end"]:
                included.pop()
            case _ if included[-1]:
                lines.append(line)
    return "".join(lines)


def _without_unused_imports(text: str) -> str:
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    if "__all__" in used:
        return text
    lines = (_used_import(line, used) for line in text.splitlines(keepends=True))
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines))


def _used_import(line: str, used: Set[str]) -> str:
    """Return a line without the names that it imports and that are not used; other lines are returned as they are."""
    found = _IMPORT.fullmatch(line)
    if found is None:
        return line
    if found["plain"]:
        return line if line.split()[-1].partition(".")[0] in used else ""
    names = [name for name in found["names"].split(", ") if name in used]
    return f"from {found['module']} import {', '.join(names)}\n" if names else ""
