"""``hosting keys``: the keys of an app, for who calls its functions and its admin endpoints."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from hosting.cli.completion import complete_folders


@click.command()
@click.argument("app_dir", default=".", type=click.Path(path_type=Path), shell_complete=complete_folders)
@click.option("--json", "as_json", is_flag=True, help="Print the keys for machines.")
def keys(app_dir: Path, as_json: bool) -> None:
    """Show the keys of the app in APP_DIR: master, default, one for each function, and one for each webhook.

    They are made if there are none.

    A request brings its key in the header x-functions-key, or as code in its query.
    """
    from hosting.cli.diag import own_stdout
    from hosting.errors import HostingError, print_error

    with own_stdout() as stream:
        try:
            document = collect(app_dir.resolve())
        except HostingError as error:
            print_error(error)
            sys.exit(1)
        text = json.dumps(document, indent=2) if as_json else "\n".join(_lines(document))
        stream.write(text + "\n")


def collect(root: Path) -> dict[str, Any]:
    """The keys by name; those of functions by function, for HTTP functions that are not open to anybody.

    System keys are those of the webhooks that the app's functions listen on.

    Raises:
        HostingError: the app does not load, or its keys cannot be kept.
    """
    from hosting.host.function_host import FunctionHost
    from hosting.host.process import enter
    from hosting.server.keys import keys_file, load_keys, system_key

    enter(root)
    host = FunctionHost(root)
    host.load()
    found = load_keys(root)
    guarded = [route.target for route in host.router().routes if route.target.level != "anonymous"]
    return {
        "file": str(keys_file(root)),
        "master": found.master,
        "default": found.default,
        "functions": {trigger.function: found.of(trigger.function) for trigger in guarded if trigger.level != "admin"},
        "system": {name: found.of_system(name) for name in map(system_key, sorted(host.webhooks))},
    }


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
