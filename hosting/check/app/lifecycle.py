"""Versions of Python, of Azure's runtime and of its extension bundles: which an app names, and when their support ends.

The dates are the table of this file. Where a source names a month only, it is the last day of that month.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hosting.apps.requirements import line_number
from hosting.check.app.files import SETTINGS
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.secrets import read_text

PYTHON: Mapping[str, date] = {
    "3.6": date(2021, 12, 23),
    "3.7": date(2023, 6, 27),
    "3.8": date(2024, 10, 7),
    "3.9": date(2025, 10, 31),
    "3.10": date(2026, 10, 31),
    "3.11": date(2027, 10, 31),
    "3.12": date(2028, 10, 31),
    "3.13": date(2029, 10, 31),
    "3.14": date(2030, 10, 31),
}
"""The end of life of each version. Source: Python Developer's Guide, "Status of Python versions"; Azure follows it
("Azure Functions language stack support policy")."""

RUNTIME: Mapping[int, date] = {1: date(2026, 9, 14), 2: date(2022, 12, 13), 3: date(2022, 12, 13)}
"""The end of support of each major version of Azure's runtime. Source: "Azure Functions runtime versions overview"."""

BUNDLE: Mapping[int, date] = {1: date(2026, 8, 4), 2: date(2026, 8, 4), 3: date(2026, 8, 4)}
"""The end of support of each major version of the extension bundle. Source: the warning of Azure's host about
bundles of version 3; the older ones ended no later."""

_PYTHON_REMEDY = f"Update to a newer version, such as {list(PYTHON)[-2]}, here and in Azure."
_RUNTIME_REMEDY = "Use version 4: ~4 in FUNCTIONS_EXTENSION_VERSION and in projectRuntime, an image with the tag 4."
_FLAGS = re.IGNORECASE | re.MULTILINE
_IN_PIPELINE = re.compile(r"^\s*(?:python[-_]version|versionSpec)\s*:\s*['\"]?(3\.\d+)\b", _FLAGS)
"""One version in a workflow of GitHub or a pipeline of Azure; a list is one of versions to test."""
_PYTHON_IN_FILES: Sequence[tuple[str, re.Pattern[str]]] = (
    (".python-version", re.compile(r"^(3\.\d+)", _FLAGS)),
    ("runtime.txt", re.compile(r"^python-(3\.\d+)", _FLAGS)),
    (SETTINGS, re.compile(r'"FUNCTIONS_WORKER_RUNTIME_VERSION"\s*:\s*"~?(3\.\d+)', _FLAGS)),
    ("Dockerfile", re.compile(r"^FROM\s.*azure-functions/python:\S*python(3\.\d+)", _FLAGS)),
    (".github/workflows/*.y*ml", _IN_PIPELINE),
    ("azure-pipelines*.y*ml", _IN_PIPELINE),
    ("infra/**/*.bicep", re.compile(r"\blinuxFxVersion\s*:\s*'python\|(3\.\d+)", _FLAGS)),
    ("Dockerfile", re.compile(r"^FROM\s+(?:--\S+\s+)?(?:(?!\S*azure-functions)\S+/)?python:(3\.\d+)", _FLAGS)),
)
"""Where files of an app name a version of Python; a file may be a pattern."""
_RUNTIME_IN_FILES: Sequence[tuple[str, re.Pattern[str]]] = (
    (SETTINGS, re.compile(r'"FUNCTIONS_EXTENSION_VERSION"\s*:\s*"~?(\d+)', _FLAGS)),
    (".vscode/settings.json", re.compile(r'"azureFunctions\.projectRuntime"\s*:\s*"~?(\d+)', _FLAGS)),
    ("Dockerfile", re.compile(r"^FROM\s.*azure-functions/python:(\d+)", _FLAGS)),
)
"""Where files of an app name a major version of Azure's runtime."""


class NamedVersion(NamedTuple):
    """A version that a file of an app names, or this process runs with; ``line`` is counted from 1."""

    version: str
    file: str | None = None
    line: int | None = None


def check_lifecycle(app: AppProject) -> Iterator[Finding]:
    """Report versions whose support has ended."""
    for one in (_running_version(), *_versions(app, _PYTHON_IN_FILES), *_newest_allowed(app)):
        end = PYTHON.get(one.version)
        if end is not None and end < app.today:
            message = f"Python {one.version} reached its end of life on {end}"
            yield finding("APP113", message, _PYTHON_REMEDY, one.file, one.line)
    for one in _versions(app, _RUNTIME_IN_FILES):
        end = RUNTIME.get(int(one.version))
        if end is not None and end < app.today:
            message = f"version {one.version} of Azure's runtime reached its end of support on {end}"
            yield finding("APP114", message, _RUNTIME_REMEDY, one.file, one.line)


def bundle_end(major: int, today: date) -> date | None:
    """Return the date on which the support of a major version of the extension bundle has ended; None if it has not."""
    end = BUNDLE.get(major)
    return end if end is not None and end < today else None


def _running_version() -> NamedVersion:
    return NamedVersion(f"{sys.version_info.major}.{sys.version_info.minor}")


def _versions(app: AppProject, places: Sequence[tuple[str, re.Pattern[str]]]) -> Iterator[NamedVersion]:
    """Yield each version that the files of an app name."""
    for file, pattern in places:
        for path in sorted(app.root.glob(file)):
            text = read_text(path)
            for match in pattern.finditer(text):
                place = path.relative_to(app.root).as_posix()
                yield NamedVersion(match[1], place, text.count("\n", 0, match.start(1)) + 1)


def _newest_allowed(app: AppProject) -> Iterator[NamedVersion]:
    """Yield the newest version that ``requires-python`` allows, where that excludes all later ones."""
    text = read_text(app.root / "pyproject.toml")
    try:
        wanted = tomllib.loads(text).get("project", {}).get("requires-python")
        allowed = [version for version in PYTHON if SpecifierSet(str(wanted or "")).contains(f"{version}.99")]
    except (tomllib.TOMLDecodeError, InvalidSpecifier, AttributeError):
        return
    if wanted and allowed and allowed[-1] != list(PYTHON)[-1]:
        yield NamedVersion(allowed[-1], "pyproject.toml", line_number(text, "requires-python"))
