"""Changelogs as the next release will have them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT, environment


def next_changelog(project: Path, version: str) -> str:
    """Return a project's changelog with its fragments collected in front, as ``make changelog`` would write it.

    Args:
        project: the folder of the project, with its ``CHANGELOG.md`` and ``changes``.
        version: the version to collect the fragments for.
    """
    config = ("--config", str(ROOT / "pyproject.toml"), "--dir", str(project))
    command = [sys.executable, "-m", "towncrier", "build", "--draft", *config, "--version", version]
    draft = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    return f"{draft if draft.count('###') else ''}{(project / 'CHANGELOG.md').read_text('utf-8')}"
