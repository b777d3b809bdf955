"""``hosting keys``: show or replace the access keys of an app's functions, webhooks and admin endpoints."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout, silenced_app
from hosting.cli.params import APP_DIR, Choice, Duration

if TYPE_CHECKING:
    from hosting.host.function_host import FunctionHost

FORMATS = ("text", "json", "secret")
_SECONDS_PER_HOUR = 3600


def _dns_name(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """Return a name that Kubernetes takes for a Secret."""
    if value is not None and not re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", value):
        raise click.BadParameter("expected lower-case letters, digits and dashes between them, at most 63 characters.")
    return value


@click.command(
    cls=Command,
    examples=[
        "hosting keys shop",
        "hosting keys shop --json",
        "hosting keys shop --rotate Orders --overlap 48",
        "hosting keys shop --format secret",
        'curl -H "x-functions-key: KEY" http://localhost:7071/api/Orders',
    ],
    page="how-to/secure-functions",
)
@APP_DIR
@click.option("--rotate", metavar="NAME", help="Replace the key of this name, and print the new one (default: none).")
@click.option(
    "--overlap",
    type=Duration(),
    default=24.0,
    metavar="HOURS",
    help="How long the key that --rotate replaces is still accepted (default: 24).",
)
@click.option(
    "--format",
    "format_name",
    type=Choice(FORMATS),
    default="text",
    help="A table, a JSON document, or a Kubernetes Secret in YAML for HOSTING_KEYS_FOLDER (default: text).",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json (default: off).")
@click.option(
    "--secret-name",
    callback=_dns_name,
    metavar="NAME",
    help="Name of the Secret that --format secret prints (default: APP-keys).",
)
def keys(
    app_dir: Path, rotate: str | None, overlap: float, format_name: str, as_json: bool, secret_name: str | None
) -> None:
    """Show the access keys of an app, or replace one.

    Loads the app in APP_DIR (default: the current folder) and prints its master key, its default key, and one key for
    each function and each webhook. Keys that do not exist yet are created, unless they come from outside, by
    HOSTING_KEYS_SECRET, HOSTING_KEYS_SECRET_FILE or HOSTING_KEYS_FOLDER. A request sends its key in the header
    x-functions-key, or in the query as code.
    """
    from hosting.errors import HostingError, print_error
    from hosting.server.keys_report import keys_document, rotated_document

    format_name = _format(format_name, as_json=as_json, rotates=rotate is not None)
    if secret_name is not None and format_name != "secret":
        raise click.UsageError("--secret-name is the name of what --format secret prints.")
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
        for problem in document.get("problems", ()):
            print(f"Warning: {problem}", file=sys.stderr)
        stream.write(_text(document, format_name, secret_name, app_dir))


def _format(name: str, *, as_json: bool, rotates: bool) -> str:
    """Return the format; an error says which options exclude each other."""
    if as_json and name == "secret":
        raise click.UsageError("--json and --format secret exclude each other.")
    if rotates and name == "secret":
        raise click.UsageError("--rotate prints one key: use --format secret without it, afterwards.")
    return "json" if as_json else name


def _text(document: dict[str, Any], format_name: str, secret_name: str | None, root: Path) -> str:
    if format_name == "secret":
        from hosting.deploy.manifests.names import default_name
        from hosting.server.keys_report import kubernetes_secret

        return kubernetes_secret(document, secret_name or f"{default_name(root.name)}-keys")
    return (json.dumps(document, indent=2) if format_name == "json" else "\n".join(_lines(document))) + "\n"


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
        yield f"{name:{width}}  {key or '(none)'}"
