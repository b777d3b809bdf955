"""The ``hosting`` command. Each subcommand imports what it needs when it runs, so that ``--help`` is quick."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import click

import hosting
from hosting.errors import HostingError

Command = Callable[..., None]


def _app_dir(command: Command) -> Command:
    return click.argument("app_dir", default=".", type=click.Path(path_type=Path))(command)


def _functions(command: Command) -> Command:
    told = "Load only these functions."
    return click.option("--functions", multiple=True, callback=_names, metavar="NAME,...", help=told)(command)


def _names(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Take a list by repetition or by commas."""
    return tuple(name.strip() for value in values for name in value.split(",") if name.strip())


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(hosting.__version__, prog_name="hosting")
def cli() -> None:
    """Run Azure Functions apps in one Python process, with extensions that pip installs."""


@cli.command()
@_app_dir
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port to listen on [7071]; 0 takes a free one.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on [127.0.0.1].")
@_functions
@click.option("--verbose", is_flag=True, help="Show what the host itself does, and tracebacks.")
@click.option(
    "--log-format", type=click.Choice(["console", "json"]), default="console", help="Lines for people or for machines."
)
@click.option("--strict", is_flag=True, help="End with exit code 1 if any extension fails at start.")
@click.option(
    "--grace", type=click.FloatRange(0), default=10.0, show_default=True, help="Seconds to finish work when stopping."
)
def start(app_dir: Path, **options: object) -> None:
    """Serve the function app in APP_DIR (the current folder by default)."""
    from hosting.faces.start import StartOptions
    from hosting.faces.start import start as serve

    try:
        serve(StartOptions(app_dir.resolve(), **options))  # type: ignore[arg-type]
    except HostingError as error:
        fail(error, verbose=bool(options["verbose"]))


@cli.command()
@_app_dir
@_functions
@click.option("--json", "as_json", is_flag=True, help="Print the document for machines.")
def diag(app_dir: Path, functions: tuple[str, ...], as_json: bool) -> None:
    """Tell which extensions are loaded for the app in APP_DIR, what failed, and what to do about it."""
    from hosting.faces.diag import diagnose, own_stdout, print_json, print_tables

    with own_stdout() as stream:
        document, failure = diagnose(app_dir.resolve(), functions)
        (print_json if as_json else print_tables)(document, stream)
    sys.exit(1 if failure else 0)


def fail(error: HostingError, *, verbose: bool = False) -> NoReturn:
    """Tell a person's mistake in one message and end with 1; with ``verbose``, where in their code it came from."""
    if verbose and error.__cause__ is not None:
        click.echo("".join(traceback.format_exception(error.__cause__)), err=True)
    click.echo(str(error), err=True)
    sys.exit(1)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process: 0, 1 for a mistake that is told, 2 for wrong usage, 130 for Ctrl-C.

    Args:
        arguments: the process's own by default.
    """
    try:
        cli.main(arguments, prog_name="hosting", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(0)
