"""``hosting keys``: show the access keys of an app's functions, webhooks and admin endpoints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout
from hosting.cli.params import APP_DIR


@click.command(
    cls=Command,
    examples=[
        "hosting keys shop",
        "hosting keys shop --json",
        'curl -H "x-functions-key: KEY" http://localhost:7071/api/Orders',
    ],
    page="how-to/secure-functions",
)
@APP_DIR
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: a table).")
def keys(app_dir: Path, as_json: bool) -> None:
    """Show the access keys of an app.

    Loads the app in APP_DIR (default: the current folder) and prints its master key, its default key, and one key for
    each function and each webhook. Keys that do not exist yet are created. A request sends its key in the header
    x-functions-key, or in the query as code.
    """
    from hosting.errors import HostingError, print_error
    from hosting.host.function_host import FunctionHost
    from hosting.host.process import enter
    from hosting.server.keys import keys_document

    root = app_dir.resolve()
    with reserved_stdout() as stream:
        try:
            enter(root)
            host = FunctionHost(root)
            host.load()
            document = keys_document(host)
        except HostingError as error:
            print_error(error)
            sys.exit(1)
        text = json.dumps(document, indent=2) if as_json else "\n".join(_lines(document))
        stream.write(text + "\n")


def _lines(document: dict[str, Any]) -> Iterator[str]:
    named = [
        ("master", document["master"]),
        ("default", document["default"]),
        *document["functions"].items(),
        *document["system"].items(),
    ]
    width = max(len(name) for name, _ in named)
    for name, key in named:
        yield f"{name:{width}}  {key}"
