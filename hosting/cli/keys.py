"""``hosting keys``: show or replace the access keys of an app's functions, webhooks and admin endpoints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout, silenced_app
from hosting.cli.params import APP_DIR

if TYPE_CHECKING:
    from hosting.host.function_host import FunctionHost

_SECONDS_PER_HOUR = 3600


@click.command(
    cls=Command,
    examples=[
        "hosting keys shop",
        "hosting keys shop --json",
        "hosting keys shop --rotate Orders --overlap 48",
        'curl -H "x-functions-key: KEY" http://localhost:7071/api/Orders',
    ],
    page="how-to/secure-functions",
)
@APP_DIR
@click.option("--rotate", metavar="NAME", help="Replace the key of this name, and print the new one (default: none).")
@click.option(
    "--overlap",
    type=click.FloatRange(0),
    default=24.0,
    metavar="HOURS",
    help="How long the key that --rotate replaces is still accepted (default: 24).",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: a table).")
def keys(app_dir: Path, rotate: str | None, overlap: float, as_json: bool) -> None:
    """Show the access keys of an app, or replace one.

    Loads the app in APP_DIR (default: the current folder) and prints its master key, its default key, and one key for
    each function and each webhook. Keys that do not exist yet are created. A request sends its key in the header
    x-functions-key, or in the query as code.
    """
    from hosting.errors import HostingError, print_error
    from hosting.server.keys import keys_document, rotated_document

    with reserved_stdout() as stream:
        try:
            with silenced_app():
                host = _loaded(app_dir)
            if rotate is None:
                document = keys_document(host)
            else:
                document = rotated_document(host, rotate, overlap * _SECONDS_PER_HOUR)
        except HostingError as error:
            print_error(error)
            sys.exit(error.exit_code)
        text = json.dumps(document, indent=2) if as_json else "\n".join(_lines(document))
        stream.write(text + "\n")


def _loaded(root: Path) -> FunctionHost:
    from hosting.host.function_host import FunctionHost
    from hosting.host.process import enter

    enter(root)
    host = FunctionHost(root)
    host.load()
    return host


def _lines(document: dict[str, Any]) -> Iterator[str]:
    if "key" in document:
        yield f"{document['name']}  {document['key']}"
        return
    named = [
        ("master", document["master"]),
        ("default", document["default"]),
        *document["functions"].items(),
        *document["system"].items(),
    ]
    width = max(len(name) for name, _ in named)
    for name, key in named:
        yield f"{name:{width}}  {key}"
