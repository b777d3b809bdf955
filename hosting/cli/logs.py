"""``hosting logs``: print the log lines and the invocations of a running host."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from hosting.cli.help import Command
from hosting.cli.running_host import RunningHost, connect, running_host_options
from hosting.errors import HostingError
from hosting.logging.tail import plain_text

_STYLES = {"error": "red", "critical": "red", "warning": "yellow", "debug": "bright_black"}


@click.command(
    cls=Command,
    examples=["hosting logs", "hosting logs --follow --function Order", "hosting logs --json --last 500"],
    page="how-to/what-is-the-host-doing",
)
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now on (default: off).")
@click.option("--last", type=click.IntRange(0, 500), default=50, metavar="COUNT", help="How many (default: 50).")
@click.option("--function", default="", metavar="NAME", help="Only those of this function (default: all).")
@click.option("--invocation", default="", metavar="ID", help="Only those of this invocation (default: all).")
@running_host_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line (default: text).")
def logs(
    url: str, follow: bool, last: int, function: str, invocation: str, key: str, app_dir: Path, as_json: bool
) -> None:
    """Print the latest log lines and invocations of a running host.

    The host keeps the latest 1,000 lines and 500 invocations. URL is the host's address (default: HOSTING_URL, or
    http://localhost:7071).
    """
    host = connect(url, key, app_dir)
    for name, items in _following(host, function, last) if follow else _kept(host, function, invocation, last):
        for item in items:
            if not invocation or item.get("invocationId") == invocation:
                _print(name, item, as_json)


def _kept(host: RunningHost, function: str, invocation: str, last: int) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Yield lines and invocations in the order of their times."""
    lines = host.document("host/logs", "lines", function=function, invocation=invocation, last=last)["lines"]
    ended = host.document("host/invocations", "invocations", function=function, last=last)["invocations"]
    found = sorted([*(("logs", one) for one in lines), *(("invocations", one) for one in ended)], key=_time)
    for name, item in found[-last:] if last else []:
        yield name, [item]


def _following(host: RunningHost, function: str, last: int) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Yield lines and invocations as they happen."""
    name = ""
    for name, data in host.events(function=function, past=last):
        if name in ("logs", "invocations"):
            yield name, data
        elif name == "dropped":
            yield name, [data]
    if name != "end":
        raise HostingError(
            f"The connection to the host at {host.url} has ended, and the host did not say that it stops.",
            remedy=f"See whether it runs: hosting health {host.url}",
        )
    click.echo(f"The host at {host.url} stops.", err=True)


def _time(one: tuple[str, dict[str, Any]]) -> str:
    return str(one[1].get("ended", one[1]["time"]))


def _print(name: str, item: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"event": name, **item}))
    elif name == "dropped":
        click.echo(f"... {item['count']} {item['kind']} are missing: they came too fast.", err=True)
    elif name == "logs":
        about = f"{item['function']}: " if item["function"] else ""
        text = plain_text(f"{item['time']} {about}{item['message']}")
        click.secho(text, fg=_STYLES.get(item["level"]))
    else:
        click.secho(plain_text(invocation_text(item)), fg="red" if item["error"] else "green")


def invocation_text(item: Mapping[str, Any]) -> str:
    """Return one line about an invocation."""
    trigger = item["trigger"]
    request = f" {trigger['method']} {trigger['path']}" if "method" in trigger and "path" in trigger else ""
    code = "" if item["statusCode"] is None else f" {item['statusCode']}"
    attempt = f" attempt {item['attempt']}" if item["attempt"] > 1 else ""
    error = f" {item['error']}" if item["error"] else ""
    status = item["status"].lower()
    return f"{item['ended']} {item['function']} {status}{code} {item['durationMs']:.1f} ms{attempt}{request}{error}"
