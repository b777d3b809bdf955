"""The files of ``templates/`` with what a person chose filled in.

In a template ``$name`` stands for a value. What stands between ``%% only a b`` and ``%% end`` is there only if one of
these was chosen. A Python file may import more than it needs: what is left unused goes.
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


def tree(folder: str, values: Mapping[str, str], chosen: Set[str]) -> dict[str, str]:
    """Fill in all templates below ``folder``; the result is by path, in order."""
    root = _templates() / folder
    return {path: render(f"{folder}/{path}", values, chosen) for path in sorted(_paths(root))}


def render(path: str, values: Mapping[str, str], chosen: Set[str]) -> str:
    """Fill in one template.

    Args:
        path: below ``templates/``, without the suffix.
        values: the value of each ``$name``.
        chosen: what ``%% only`` may ask for.
    """
    template = (_templates() / f"{path}{SUFFIX}").read_text("utf-8")
    text = Template(_selected(template, chosen)).substitute(values)
    return _without_unused_imports(text) if path.endswith(".py") else text


def _templates() -> Traversable:
    return files("hosting.scaffold") / "templates"


def _paths(folder: Traversable, above: str = "") -> Iterator[str]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _paths(entry, f"{above}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield above + entry.name.removesuffix(SUFFIX)


def _selected(template: str, chosen: Set[str]) -> str:
    kept: list[str] = []
    wanted = [True]
    for line in template.splitlines(keepends=True):
        match line.split():
            case ["%%", "only", *names]:
                wanted.append(wanted[-1] and not chosen.isdisjoint(names))
            case ["%%", "end"]:
                wanted.pop()
            case _ if wanted[-1]:
                kept.append(line)
    return "".join(kept)


def _without_unused_imports(text: str) -> str:
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    if "__all__" in used:
        return text
    lines = (_needed(line, used) for line in text.splitlines(keepends=True))
    return re.sub(r"\n{4,}", "\n\n\n", "".join(lines))


def _needed(line: str, used: Set[str]) -> str:
    found = _IMPORT.fullmatch(line)
    if found is None:
        return line
    if found["plain"]:
        return line if line.split()[-1].partition(".")[0] in used else ""
    names = [name for name in found["names"].split(", ") if name in used]
    return f"from {found['module']} import {', '.join(names)}\n" if names else ""
