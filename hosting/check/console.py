"""A report for people."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.text import Text

from hosting.check.report import Finding, Report


def print_report(report: Report, stream: TextIO) -> None:
    """One line a finding: its place, as terminals open it, its code, and what is wrong; below, what to do."""
    terminal = Console(file=stream, soft_wrap=True, highlight=False)
    for finding in report.findings:
        terminal.print(_line(finding))
        if finding.remedy:
            terminal.print(Text(f"    {finding.remedy}", style="dim"))
    if report.findings:
        terminal.print()
    terminal.print(_summary(report))


def _line(finding: Finding) -> Text:
    style = "red" if finding.severity == "error" else "yellow"
    place = f"{finding.place}: " if finding.place else ""
    return Text.assemble(place, (f"{finding.severity} {finding.code}", style), f" {finding.message}")


def _summary(report: Report) -> Text:
    kinds = {"app": "a function app", "extension": "an extension"}
    checked = f"Checked {' and '.join(kinds[kind] for kind in report.kinds)}: "
    if not report.findings:
        return Text(f"{checked}nothing to mend.", style="green")
    counts = ((report.count("error"), "error"), (report.count("warning"), "warning"))
    return Text(
        checked + ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for count, name in counts if count) + "."
    )
