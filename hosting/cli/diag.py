"""``hosting diag``: what is loaded, from where, for which function, what failed and what to do about it."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost
from hosting.host.function_host import FunctionHost
from hosting.host.process import enter


def diagnose(
    root: Path, functions: Sequence[str] = (), *, verify: bool = False
) -> tuple[dict[str, Any], HostingError | None]:
    """Load the app without serving it.

    Args:
        root: the app's folder.
        functions: names of the functions to load; empty for all.
        verify: whether to check the files of extensions against what their installer recorded.

    Returns:
        The document, and why the app does not load, if it does not.
    """
    logging.getLogger("hosting").addHandler(logging.NullHandler())  # the document says it all
    host = FunctionHost(root, functions=functions)
    failure: HostingError | None = None
    problems: tuple[Problem, ...] = ()
    try:
        enter(root)
        host.load()
        problems = host.problems
    except HostingError as error:
        failure = error
        problems = (Problem("error", error.message, error.remedy, error.file, error.line),)
    document = (getattr(host, "extensions", None) or ExtensionHost(environ=os.environ)).diagnosis(verify=verify)
    document["problems"] = [*document["problems"], *(_problem(problem) for problem in problems)]
    return document, failure


def _problem(problem: Problem) -> dict[str, Any]:
    where = "" if problem.file is None else f"{problem.file}{f':{problem.line}' if problem.line else ''}: "
    return {"severity": problem.severity, "message": where + problem.message, "remedy": problem.remedy}


@contextlib.contextmanager
def own_stdout() -> Iterator[TextIO]:
    """The real standard output, for one document; whatever else is written there, now or later, goes to stderr."""
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as stream:
        os.dup2(2, 1)
        yield stream


def print_json(document: dict[str, Any], stream: TextIO) -> None:
    """The document and nothing else."""
    stream.write(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")


def print_tables(document: dict[str, Any], stream: TextIO) -> None:
    """For people: extensions, functions, and below them the problems with what to do."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    terminal = Console(file=stream, soft_wrap=not stream.isatty(), highlight=False)
    tables = [_extensions(document), _functions(document)]
    tables += [_verification(document)] if "verification" in document else []
    for title, columns, rows in tables:
        table = Table(*columns, title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        terminal.print(table if rows else Text(f"{title}: none"))
        terminal.print()
    for problem in document["problems"]:
        style = "red" if problem["severity"] == "error" else "yellow"
        terminal.print(Text(problem["severity"], style=style), Text(problem["message"]))
        if problem["remedy"]:
            terminal.print(Text(f"  {problem['remedy']}"))
    if not document["problems"]:
        terminal.print(Text("No problems.", style="green"))


Rows = tuple[str, tuple[str, ...], list[tuple[str, ...]]]


def _extensions(document: dict[str, Any]) -> Rows:
    rows: list[tuple[str, ...]] = []
    for extension in document["extensions"]:
        package = " ".join(filter(None, (extension["distribution"], extension["version"])))
        position = extension.get("position")
        place = "" if position is None else str(position)
        scopes = ", ".join(extension["scopes"])
        rows.append((place, extension["name"], extension["status"], package, scopes, extension["reason"]))
    return "Extensions", ("#", "name", "status", "package", "scopes", "why"), rows


def _verification(document: dict[str, Any]) -> Rows:
    rows: list[tuple[str, ...]] = []
    for one in document["verification"]:
        package = " ".join(filter(None, (one["distribution"], one["version"])))
        differing = [f"{state} {path}" for state in ("changed", "missing", "unlisted") for path in one[state]]
        rows.append((package, one["status"], one["installation"], ", ".join(differing)))
    return "Files", ("package", "status", "installed", "differences"), rows


def _functions(document: dict[str, Any]) -> Rows:
    rows: list[tuple[str, ...]] = []
    for function in document["functions"]:
        used: dict[str, None] = {}
        for names in (function["extensions"] or {}).values():
            used.update(dict.fromkeys(names))
        rows.append((function["name"], function["trigger"], function["model"], ", ".join(used)))
    return "Functions", ("name", "trigger", "model", "extensions"), rows
