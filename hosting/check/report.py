"""What a check finds, and what a whole run tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hosting.check.rules import RULES
from hosting.core import Severity

SCHEMA_VERSION = 1


class Finding(NamedTuple):
    """One thing to mend; ``file`` is relative to the folder that was checked, ``line`` is counted from 1."""

    code: str
    severity: Severity
    message: str
    remedy: str
    file: str | None = None
    line: int | None = None

    @property
    def place(self) -> str:
        """Where it is, as editors and terminals follow it."""
        return "" if self.file is None else f"{self.file}:{self.line}" if self.line else self.file


class Report(NamedTuple):
    """A run over one folder."""

    root: Path
    kinds: tuple[str, ...]
    """What the folder holds: ``app``, ``extension``, or both."""
    findings: tuple[Finding, ...]

    def count(self, severity: Severity) -> int:
        return sum(finding.severity == severity for finding in self.findings)

    def only(self, select: Sequence[str], ignore: Sequence[str]) -> Report:
        """Leave the findings whose code begins with one of ``select`` (all, if it is empty) and none of ``ignore``."""
        left = [
            finding
            for finding in self.findings
            if (not select or finding.code.startswith(tuple(select))) and not finding.code.startswith(tuple(ignore))
        ]
        return self._replace(findings=tuple(left))

    def document(self) -> dict[str, Any]:
        """The report as JSON."""
        return {
            "schema_version": SCHEMA_VERSION,
            "path": str(self.root),
            "kinds": list(self.kinds),
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "findings": [finding._asdict() for finding in self.findings],
        }


def finding(code: str, message: str, remedy: str, file: str | None = None, line: int | None = None) -> Finding:
    """Make a finding of the rule called ``code``."""
    return Finding(code, RULES[code].severity, message, remedy, file, line)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Each finding once, file by file, from top to bottom."""
    return tuple(sorted(set(findings), key=lambda one: (one.file or "", one.line or 0, one.code, one.message)))
