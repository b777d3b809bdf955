"""``hosting start``: take the port, load, serve, drain, and end with the right exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import click

from hosting.apps import LocalSettings, read_local_settings
from hosting.core import Problem
from hosting.faces.environment import enter
from hosting.faces.listing import extension_line, function_lines
from hosting.faces.logs import LogFormat, Logs
from hosting.host.function_host import FunctionHost

DEFAULT_PORT = 7071
DEFAULT_ADDRESS = "127.0.0.1"
_LOCAL = ("127.0.0.1", "0.0.0.0", "::", "::1")

_logger = logging.getLogger("hosting.start")


@dataclass(frozen=True, slots=True)
class StartOptions:
    """The flags of ``hosting start``; None where one was not given."""

    root: Path
    host: str | None = None
    port: int | None = None
    functions: Sequence[str] = ()
    verbose: bool = False
    log_format: LogFormat = "console"
    strict: bool = False
    grace: float = 10.0


def start(options: StartOptions) -> None:
    """Serve an app until a signal, then end the process.

    Raises:
        HostingError: the app does not load, or the port is taken.
    """
    from hosting.faces.asgi import HostApp
    from hosting.faces.server import Server, leave, listen

    settings = read_local_settings(options.root)
    address, port = place(options, settings)
    with listen(address, port) as socket:
        # Until it serves there is nothing to drain.
        signal.signal(signal.SIGTERM, lambda _number, _frame: os._exit(0))
        base = url(address, socket.getsockname()[1])
        enter(options.root, base.partition("//")[2])
        logs = Logs(options.log_format, verbose=options.verbose)
        try:
            host = FunctionHost(options.root, functions=options.functions, strict=options.strict)
            host.load(settings)
            logs.origin.follow(host.running)
            server = Server(
                HostApp(host, grace=options.grace),
                grace=options.grace,
                ready=lambda: announce(host, base, options),
                stop_at_once=lambda: stop_at_once(logs),
            )
            server.serve_until_signal(socket)
        finally:
            logs.close()
    leave(server.exit_code, time.monotonic() + options.grace)


def stop_at_once(logs: Logs) -> NoReturn:
    """End now, with what is logged so far written."""
    logs.flush()
    sys.stdout.flush()
    os._exit(130)


def place(options: StartOptions, settings: LocalSettings) -> tuple[str, int]:
    """Address and port: flags first, then ``local.settings.json``, then the defaults of Core Tools."""
    port = options.port if options.port is not None else settings.port
    return options.host or settings.address or DEFAULT_ADDRESS, DEFAULT_PORT if port is None else port


def url(address: str, port: int) -> str:
    """The address as a person would type it."""
    name = "localhost" if address in _LOCAL else f"[{address}]" if ":" in address else address
    return f"http://{name}:{port}"


def announce(host: FunctionHost, base: str, options: StartOptions) -> None:
    """Say what is served and what is wrong: as text for people, as log lines where those are JSON."""
    lines = list(function_lines(host, base))
    extensions = extension_line(host.extensions.diagnosis())
    if options.log_format == "json":
        for line in filter(None, [*lines, extensions, f"Listening on {base}"]):
            _logger.info(line)
    else:
        click.echo("\nFunctions:\n" if lines else "")
        for line in lines:
            click.echo(line + "\n" if line.startswith("Function ") else f"\t{line}\n")
        click.echo(extensions + "\n" if extensions else "", nl=False)
        click.echo(f"Listening on {base} (Ctrl+C to stop)")
        if not options.verbose:
            click.echo("For detailed output, run hosting start with --verbose.\n")
    for name in host.skipped_settings:
        text = "Skipping '%s' from local settings as it's already defined in current environment variables."
        logging.getLogger("hosting.settings").info(text, name)
    for problem in host.problems:
        _logger.log(logging.ERROR if problem.severity == "error" else logging.WARNING, told(problem))


def told(problem: Problem) -> str:
    """A problem as one log message."""
    where = "" if problem.file is None else f" ({problem.file}{f':{problem.line}' if problem.line else ''})"
    return f"{problem.message}{where}" + (f" {problem.remedy}" if problem.remedy else "")
