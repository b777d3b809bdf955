"""``hosting diag``: show an app's extensions and functions, and what is wrong with them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from itertools import repeat
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, TextIO

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout
from hosting.cli.params import APP_DIR, FUNCTIONS, complete_functions
from hosting.errors import HostingError, UsageError, print_error


@click.command(
    cls=Command,
    examples=[
        "hosting diag",
        "hosting diag shop --functions Orders",
        "hosting diag shop --json --verify",
        "hosting diag shop --chain Orders",
    ],
    page="how-to/see-what-is-loaded",
)
@APP_DIR
@FUNCTIONS
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: tables).")
@click.option(
    "--verify",
    is_flag=True,
    help="Compare the files of extensions with what was installed; exit with code 1 if they differ (default: off).",
)
@click.option(
    "--chain",
    metavar="FUNCTION",
    shell_complete=complete_functions,
    help="Print the compiled hooks of a function as Python source (default: off).",
)
def diag(app_dir: Path, functions: tuple[str, ...], as_json: bool, verify: bool, chain: str | None) -> None:
    """Show which extensions an app has, and any problems.

    Loads the app in APP_DIR (default: the current folder) without serving it. For each extension it shows the status
    and the reason for it, for each function the extensions that run, and for each problem what to do. With --chain it
    shows the code that runs the hooks of a function instead. Exits with code 1 if the app does not load.
    """
    from hosting.host.diagnosis import diagnose

    if chain is not None and verify and not as_json:
        raise click.UsageError("--chain prints Python source; to verify files as well, add --json.")
    with reserved_stdout() as stream:
        document, failure = diagnose(app_dir, functions, verify=verify, chain=chain)
        if chain is not None and not as_json:
            _print_chain(document["chain"], failure, stream)
        elif isinstance(failure, UsageError) and not as_json:
            print_error(failure)  # there is no app to describe
        else:
            (_print_json if as_json else _print_tables)(document, stream)
    tampered = any(one["status"] == "tampered" for one in document.get("verification", ()))
    sys.exit(failure.exit_code if failure else int(tampered))


_ADDITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "commands": ("Commands", "name", "distribution", "version", "status"),
        "services": ("Services", "name", "added_by", "status"),
        "health": ("Health checks", "name", "added_by", "status"),
        "tasks": ("Tasks", "name", "added_by", "status"),
    }
)
"""Keys of the document, each with the title of its table and the keys of the columns."""


def _print_json(document: dict[str, Any], stream: TextIO) -> None:
    stream.write(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")


def _print_chain(chain: dict[str, str] | None, failure: HostingError | None, stream: TextIO) -> None:
    """Print the source of a chain, or on standard error why there is none."""
    if chain is not None:
        stream.write(f"# The {chain['form']} chain of function '{chain['function']}'.\n{chain['source']}")
    elif failure is not None:
        print_error(failure)


class _Table(NamedTuple):
    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


def _print_tables(document: dict[str, Any], stream: TextIO) -> None:
    """Print extensions, functions and verified files as tables, then each problem with its remedy."""
    from rich.console import Console

    console = Console(file=stream, soft_wrap=not stream.isatty(), highlight=False)
    tables = [_extensions(document), _functions(document)]
    tables += [table for table in map(_additions, repeat(document), _ADDITIONS) if table.rows]
    tables += [_verification(document)] if "verification" in document else []
    for table in tables:
        _print_table(table, console)
    _print_problems(document["problems"], console)


def _print_table(table: _Table, console: Any) -> None:
    from rich.table import Table
    from rich.text import Text

    shown = Table(*table.columns, title=table.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for row in table.rows:
        shown.add_row(*map(Text, row))
    console.print(shown if table.rows else Text(f"{table.title}: none"))
    console.print()


def _print_problems(problems: list[dict[str, Any]], console: Any) -> None:
    from rich.text import Text

    for problem in problems:
        style = "red" if problem["severity"] == "error" else "yellow"
        console.print(Text(problem["severity"], style=style), Text(problem["message"]))
        if problem["remedy"]:
            console.print(Text(f"  {problem['remedy']}"))
    if not problems:
        console.print(Text("No problems found.", style="green"))


def _extensions(document: dict[str, Any]) -> _Table:
    rows: list[tuple[str, ...]] = []
    for extension in document["extensions"]:
        package = " ".join(filter(None, (extension["distribution"], extension["version"])))
        position = extension.get("position")
        number = "" if position is None else str(position)
        scopes = ", ".join(extension["scopes"])
        rows.append((number, extension["name"], extension["status"], package, scopes, extension["reason"]))
    return _Table("Extensions", ("#", "name", "status", "package", "scopes", "why"), rows)


def _functions(document: dict[str, Any]) -> _Table:
    rows: list[tuple[str, ...]] = []
    for function in document["functions"]:
        used: dict[str, None] = {}
        for names in (function["extensions"] or {}).values():
            used.update(dict.fromkeys(names))
        added_by = function["added_by"] or ""
        rows.append((function["name"], function["trigger"], function["model"], ", ".join(used), added_by))
    columns = ("name", "trigger", "model", "extensions", "added by")
    if not any(row[-1] for row in rows):
        return _Table("Functions", columns[:-1], [row[:-1] for row in rows])
    return _Table("Functions", columns, rows)


def _additions(document: dict[str, Any], key: str) -> _Table:
    """Return what extensions and packages have added of one kind."""
    title, *columns = _ADDITIONS[key]
    rows = [tuple("" if one[column] is None else str(one[column]) for column in columns) for one in document[key]]
    return _Table(title, tuple(column.replace("_", " ") for column in columns), rows)


def _verification(document: dict[str, Any]) -> _Table:
    rows: list[tuple[str, ...]] = []
    for one in document["verification"]:
        package = " ".join(filter(None, (one["distribution"], one["version"])))
        differences = [f"{state} {path}" for state in ("changed", "missing", "unlisted") for path in one[state]]
        rows.append((package, one["status"], one["installation"], ", ".join(differences)))
    return _Table("Files", ("package", "status", "installed", "differences"), rows)
