"""``hosting health``: ask a host whether it works, for the health checks of containers."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from contextlib import closing
from typing import Any
from urllib.parse import SplitResult, urlsplit

import click

from hosting.cli.connection import open_connection
from hosting.cli.help import Command
from hosting.cli.params import Choice, Duration

DEFAULT_PORT = 7071
_STATUSES = {status: status for status in ("Healthy", "Degraded", "Unhealthy")}
_MAX_PORT = 65535
_MARGIN_SECONDS = 0.1
_PATHS = {"ready": "/admin/health/ready", "live": "/admin/health/live", "all": "/admin/health"}


@click.command(
    cls=Command,
    examples=[
        "hosting health",
        "hosting health http://127.0.0.1:8080 --timeout 2",
        "hosting health --probe live --json",
    ],
    page="how-to/check-health",
)
@click.argument("url", required=False)
@click.option(
    "--probe",
    type=Choice(sorted(_PATHS)),
    default="ready",
    help="Whether it takes requests, whether its process answers, or all checks (default: ready).",
)
@click.option(
    "--timeout",
    type=Duration(is_open=True),
    default=5.0,
    metavar="SECONDS",
    help="Time that the host has to answer (default: 5).",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: a line).")
def health(url: str | None, probe: str, timeout: float, as_json: bool) -> None:
    """Ask a host whether it works.

    URL is the host's address (default: http://127.0.0.1, with the port in the variable PORT, or 7071). Exits with 0 if
    the host is healthy or degraded, with 1 if it is unhealthy or does not answer. No key is needed.
    """
    address = url or f"http://127.0.0.1:{_port()}"
    parts = _checked(address)
    status, reason = _ask_within(parts, _PATHS[probe], timeout)
    if as_json:
        click.echo(json.dumps({"url": address, "probe": probe, "status": status, "reason": reason or None}))
    else:
        click.echo(f"{status}: {reason}" if reason else status, err=bool(reason))
    sys.exit(1 if reason else 0)


def _port() -> str:
    """Return the port of the host that this container starts.

    Raises:
        click.UsageError: the variable ``PORT`` is not a port.
    """
    text = os.environ.get("PORT", "").strip()
    if not text:
        return str(DEFAULT_PORT)
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MAX_PORT:
        return text
    raise click.UsageError(f"PORT: expected a port from 1 to {_MAX_PORT}, found {text!r}.")


def _checked(address: str) -> SplitResult:
    """Return the parts of a URL.

    Raises:
        click.UsageError: it is not the URL of a host.
    """
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        is_usable = is_usable and not re.search(r"[\s\x00-\x1f\x7f]", address)
    except ValueError:
        is_usable = False
    if not is_usable:
        raise click.UsageError(f"{address!r} is not the URL of a host, such as http://127.0.0.1:{DEFAULT_PORT}.")
    return parts


def _ask_within(parts: SplitResult, path: str, seconds: float) -> tuple[str, str]:
    """Return what ``_ask`` does; a host that answers byte by byte has no more time than any other one."""
    found: list[tuple[str, str]] = []
    asking = threading.Thread(target=lambda: found.append(_ask(parts, path, seconds)), name="health", daemon=True)
    asking.start()
    asking.join(seconds + _MARGIN_SECONDS)
    return found[0] if found else ("Unreachable", _late(seconds))


def _late(seconds: float) -> str:
    return f"it has not answered within {seconds:g} s"


def _ask(parts: SplitResult, path: str, seconds: float) -> tuple[str, str]:
    """Return the status that a host reports, and why it is not healthy; the reason is empty if it is."""
    from http.client import HTTPException

    connection = open_connection(parts.scheme, str(parts.hostname), parts.port, seconds)
    try:
        connection.request("GET", parts.path.rstrip("/") + path)
        with closing(connection.getresponse()) as response:
            code, body = response.status, response.read(10_000)
    except (OSError, HTTPException) as error:
        text = _late(seconds) if isinstance(error, TimeoutError) else " ".join(str(error).split())
        return "Unreachable", "".join(filter(str.isprintable, text)) or type(error).__name__
    finally:
        connection.close()
    return _status(code, body)


def _status(code: int, body: bytes) -> tuple[str, str]:
    try:
        document: Any = json.loads(body)
        status = _STATUSES[document["status"]]
    except (ValueError, KeyError, TypeError):
        return "Unknown", f"the answer is not that of a health endpoint: status {code}"
    return status, "" if code == 200 else f"the host answers {code}"
