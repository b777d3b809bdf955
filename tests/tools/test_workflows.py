"""The workflows and forms of .github: valid, and in the order that a release needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.processes import ROOT

FOLDER = ROOT / ".github"
FILES = sorted(FOLDER.rglob("*.yml"))


def _read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key "on" as true.
    loaded: dict[Any, Any] = yaml.safe_load(path.read_text("utf-8"))
    return {"on" if key is True else key: value for key, value in loaded.items()}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_workflows_may_read_only_and_end(path: Path) -> None:
    """No job of a workflow has more rights than it names, and each has a time limit."""
    workflow = _read(path)
    if "jobs" in workflow:
        assert workflow["permissions"] == {"contents": "read"}
        for name, job in workflow["jobs"].items():
            assert "uses" in job or job["timeout-minutes"] <= 60, name


def test_ci_tests_wheels_on_every_python_and_system() -> None:
    """The built wheels are tested on all Python versions that the package declares, on three systems."""
    jobs = _read(FOLDER / "workflows" / "ci.yml")["jobs"]
    matrix = jobs["installed"]["strategy"]["matrix"]
    classifiers = (ROOT / "pyproject.toml").read_text("utf-8")
    declared = [version for version in ("3.11", "3.12", "3.13", "3.14", "3.15") if f":: {version}" in classifiers]
    assert matrix == {"os": ["ubuntu-latest", "macos-latest", "windows-latest"], "python": declared}
    assert jobs["installed"]["needs"] == "wheels"


def test_a_release_is_checked_then_tested_then_published() -> None:
    """Publishing waits for the tests, which wait for the check of the tag; only publishing may ask for an identity."""
    jobs = _read(FOLDER / "workflows" / "release.yml")["jobs"]
    assert [step["run"] for step in jobs["ready"]["steps"] if "run" in step] == [
        'python -m tools.release_check "$GITHUB_REF_NAME"'
    ]
    assert (jobs["ci"]["needs"], jobs["publish"]["needs"]) == ("ready", "ci")
    assert [name for name, job in jobs.items() if "permissions" in job] == ["publish"]
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
