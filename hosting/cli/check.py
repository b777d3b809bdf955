"""The command ``hosting check``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hosting._text import comma_separated
from hosting.cli.completion import complete_folders


def _codes(_context: click.Context, _parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Take codes, or how they begin, by repetition or by commas."""
    from hosting.check.rules import RULES

    codes = tuple(code.upper() for value in values for code in comma_separated(value))
    for code in codes:
        if not any(rule.startswith(code) for rule in RULES):
            raise click.BadParameter(f"no rule is called {code!r}, and none begins so.")
    return codes


@click.command()
@click.argument("path", default=".", type=click.Path(path_type=Path), shell_complete=complete_folders)
@click.option("--json", "as_json", is_flag=True, help="Print the document for machines.")
@click.option("--strict", is_flag=True, help="End with exit code 1 for warnings, too.")
@click.option(
    "--select", multiple=True, callback=_codes, metavar="CODE,...", help="Only these rules; APP3 is all of those."
)
@click.option("--ignore", multiple=True, callback=_codes, metavar="CODE,...", help="All but these rules.")
def check(path: Path, as_json: bool, strict: bool, select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
    """Tell what is wrong with the function app, or the extension's project, in PATH before it is published.

    Its code is imported, as when it is hosted. Ends with 1 if there is an error.
    """
    from hosting.check.console import print_report
    from hosting.check.run import run
    from hosting.errors import HostingError, print_error

    try:
        report = run(path).only(select, ignore)
    except HostingError as error:
        print_error(error)
        sys.exit(1)
    if as_json:
        click.echo(json.dumps(report.document(), indent=2, ensure_ascii=False))
    else:
        print_report(report, sys.stdout)
    sys.exit(1 if report.count("error") or (strict and report.findings) else 0)
