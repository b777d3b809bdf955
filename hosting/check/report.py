"""Findings, and the report of a whole run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hosting._redaction import redact
from hosting.check.rules import RULES
from hosting.core import Severity

SCHEMA_VERSION = 1


class Finding(NamedTuple):
    """A violation of a rule: ``file`` is relative to the checked folder, ``line`` is counted from 1."""

    code: str
    severity: Severity
    message: str
    remedy: str
    file: str | None = None
    line: int | None = None

    @property
    def location(self) -> str:
        """``FILE:LINE`` or ``FILE``, which editors and terminals open; empty without a file."""
        return "" if self.file is None else f"{self.file}:{self.line}" if self.line else self.file


class Report(NamedTuple):
    """The result of checking one folder."""

    root: Path
    kinds: tuple[str, ...]
    """What the folder contains: ``app``, ``extension``, or both."""
    findings: tuple[Finding, ...]
    select: tuple[str, ...] = ()
    """The beginnings of the codes that were selected; empty for all."""
    ignore: tuple[str, ...] = ()
    """The beginnings of the codes that were left out."""

    def count(self, severity: Severity) -> int:
        """Return the number of findings with this severity."""
        return sum(finding.severity == severity for finding in self.findings)

    def only(self, select: Sequence[str], ignore: Sequence[str]) -> Report:
        """Return a report with the findings of some rules only.

        Args:
            select: codes, or beginnings of codes, to keep; empty for all.
            ignore: codes, or beginnings of codes, to leave out; they win over ``select``.
        """
        chosen = self._replace(select=tuple(select), ignore=tuple(ignore))
        return chosen._replace(findings=tuple(one for one in self.findings if chosen.includes(one.code)))

    def includes(self, code: str) -> bool:
        """Return whether a rule was selected and not left out."""
        return (not self.select or code.startswith(self.select)) and not code.startswith(self.ignore)

    def document(self) -> dict[str, Any]:
        """Return the report as a document that ``json`` can write."""
        return {
            "schema_version": SCHEMA_VERSION,
            "path": str(self.root),
            "kinds": list(self.kinds),
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "findings": [finding._asdict() for finding in self.findings],
        }


def finding(code: str, message: str, remedy: str, file: str | None = None, line: int | None = None) -> Finding:
    """Return a finding of the rule with this code, which decides its severity; its texts are without secrets."""
    return Finding(code, RULES[code].severity, redact(message), redact(remedy), file, line)


def sorted_findings(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return each finding once, sorted by file, line, code and message."""
    return tuple(sorted(set(findings), key=lambda one: (one.file or "", one.line or 0, one.code, one.message)))
