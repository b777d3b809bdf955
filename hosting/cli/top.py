"""``hosting top``: show what a running host does, again and again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from hosting.cli.functions import console_for_tables, functions_table
from hosting.cli.help import Command
from hosting.cli.params import Duration
from hosting.cli.running_host import RunningHost, connect, running_host_options, without_token

_ROWS_BESIDES_FUNCTIONS = 8
_BARS = " ▁▂▃▄▅▆▇█"


@click.command(
    cls=Command,
    examples=["hosting top", "hosting top https://shop.example", "hosting top --json"],
    page="how-to/what-is-the-host-doing",
)
@click.option("--interval", type=Duration(0.2), default=1.0, metavar="SECONDS", help="How often to ask (default: 1).")
@running_host_options
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document once (default: a view that is renewed).")
def top(url: str, interval: float, key: str, app_dir: Path, as_json: bool) -> None:
    """Show what a running host does, again and again.

    Shows rates, errors, durations, and each function. In a terminal the view is renewed until Ctrl-C; elsewhere it
    is printed once. The functions that run most come first. URL is the host's address (default: HOSTING_URL, or
    http://localhost:7071).
    """
    host = connect(url, key, app_dir)
    figures, chart = _ask(host)
    if as_json:
        click.echo(json.dumps({**without_token(figures), "chart": chart}, indent=2))
        return
    console = console_for_tables()
    # FORCE_COLOR makes any output a terminal for rich, and rich renews nothing in a dumb one.
    if sys.stdout.isatty() and not console.is_dumb_terminal:
        _renew(host, console, (figures, chart), interval)
    else:
        console.print(_view(host.url, figures, chart, None))


def _renew(host: RunningHost, console: Any, first: tuple[Any, Any], interval: float) -> None:
    from rich.live import Live

    figures, chart = first
    view = _view(host.url, figures, chart, console.height)
    with Live(view, console=console, screen=True, auto_refresh=False) as live:
        while True:
            before, asked = figures, time.monotonic()
            time.sleep(interval)
            figures, chart = _ask(host)
            rate = (figures["totals"]["invocations"] - before["totals"]["invocations"]) / (time.monotonic() - asked)
            live.update(_view(host.url, figures, chart, console.height, max(0.0, rate)), refresh=True)


def _ask(host: RunningHost) -> tuple[Any, Any]:
    return host.document("host/figures", "functions"), host.document("host/chart", "points")


def _view(url: str, figures: Any, chart: Any, height: int | None, rate: float | None = None) -> Any:
    """Return what is shown, in as many rows as there are."""
    from rich.console import Group
    from rich.text import Text

    host, totals, points = figures["host"], figures["totals"], chart["points"]
    uptime = timedelta(seconds=host["processUptime"] // 1000)
    rate = points[-1]["invocations"] / chart["secondsPerPoint"] if rate is None and points else rate or 0.0
    shares = ("p50", "p95", "p99")
    durations = ", ".join(f"{share} {points[-1][share]:g} ms" for share in shares) if points else "none"
    many = sorted(figures["functions"], key=_busy)
    shown = many if height is None else many[: max(1, height - _ROWS_BESIDES_FUNCTIONS)]
    lines = [
        f"{host['id']} at {url}: {host['state']} for {uptime}, hosting {host['version']}",
        f"{rate:.1f}/s now; {', '.join(f'{totals[name]} {name}' for name in ('invocations', 'errors', 'running'))}",
        f"latest durations: {durations}",
        f"last hour {_bars(points)}",
    ]
    more = [Text(f"... and {len(many) - len(shown)} more functions")] if len(shown) < len(many) else []
    errors = [Text(text, style="red") for text in host["errors"][:3]]
    return Group(*map(Text, lines), *errors, Text(""), functions_table(shown), *more)


def _busy(function: Mapping[str, Any]) -> tuple[int, int, str]:
    return -function["running"], -function["invocations"], function["name"]


def _bars(points: list[Mapping[str, float]], width: int = 60) -> str:
    """Return the invocations of each minute of the last hour as a row of bars."""
    if not points:
        return "-"
    end = points[-1]["time"]
    minutes = [0.0] * width
    for point in points:
        place = width - 1 - int((end - point["time"]) // 60)
        if place >= 0:
            minutes[place] += point["invocations"]
    most = max(minutes) or 1
    return "".join(_BARS[-(-int(count * (len(_BARS) - 1)) // int(most))] if count else _BARS[0] for count in minutes)
