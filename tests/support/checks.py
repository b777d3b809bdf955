"""Projects in which ``hosting check`` finds no problem, changes that violate one rule, and the check of the result."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from hosting.check.report import Finding
from hosting.check.rules import RULES
from hosting.check.run import run
from tests.support.processes import ROOT

_PROJECTS = ROOT / "tests" / "check" / "projects"


def _read(folder: Path) -> Mapping[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text("utf-8") for path in paths if path.suffix != ".pyc"}


TODAY = date(2026, 12, 1)
"""The date of the checks, so that none of them begins to fail when a version reaches its end of life."""

APP = _read(_PROJECTS / "app")
"""The files of a function app, by their paths."""

EXTENSION = _read(_PROJECTS / "extension")
"""The files of an extension's project, by their paths."""


def write(root: Path, files: Mapping[str, str | None]) -> Path:
    """Write files below a folder, creating folders as needed; None deletes a file. Return the folder."""
    for name, content in files.items():
        path = root / name
        if content is None:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
    return root


def replaced(files: Mapping[str, str], name: str, old: str, new: str) -> dict[str, str]:
    """Return one of the files with a part of its text replaced."""
    assert old in files[name]
    return {name: files[name].replace(old, new)}


def function(code: str) -> dict[str, str]:
    """Return the app's ``function_app.py`` with code added at its end."""
    return {"function_app.py": APP["function_app.py"] + code}


def requirements(*lines: str) -> dict[str, str]:
    """Return the app's ``requirements.txt`` with lines added at its end."""
    return {"requirements.txt": "\n".join(("azure-functions", *lines, ""))}


@dataclass(frozen=True)
class Violation:
    """A change of a project that violates one rule."""

    files: Mapping[str, str | None]
    location: str
    message: str
    """A part of the message."""
    also: frozenset[str] = frozenset()
    """Codes of other rules that may be violated, depending on what is installed."""
    tracked: tuple[str, ...] = ()
    """Files that Git tracks, in a repository that is created for them."""


def findings(root: Path, project: Mapping[str, str], changes: Mapping[str, str | None]) -> tuple[Finding, ...]:
    """Write a project with changes into a folder, and check it."""
    write(root, project)
    return run(write(root, changes), TODAY).findings


def track(root: Path, *names: str) -> None:
    """Create a Git repository that tracks some files of a folder."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    for command in (("init", "--quiet"), ("add", "--force", *names)):
        subprocess.run(("git", *command), cwd=root, check=True, env=environ)


def check_violation(root: Path, project: Mapping[str, str], code: str, violation: Violation) -> None:
    """Check that a changed project has one finding, with the location, the message and a remedy."""
    if violation.tracked:
        write(root, project)
        track(root, *violation.tracked)
    (finding,) = (one for one in findings(root, project, violation.files) if one.code not in violation.also)
    assert (finding.code, finding.severity, finding.location) == (code, RULES[code].severity, violation.location)
    assert violation.message in finding.message
    assert finding.remedy


def rules_of(section: str) -> set[str]:
    """Return the codes of the rules in a section, such as ``APP1``."""
    return {code for code in RULES if code.startswith(section)}
