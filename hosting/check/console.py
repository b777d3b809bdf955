"""Printing a report for people."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from hosting.check.report import Finding, Report

_KINDS = {"app": "a function app", "extension": "an extension"}


def print_report(report: Report, stream: TextIO) -> None:
    """Print each finding as two lines, then a summary.

    The first line has the location in the form that terminals open, the code and what is wrong; the second line has
    what to do.
    """
    console = Console(file=stream, soft_wrap=True, highlight=False)
    for finding in report.findings:
        console.print(_line(finding))
        if finding.remedy:
            console.print(Text(f"    {finding.remedy}", style="dim"))
    if report.findings:
        console.print()
    console.print(_summary(report))


def _line(finding: Finding) -> Text:
    style = "red" if finding.severity == "error" else "yellow"
    location = f"{finding.location}: " if finding.location else ""
    return Text.assemble(location, (f"{finding.severity} {finding.code}", style), f" {finding.message}")


def _summary(report: Report) -> Text:
    checked = f"Checked {' and '.join(_KINDS[kind] for kind in report.kinds)}: "
    if not report.findings:
        return Text(f"{checked}no problems found.", style="green")
    counts = ((report.count("error"), "error"), (report.count("warning"), "warning"))
    return Text(
        checked + ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count) + "."
    )
