"""Fragments become the section of a release in the changelog."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.processes import ROOT, environment

BEFORE = """# Changelog

<!-- releases -->

## [0.9.0] - 2026-01-01

### Added

- Old.
"""
AFTER = """# Changelog

<!-- releases -->

## [1.0.0] - 2026-02-01

### Added

- New, and
  long.
- Newer.

### Fixed

- Fixed.

## [0.9.0] - 2026-01-01

### Added

- Old.
"""


def test_a_release_collects_the_fragments_in_front_of_older_releases(tmp_path: Path) -> None:
    """Fragments stand by type in the newest section, older sections stay as they are, and the fragments are gone."""
    (tmp_path / "CHANGELOG.md").write_text(BEFORE, "utf-8")
    fragments = tmp_path / "changes"
    fragments.mkdir()
    (fragments / "+one.added.md").write_text("- New, and\n  long.\n- Newer.\n", "utf-8")
    (fragments / "+one.fixed.md").write_text("- Fixed.\n", "utf-8")
    config = ("--config", str(ROOT / "pyproject.toml"), "--dir", str(tmp_path))
    release = ("--version", "1.0.0", "--date", "2026-02-01", "--yes")
    command = [sys.executable, "-m", "towncrier", "build", *config, *release]
    subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, check=True)
    assert (tmp_path / "CHANGELOG.md").read_text("utf-8") == AFTER
    assert list(fragments.iterdir()) == []
