"""``hosting invoke``: run a function of a running host, and print what it returns."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from hosting.cli.help import Command
from hosting.cli.running_host import RunningHost, connect, running_host_options
from hosting.errors import HostingError, UsageError
from hosting.logging.tail import plain_text

_FIRST_ERROR_STATUS = 400
_METHOD = re.compile(r"[A-Z]+(-[A-Z]+)*")
_SAFE = "/?&=%:@!$'()*+,;[]{}|"
"""What a path and query may have besides letters and digits. A ``%`` stays, since some of it may be encoded already."""


@click.command(
    cls=Command,
    examples=[
        "hosting invoke Order --data 'two apples'",
        "hosting invoke Order --data @order.json",
        "hosting invoke Hello --path '/api/hello/Ada?loud=1'",
    ],
    page="how-to/what-is-the-host-doing",
)
@click.argument("name")
@running_host_options
@click.option(
    "--data",
    metavar="TEXT",
    help="What the trigger brings; @FILE for a file, @- for standard input (default: nothing).",
)
@click.option("--path", metavar="PATH", help="Path and query for an HTTP function (default: its route).")
@click.option("--method", metavar="METHOD", help="HTTP method (default: one that the function has).")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: what the function returns).")
def invoke(
    name: str, url: str, data: str | None, path: str | None, method: str | None, key: str, app_dir: Path, as_json: bool
) -> None:
    """Run a function of a running host, and wait for its end.

    NAME is the function's. An HTTP function gets a request. Any other one is run manually, with --data in place of
    what its trigger would bring. Exits with code 1 if the function fails. URL is the host's address (default:
    HOSTING_URL, or http://localhost:7071).
    """
    host = connect(url, key, app_dir)
    found = host.document("host/figures", "functions")["functions"]
    function = next((one for one in found if one["name"].lower() == name.lower()), None)
    if function is None:
        raise HostingError(f"The host has no function '{name}'.", remedy=_known(name, [one["name"] for one in found]))
    text = _data(data)
    if "route" in function:
        document = _request(host, function, text, path, method)
    else:
        if path or method:
            raise UsageError(f"Function '{name}' has no HTTP trigger.", remedy="Leave out --path and --method.")
        document = host.run(function["name"], text)
    has_failed = document["status"] != "Succeeded"
    if as_json:
        click.echo(json.dumps(document, indent=2))
    elif document["error"]:
        click.echo(plain_text(f"{document['function']}: {document['error']}"), err=True)
    if not as_json and document["returned"] is not None:
        click.echo(document["returned"]["value"])
    sys.exit(int(has_failed))


def _request(
    host: RunningHost, function: dict[str, Any], text: str | None, path: str | None, method: str | None
) -> dict[str, Any]:
    """Send a request to an HTTP function, and return what came of it like a manual run."""
    target = _target(path or function["route"])
    if "{" in target.partition("?")[0]:
        raise UsageError(
            f"The route of '{function['name']}' has parameters: {function['route']}.",
            remedy="Fill them in: --path PATH.",
        )
    methods = function["methods"] or ["GET", "POST"]
    chosen = (method or ("POST" if text is not None and "POST" in methods else methods[0])).upper()
    if not _METHOD.fullmatch(chosen):
        raise UsageError(f"--method {method!r} is not a method of HTTP.", remedy="Write it as --method POST.")
    body = b"" if text is None else text.encode()
    kind = "application/json" if text is None or _is_json(text) else "text/plain"
    response = host.request(chosen, target, body, content_type=kind, timeout=None)
    is_error = response.status >= _FIRST_ERROR_STATUS
    return {
        "function": function["name"],
        "status": "Failed" if is_error else "Succeeded",
        "statusCode": response.status,
        "returned": {"value": response.text, "length": len(response.text)} if response.body else None,
        "error": f"status {response.status}" if is_error else None,
    }


def _target(path: str) -> str:
    """Return what a request line takes of a path and query: other characters than those of a URL are encoded.

    Raises:
        UsageError: it does not begin with a slash.
    """
    if not path.startswith("/"):
        raise UsageError(
            f"--path {path!r} does not begin with a slash.",
            remedy="Write it as --path /api/hello; the host's address is the argument URL.",
        )
    return quote(path, safe=_SAFE, errors="surrogateescape")


def _data(data: str | None) -> str | None:
    """Return the text of ``--data``, from a file if it begins with an at sign."""
    if data is None or not data.startswith("@"):
        return data
    if data == "@-":
        return sys.stdin.read()
    try:
        return Path(data[1:]).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"--data: {data[1:]} cannot be read: {reason}.", remedy="Name a text file.") from error


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _known(name: str, names: list[str]) -> str:
    from hosting._text import did_you_mean

    return f"{did_you_mean(name, names)} It has {', '.join(names[:20]) or 'none'}.".strip()
