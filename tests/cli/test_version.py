"""``hosting --version``: the versions of hosting, of Python and of packages."""

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
    """Install a package with an extension and a binding; return the environment that finds it."""
    metadata = folder / "hosting_weather-2.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: hosting-weather\nVersion: 2.5\n")
    (metadata / "entry_points.txt").write_text(
        "[hosting]\nweather = nowhere\n[hosting.bindings]\nrainTrigger = nowhere\n"
    )
    return {"PYTHONPATH": f"{folder}:{ROOT}"}


def test_version_lists_hosting_python_packages_and_plugins(run_hosting: RunHosting, tmp_path: Path) -> None:
    """They are in this order, and the modules of plugins are not imported."""
    lines = run_hosting("--version", env=_plugin(tmp_path)).stdout.splitlines()
    assert lines[0] == f"hosting {hosting.__version__}"
    assert lines[1] == f"Python {platform.python_version()} ({sys.executable})"
    for name in ("azure-functions", "pluggy", "uvicorn"):
        assert f"{name} {version(name)}" in lines
    assert "hosting-weather 2.5: rainTrigger, weather" in lines


def test_version_with_json_is_one_document(run_hosting: RunHosting, tmp_path: Path) -> None:
    """It has the same versions."""
    document = json.loads(run_hosting("--version", "--json", env=_plugin(tmp_path)).stdout)
    assert document["hosting"] == hosting.__version__
    assert document["python"]["version"] == platform.python_version()
    assert document["packages"]["pluggy"] == version("pluggy")
    weather = {"name": "hosting-weather", "version": "2.5", "provides": ["rainTrigger", "weather"]}
    assert weather in document["plugins"]


def test_missing_package_is_shown_as_not_installed() -> None:
    """The other packages are shown with their versions."""
    code = (
        "from hosting import _distributions\n"
        "real = _distributions.installed\n"
        "_distributions.installed = lambda: [one for one in real() if one.name != 'uvicorn']\n"
        "from hosting.cli.version import version_text\n"
        "print(version_text())\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert "uvicorn is not installed" in run.stdout
    assert f"pluggy {version('pluggy')}" in run.stdout


def test_json_before_a_command_is_wrong_usage(run_hosting: RunHosting) -> None:
    """The message says where ``--json`` belongs."""
    done = run_hosting("--json", "diag")
    assert done.returncode == 2
    assert "--json needs --version before it, or belongs after the command's name." in done.stderr


def test_without_a_command_help_is_printed(run_hosting: RunHosting) -> None:
    """The exit code is that of wrong usage."""
    done = run_hosting()
    assert done.returncode == 2
    assert "completion" in done.stderr
