"""One version over all distributions of this repository."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import hosting
from tests.support.processes import ROOT

PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))


@pytest.mark.parametrize("project", [ROOT, *PLUGINS], ids=lambda project: project.name)
def test_every_distribution_has_the_version_of_hosting(project: Path) -> None:
    """A distribution reads its version from hosting/__init__.py, and is installed with it."""
    manifest = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert "version" in manifest["project"]["dynamic"]
    assert (project / manifest["tool"]["hatch"]["version"]["path"]).resolve() == ROOT / "hosting" / "__init__.py"
    assert version(manifest["project"]["name"]) == hosting.__version__
