"""What ``hosting start`` says once it serves: the functions, the extensions, the address, and what is wrong."""

from __future__ import annotations

import logging

import click

from hosting.core import Problem
from hosting.host.function_host import FunctionHost
from hosting.runner.listing import extension_line, function_lines
from hosting.runner.options import StartOptions

_logger = logging.getLogger("hosting.start")


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
