"""The ``hosting`` command. Each subcommand imports what it needs when it runs, so that ``--help`` is quick."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

import click

from hosting.cli.check import check
from hosting.cli.completion import complete_folders, complete_functions, completion
from hosting.cli.keys import keys
from hosting.cli.new import new
from hosting.cli.params import Choice, several
from hosting.errors import HostingError, print_error
from hosting.runner.debugger import DEFAULT_PORT as DEBUG_PORT

Command = Callable[..., None]


def _app_dir(command: Command) -> Command:
    kind = click.Path(path_type=Path)
    return click.argument("app_dir", default=".", type=kind, shell_complete=complete_folders)(command)


def _file() -> click.Path:
    return click.Path(path_type=Path, resolve_path=True)  # the app's folder becomes the working directory


def _functions(command: Command) -> Command:
    option = click.option(
        "--functions",
        multiple=True,
        callback=several,
        shell_complete=complete_functions,
        metavar="NAME,...",
        help="Load only these functions.",
    )
    return option(command)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    subcommand_metavar="COMMAND [ARGS]...",
)
@click.option("--version", is_flag=True, help="Show the versions of what matters, and exit.")
@click.option("--json", "as_json", is_flag=True, help="With --version: print them for machines.")
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
    _refuse_deleted_folder()


def _refuse_deleted_folder() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise click.ClickException("The current folder has been deleted. Go to another one: cd ~") from None


class _Start(click.Command):
    """Leaves a folder that follows ``--debug`` to be the folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        following = [*args[1:], ""]
        return super().parse_args(
            ctx,
            [
                f"--debug={DEBUG_PORT}" if one == "--debug" and not after.isdigit() else one
                for one, after in zip(args, following, strict=False)
            ],
        )


@cli.command(cls=_Start)
@_app_dir
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port to listen on [7071]; 0 takes a free one.")
@click.option("--host", metavar="ADDRESS", help="Address to listen on [127.0.0.1].")
@_functions
@click.option("--verbose", is_flag=True, help="Show what the host itself does, and tracebacks.")
@click.option(
    "--log-format", type=Choice(["console", "json"]), default="console", help="Lines for people or for machines."
)
@click.option("--strict", is_flag=True, help="End with exit code 1 if any extension fails at start.")
@click.option(
    "--grace", type=click.FloatRange(0), default=10.0, show_default=True, help="Seconds to finish work when stopping."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    metavar="N",
    help="Processes that serve [FUNCTIONS_WORKER_PROCESS_COUNT, or 1].",
)
@click.option("--reload", is_flag=True, help="Load the app again when one of its files changes.")
@click.option(
    "--debug",
    type=click.IntRange(1, 65535),
    is_flag=False,
    flag_value=DEBUG_PORT,
    metavar="[PORT]",
    help=f"Let a debugger attach on this machine [{DEBUG_PORT}]; needs debugpy.",
)
@click.option("--wait-for-debugger", is_flag=True, help="Load the app only once a debugger has attached.")
@click.option("--cert", type=_file(), metavar="FILE", help="Serve HTTPS with this PEM certificate.")
@click.option("--key", type=_file(), metavar="FILE", help="The certificate's key, if not in --cert.")
@click.option("--enable-auth/--no-auth", "auth", default=None, help="Whether callers need keys [if others can call].")
@click.option(
    "--cors", multiple=True, callback=several, metavar="ORIGIN,...", help="Whose pages may call, or * [Host.CORS]."
)
@click.option("--cors-credentials", is_flag=True, help="Let those pages send cookies [Host.CORSCredentials].")
def start(app_dir: Path, **options: object) -> None:
    """Serve the function app in APP_DIR (the current folder by default)."""
    from hosting.runner.options import StartOptions
    from hosting.runner.start import start as serve

    if options["key"] and not options["cert"]:
        raise click.UsageError("--key needs --cert.")
    if options["wait_for_debugger"] and options["debug"] is None:
        options["debug"] = DEBUG_PORT
    try:
        serve(StartOptions(app_dir.resolve(), **options))  # type: ignore[arg-type]
    except HostingError as error:
        fail(error, verbose=bool(options["verbose"]))


@cli.command()
@_app_dir
@_functions
@click.option("--json", "as_json", is_flag=True, help="Print the document for machines.")
@click.option("--verify", is_flag=True, help="Check files of extensions against what was installed; 1 if they differ.")
def diag(app_dir: Path, functions: tuple[str, ...], as_json: bool, verify: bool) -> None:
    """Tell which extensions are loaded for the app in APP_DIR, what failed, and what to do about it."""
    from hosting.cli.diag import diagnose, own_stdout, print_json, print_tables

    with own_stdout() as stream:
        document, failure = diagnose(app_dir.resolve(), functions, verify=verify)
        (print_json if as_json else print_tables)(document, stream)
    tampered = any(one["status"] == "tampered" for one in document.get("verification", ()))
    sys.exit(1 if failure or tampered else 0)


cli.add_command(check)
cli.add_command(completion)
cli.add_command(keys)
cli.add_command(new)


def fail(error: HostingError, *, verbose: bool = False) -> NoReturn:
    """Tell a person's mistake in one message and end with 1; with ``verbose``, where in their code it came from."""
    print_error(error, verbose=verbose)
    sys.exit(1)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process: 0, 1 for a mistake that is told, 2 for wrong usage, 130 for Ctrl-C.

    Args:
        arguments: the process's own by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal cannot show stops no command
    try:
        cli.main(arguments, prog_name="hosting", standalone_mode=False)
    except HostingError as error:
        fail(error)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(0)
