"""``hosting check``: report what is wrong with a project before it is published."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from hosting.cli.help import Command
from hosting.cli.params import comma_separated_option, complete_folders


def _codes(context: click.Context, parameter: click.Parameter, values: Sequence[str]) -> tuple[str, ...]:
    """Return the codes of rules, or the beginnings of codes, that an option names."""
    from hosting.check.rules import RULES

    codes = tuple(code.upper() for code in comma_separated_option(context, parameter, values))
    for code in codes:
        if not any(rule.startswith(code) for rule in RULES):
            raise click.BadParameter(f"no rule has the code {code!r}, or a code that starts with it.")
    return codes


@click.command(
    cls=Command,
    examples=[
        "hosting check",
        "hosting check shop --select APP3 --ignore APP307",
        "hosting check shop --json --strict",
    ],
    page="how-to/check-before-you-publish",
)
@click.argument("path", default=".", type=click.Path(path_type=Path), shell_complete=complete_folders)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: one line for each finding).")
@click.option("--strict", is_flag=True, help="Exit with code 1 for warnings, too (default: only for errors).")
@click.option(
    "--select",
    multiple=True,
    callback=_codes,
    metavar="CODE,...",
    help="Check only these rules; APP3 stands for all codes that start with it (default: all).",
)
@click.option(
    "--ignore", multiple=True, callback=_codes, metavar="CODE,...", help="Leave out these rules (default: none)."
)
def check(path: Path, as_json: bool, strict: bool, select: tuple[str, ...], ignore: tuple[str, ...]) -> None:
    """Check a project before it is published.

    PATH is the folder of a function app or of an extension's project (default: the current folder). Its code is
    imported in a separate process. Exits with code 1 if there is an error.
    """
    from hosting.check.console import print_report
    from hosting.check.run import run
    from hosting.errors import HostingError, print_error

    try:
        report = run(path).only(select, ignore)
    except HostingError as error:
        print_error(error)
        sys.exit(error.exit_code)
    if as_json:
        click.echo(json.dumps(report.document(), indent=2, ensure_ascii=False))
    else:
        print_report(report, sys.stdout)
    sys.exit(1 if report.count("error") or (strict and report.findings) else 0)
