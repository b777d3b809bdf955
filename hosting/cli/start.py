"""``hosting start``: serve a function app."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hosting._collection import collection_paused
from hosting.cli.help import Command
from hosting.cli.params import FUNCTIONS, Choice, Duration, comma_separated_option, complete_folders
from hosting.errors import HostingError
from hosting.runner.debugger import DEFAULT_PORT as DEBUG_PORT


class _StartCommand(Command):
    """Parses ``--debug`` without a value: what follows is the port only if it is a number, else it is the folder."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; a folder after ``--debug`` is not taken for its port."""
        following = [*args[1:], ""]
        return super().parse_args(
            ctx,
            [
                f"--debug={DEBUG_PORT}" if one == "--debug" and not after.isdigit() else one
                for one, after in zip(args, following, strict=False)
            ],
        )


def _pem_file() -> click.Path:
    return click.Path(path_type=Path, resolve_path=True)  # the app's folder becomes the working directory


@click.command(
    cls=_StartCommand,
    examples=[
        "hosting start",
        "hosting start shop --port 8080 --reload",
        "hosting start shop --functions Orders,Report --log-format json",
        "hosting start shop --allowed-host shop.test,abc.tunnel.example",
    ],
    page="reference/configuration",
)
@click.argument("app_dir", default=".", type=click.Path(path_type=Path), shell_complete=complete_folders)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Port to listen on; 0 picks a free one (default: the variable PORT, Host.LocalHttpPort, or 7071).",
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: Host.LocalHttpAddress, or 127.0.0.1).")
@FUNCTIONS
@click.option("--verbose", is_flag=True, help="Log what the host itself does, and show tracebacks (default: off).")
@click.option(
    "--log-format",
    type=Choice(["console", "json"]),
    default="console",
    help="Log lines for people or for programs (default: console).",
)
@click.option(
    "--log-style",
    type=Choice(["short", "azure"]),
    help="One line an invocation, or those of Azure's host (default: short on a terminal, else azure).",
)
@click.option(
    "--missing-outputs",
    type=Choice(["refuse", "log"]),
    help="Refuse functions with outputs that no package provides, or log the values (default: host.json, or refuse).",
)
@click.option(
    "--strict", is_flag=True, help="Exit with code 1 if an extension fails to start (default: serve without it)."
)
@click.option(
    "--grace",
    type=Duration(),
    default=10.0,
    metavar="SECONDS",
    help="Time that running invocations get to finish when the host stops (default: 10).",
)
@click.option(
    "--drain-delay",
    type=Duration(),
    metavar="SECONDS",
    help="Time in which the host still accepts requests after SIGTERM (default: 5; 0 on a loopback address).",
)
@click.option(
    "--until-idle",
    is_flag=True,
    help="Stop once every queue is empty and nothing runs, for jobs (default: run until stopped).",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Processes that serve the app (default: FUNCTIONS_WORKER_PROCESS_COUNT, WEB_CONCURRENCY, or 1).",
)
@click.option("--reload", is_flag=True, help="Reload the app when one of its files changes (default: off).")
@click.option(
    "--debug",
    type=click.IntRange(1, 65535),
    is_flag=False,
    flag_value=DEBUG_PORT,
    metavar="[PORT]",
    help=f"Let a debugger attach on this machine; needs debugpy (default: off; port {DEBUG_PORT} if none is given).",
)
@click.option(
    "--wait-for-debugger",
    is_flag=True,
    help="Load the app after a debugger has attached; implies --debug (default: off).",
)
@click.option("--cert", type=_pem_file(), metavar="FILE", help="Serve HTTPS with this PEM certificate (default: HTTP).")
@click.option("--key", type=_pem_file(), metavar="FILE", help="Private key of the certificate (default: in --cert).")
@click.option(
    "--enable-auth/--no-auth",
    "auth",
    default=None,
    help="Require keys (default: only when other machines can connect).",
)
@click.option(
    "--cors",
    multiple=True,
    callback=comma_separated_option,
    metavar="ORIGIN,...",
    help="Allowed CORS origins, or * for any (default: Host.CORS, or none).",
)
@click.option(
    "--cors-credentials", is_flag=True, help="Allow cookies in CORS requests (default: Host.CORSCredentials, or off)."
)
@click.option(
    "--allowed-host",
    multiple=True,
    callback=comma_separated_option,
    metavar="NAME,...",
    help="Further host names for /admin and webhooks without keys, or * for any (default: local names).",
)
@click.option(
    "--ui/--no-ui",
    default=True,
    help="Record what the host does, for the page that shows it and for hosting top (default: --ui).",
)
def start(app_dir: Path, **options: object) -> None:
    """Serve a function app.

    APP_DIR is the app's folder, or a file in it such as function_app.py (default: the current folder, or the nearest
    one above it with a host.json). Defaults that begin with Host are settings in the app's
    local.settings.json. Ctrl-C or SIGTERM stops the host when running invocations have finished.
    """
    with collection_paused():
        from hosting.apps.folder import app_folder
        from hosting.runner.errors import report_error
        from hosting.runner.options import StartOptions
        from hosting.runner.start import start as serve

    if options["key"] and not options["cert"]:
        raise click.UsageError("--key needs --cert.")
    if options["until_idle"] and options["reload"]:
        raise click.UsageError("--until-idle cannot be combined with --reload, which waits for edits.")
    if options["wait_for_debugger"] and options["debug"] is None:
        options["debug"] = DEBUG_PORT
    start_options = StartOptions(app_dir, **options)  # type: ignore[arg-type]
    try:
        root = app_folder(app_dir)
        if app_dir.is_dir() and root != app_dir.resolve() and start_options.log_format == "console":
            click.echo(f"The function app is in {root}.")
        serve(start_options._replace(root=root))
    except HostingError as error:
        report_error(error, start_options)
        sys.exit(error.exit_code)
