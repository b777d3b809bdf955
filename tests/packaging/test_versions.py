"""The version of each distribution of this repository."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import hosting
from tests.support.processes import ROOT

PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))
WITH_HOSTING = {"hosting", "hosting-profile", "hosting-storage", "hosting-timer"}


@pytest.mark.parametrize("project", [ROOT, *PLUGINS], ids=lambda project: project.name)
def test_every_distribution_reads_its_version_from_its_own_package_or_from_hosting(project: Path) -> None:
    """Those that are installed with hosting have its version; the others are released on their own."""
    manifest = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert "version" in manifest["project"]["dynamic"]
    name, path = manifest["project"]["name"], (project / manifest["tool"]["hatch"]["version"]["path"]).resolve()
    if name in WITH_HOSTING:
        assert path == ROOT / "hosting" / "__init__.py"
        assert version(name) == hosting.__version__
    else:
        # A module of the package that needs the version cannot import it from the package, which imports that module.
        assert path.parent == project / "src" / name.replace("-", "_")
        assert path.name in ("__init__.py", "_version.py")
