"""The ``hosting`` command. Each subcommand imports what it needs when it runs, so that ``--help`` is fast."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from hosting._commands import BUILT_IN_COMMANDS
from hosting._exceptions import traceback_text
from hosting.cli.installed import Commands, RootGroup
from hosting.errors import HostingError, print_error


@click.group(
    cls=RootGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
    commands=Commands("hosting.cli", *BUILT_IN_COMMANDS),
    examples=["hosting new app shop", "hosting start shop", "hosting COMMAND --help"],
)
@click.option("--version", is_flag=True, help="Show the versions of hosting, Python and plugins, and exit.")
@click.option("--json", "as_json", is_flag=True, help="With --version: print them as JSON.")
@click.pass_context
def cli(context: click.Context, version: bool, as_json: bool) -> None:
    """Run Azure Functions apps in one Python process, with extensions that pip installs."""
    if as_json and not version:
        raise click.UsageError("--json needs --version before it, or belongs after the command's name.")
    if version:
        from hosting.cli.version import version_text

        click.echo(version_text(as_json=as_json))
        context.exit()
    if context.invoked_subcommand is None:
        raise click.exceptions.NoArgsIsHelpError(context)
    _check_current_folder()


def _check_current_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise click.ClickException("The current folder has been deleted. Go to another one: cd ~") from None


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Exit codes: 0; 1 for an error that a person can fix, printed as one message; 2 for wrong usage; 130 for Ctrl-C.

    Args:
        arguments: the arguments after the program's name; those of this process by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal's encoding may lack characters of a message
    try:
        cli.main(arguments, prog_name="hosting", standalone_mode=False)
    except HostingError as error:
        print_error(error)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except ModuleNotFoundError:
        raise  # the caller knows what to install
    except Exception as error:  # noqa: BLE001 - a defect: Python would print secrets with its traceback
        print(traceback_text(error), file=sys.stderr)
        sys.exit(1)
    sys.exit(0)
