"""``hosting --version``: what decides how an app runs."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from subprocess import CompletedProcess

import hosting
from tests.conftest import ROOT, clean_environment

RunHosting = Callable[..., "CompletedProcess[str]"]


def _plugin(folder: Path) -> dict[str, str]:
    """Install a package that brings an extension and a binding; the environment that finds it."""
    metadata = folder / "hosting_weather-2.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hosting-weather\nVersion: 2.5\n")
    (metadata / "entry_points.txt").write_text(
        "[hosting]\nweather = nowhere\n[hosting.bindings]\nrainTrigger = nowhere\n"
    )
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


def test_versions_for_people(run_hosting: RunHosting, tmp_path: Path) -> None:
    """hosting first, then Python, what hosting stands on, and the packages that extend it; none of them is imported."""
    lines = run_hosting("--version", env=_plugin(tmp_path)).stdout.splitlines()
    assert lines[0] == f"hosting {hosting.__version__}"
    assert lines[1] == f"Python {platform.python_version()} ({sys.executable})"
    for name in ("azure-functions", "pluggy", "uvicorn"):
        assert f"{name} {version(name)}" in lines
    assert "hosting-weather 2.5: rainTrigger, weather" in lines


def test_versions_for_machines(run_hosting: RunHosting, tmp_path: Path) -> None:
    """The same as one document."""
    document = json.loads(run_hosting("--version", "--json", env=_plugin(tmp_path)).stdout)
    assert document["hosting"] == hosting.__version__
    assert document["python"]["version"] == platform.python_version()
    assert document["packages"]["pluggy"] == version("pluggy")
    weather = {"name": "hosting-weather", "version": "2.5", "provides": ["rainTrigger", "weather"]}
    assert weather in document["plugins"]


def test_what_is_not_installed_is_said() -> None:
    """A package that is missing has no version, and the others are told all the same."""
    code = (
        "from importlib import metadata\n"
        "real = metadata.version\n"
        "def version(name):\n"
        "    if name == 'uvicorn': raise metadata.PackageNotFoundError(name)\n"
        "    return real(name)\n"
        "metadata.version = version\n"
        "from hosting.cli.version import version_text\n"
        "print(version_text())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert "uvicorn is not installed" in run.stdout
    assert f"pluggy {version('pluggy')}" in run.stdout


def test_json_alone_is_wrong_usage(run_hosting: RunHosting) -> None:
    """``--json`` before a command's name says where it belongs."""
    done = run_hosting("--json", "diag")
    assert done.returncode == 2
    assert "--json needs --version before it, or belongs after the command's name." in done.stderr


def test_without_a_command_there_is_help(run_hosting: RunHosting) -> None:
    """Whoever types the command alone sees what there is, with the exit code of wrong usage."""
    done = run_hosting()
    assert done.returncode == 2
    assert "completion" in done.stderr
