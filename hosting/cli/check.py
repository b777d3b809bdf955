"""``hosting check``: report what is wrong with a project before it is published."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from hosting.cli.help import Command
from hosting.cli.params import Choice, comma_separated_option, complete_folders

if TYPE_CHECKING:
    from hosting.check.report import Report

FORMATS = ("text", "json", "sarif", "junit")


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
        "hosting check shop --format sarif --output hosting.sarif",
    ],
    page="how-to/check-before-you-publish",
)
@click.argument("path", default=".", type=click.Path(path_type=Path), shell_complete=complete_folders)
@click.option(
    "--format",
    "format_name",
    type=Choice(FORMATS),
    default="text",
    help="Lines for people, a JSON document, SARIF for code scanning, or JUnit XML (default: text).",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json (default: off).")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the report to this file (default: standard output).",
)
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
def check(
    path: Path,
    format_name: str,
    as_json: bool,
    output: Path | None,
    strict: bool,
    select: tuple[str, ...],
    ignore: tuple[str, ...],
) -> None:
    """Check a project before it is published.

    PATH is the folder of a function app or of an extension's project (default: the current folder). Its code is
    imported in a separate process. Exits with code 1 if there is an error.
    """
    from hosting.check.run import run
    from hosting.errors import HostingError, print_error

    if as_json and format_name not in ("text", "json"):
        raise click.UsageError(f"--json and --format {format_name} exclude each other.")
    try:
        report = run(path).only(select, ignore)
        with _opened(output) as stream:
            _print(report, "json" if as_json else format_name, stream, strict=strict)
    except HostingError as error:
        print_error(error)
        sys.exit(error.exit_code)
    sys.exit(1 if report.count("error") or (strict and report.findings) else 0)


def _print(report: Report, format_name: str, stream: TextIO, *, strict: bool) -> None:
    match format_name:
        case "text":
            from hosting.check.console import print_report

            print_report(report, stream)
        case "junit":
            from hosting.check.junit import junit_xml

            stream.write(junit_xml(report, strict=strict))
        case "sarif":
            from hosting.check.sarif import sarif_document

            _print_json(sarif_document(report), stream)
        case _:
            _print_json(report.document(), stream)


def _print_json(document: dict[str, Any], stream: TextIO) -> None:
    stream.write(f"{json.dumps(document, indent=2, ensure_ascii=False)}\n")


@contextmanager
def _opened(output: Path | None) -> Iterator[TextIO]:
    """Give the file to write to, or standard output.

    Raises:
        HostingError: the file cannot be written.
    """
    if output is None:
        yield sys.stdout
        return
    from hosting.errors import HostingError

    try:
        with output.open("w", encoding="utf-8", errors="backslashreplace") as stream:
            yield stream
    except OSError as error:
        remedy = "Name a file in a folder that exists, with permission to write to it."
        raise HostingError(f"--output: {output} cannot be written: {error.strerror or error}", remedy=remedy) from error
