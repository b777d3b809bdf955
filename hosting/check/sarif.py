"""A report as SARIF 2.1.0, the format of code scanning services and of editors.

Source: "Static Analysis Results Interchange Format (SARIF) Version 2.1.0", OASIS.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import hosting
from hosting.check.report import Finding, Report
from hosting.check.rules import RULES

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_ROOT = "ROOT"
"""The name by which paths refer to the checked folder."""


def sarif_document(report: Report) -> dict[str, Any]:
    """Return a report as a document that ``json`` can write: one run, with the rules that it reports.

    Paths are relative to the checked folder. A finding without a file is reported in the folder's main file, because
    code scanning services leave out results without one.
    """
    codes = sorted({finding.code for finding in report.findings})
    driver = {"name": "hosting check", "version": hosting.__version__, "rules": [_rule(code) for code in codes]}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {_ROOT: {"uri": f"{report.root.as_uri()}/"}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, codes, report.root) for finding in report.findings],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(code: str) -> dict[str, Any]:
    rule = RULES[code]
    return {
        "id": code,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": rule.why},
        "defaultConfiguration": {"level": rule.severity},
    }


def _result(finding: Finding, codes: list[str], root: Path) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": _artifact(finding.file or _main_file(root))}
    if finding.line:
        place["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.code,
        "ruleIndex": codes.index(finding.code),
        "level": finding.severity,
        "message": {"text": f"{finding.message}\n{finding.remedy}".strip()},
        "locations": [{"physicalLocation": place}],
    }


def _artifact(file: str) -> Mapping[str, str]:
    path = Path(file)
    return {"uri": path.as_uri()} if path.is_absolute() else {"uri": quote(file), "uriBaseId": _ROOT}


def _main_file(root: Path) -> str:
    names = ("host.json", "function_app.py", "pyproject.toml")
    return next((name for name in names if (root / name).is_file()), ".")
