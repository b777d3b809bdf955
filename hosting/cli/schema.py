"""``hosting schema``: write the JSON Schema of an app's host.json, with the settings of its extensions."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout, silenced_app
from hosting.cli.params import APP_DIR


@click.command(
    cls=Command,
    examples=["hosting schema", "hosting schema shop -o shop/host.schema.json", "hosting schema shop --check"],
    page="how-to/typed-settings",
)
@APP_DIR
@click.option(
    "-o",
    "--output",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="File to write (default: standard output).",
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; exit with code 1 if FILE, or else the app's host.schema.json, is out of date (default: off).",
)
def schema(app_dir: Path, file: Path | None, check: bool) -> None:
    """Write the JSON Schema of host.json.

    It has the settings of the extensions that are installed, so that an editor completes and checks them where
    host.json names the file as its $schema. The extensions are imported, the app in APP_DIR (default: the current
    folder) is not.
    """
    from hosting.errors import HostingError, print_error
    from hosting.host.host_json_schema import FILE, schema_of_app

    file = None if file is None else file.absolute()
    with reserved_stdout() as stream:
        try:
            with silenced_app():
                text, problems = schema_of_app(app_dir)
        except HostingError as error:
            print_error(error)
            sys.exit(error.exit_code)
        for problem in problems:
            click.echo(f"Warning: {problem}", err=True)
        if check:
            sys.exit(_compare(file or app_dir / FILE, text))
        if file is None:
            stream.write(text)
        else:
            _write(file, text)


def _write(file: Path, text: str) -> None:
    from hosting._files import write_atomically

    try:
        write_atomically(file, text, durable=False)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}.") from error


def _compare(file: Path, text: str) -> int:
    """Return the exit code for a file: 0 if it has the text."""
    try:
        found = file.read_text("utf-8")
    except (OSError, ValueError):
        found = None
    if found == text:
        click.echo(f"{file} is up to date.", err=True)
        return 0
    state = "does not exist or cannot be read" if found is None else "is not up to date"
    click.echo(f"Error: {file} {state}.\n  Run: hosting schema -o {file}", err=True)
    return 1
