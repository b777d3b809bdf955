"""``hosting functions``: list the functions of a running host with their figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from hosting.cli.help import Command
from hosting.cli.running_host import connect, running_host_options

_WIDE = 400
_MAX_RESULT_CHARACTERS = 120


@click.command(
    cls=Command,
    examples=["hosting functions", "hosting functions https://shop.example --json"],
    page="how-to/what-is-the-host-doing",
)
@running_host_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: a table).")
def functions(url: str, key: str, app_dir: Path, as_json: bool) -> None:
    """List the functions of a running host.

    Shows for each function its trigger, when or where it runs, how often it has run since the host started, and how
    its last invocation ended. URL is the host's address (default: HOSTING_URL, or http://localhost:7071).
    """
    found = connect(url, key, app_dir).document("host/figures", "functions")["functions"]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    console_for_tables().print(functions_table(found))


def console_for_tables() -> Any:
    """Return rich's console for standard output: a program that reads it gets whole lines."""
    from rich.console import Console

    is_terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if is_terminal else _WIDE)


def functions_table(functions: Sequence[Mapping[str, Any]]) -> Any:
    """Return functions as a table of rich."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for name in ("function", "trigger", "where"):
        table.add_column(name, no_wrap=True)
    for name in ("runs", "errors", "running"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("last result", no_wrap=True)
    for one in functions:
        figures = (str(one[name]) for name in ("invocations", "errors", "running"))
        last = last_text(one)
        is_bad = one["error"] or (one["last"] and one["last"]["error"])
        table.add_row(
            *map(Text, (one["name"], one["trigger"], where_text(one), *figures)),
            Text(last, style="red" if is_bad else ""),
        )
    return table if functions else Text("The app has no functions.")


def where_text(function: Mapping[str, Any]) -> str:
    """Return when or where a function runs: its route, its schedule, its queue, its tool."""
    state = function["state"]
    if "route" in function:
        return f"{','.join(function['methods']) or 'any'} {function['route']}"
    if "next" in state:
        return f"next {state['next']}"
    if "waiting" in state:
        poisoned = f", {state['poisoned']} poisoned" if state.get("poisoned") else ""
        return f"{state.get('source', '')}: {state['waiting']} waiting{poisoned}"
    return str(state.get("error") or state.get("source", ""))


def last_text(function: Mapping[str, Any]) -> str:
    """Return how the last invocation of a function ended, or why it cannot run."""
    last = function["last"]
    if function["error"]:
        return f"cannot run: {function['error']}"[:_MAX_RESULT_CHARACTERS]
    if function["isDisabled"]:
        return "disabled"
    if last is None:
        return "-"
    code = "" if last["statusCode"] is None else f" {last['statusCode']}"
    return f"{last['status']}{code} {last['durationMs']:.0f} ms {last['error']}".rstrip()[:_MAX_RESULT_CHARACTERS]
