"""What people install: wheels, in an environment that has nothing else."""

from __future__ import annotations

import re
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.support.changelog import next_changelog
from tests.support.installation import Installation, build, fresh, run
from tests.support.processes import ROOT, environment

TIMER = ROOT / "plugins" / "hosting-timer"
TEXT = "Hello, Ada. This HTTP triggered function executed successfully."


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheels of the host and of the timer, each built from its source distribution."""
    directory = tmp_path_factory.mktemp("dist")
    build(directory, ROOT, TIMER)
    (host,), (timer,) = directory.glob("hosting-*.whl"), directory.glob("hosting_timer-*.whl")
    return host, timer


@pytest.fixture(scope="module")
def installation(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A fresh environment into which pip has installed the host, its server, and the timer."""
    installed = fresh(tmp_path_factory.mktemp("installation"))
    host, timer = wheels
    installed.pip("install", f"{host}[host]", str(timer))
    return installed


def test_an_extension_comes_and_goes_with_its_package(installation: Installation) -> None:
    """Installed, it works; with the flag off it is absent and not imported; uninstalled, it is gone."""
    assert re.fullmatch(re.escape(TEXT) + r" \(TimeElapsed: \d\.\d{6} sec\)", installation.answer("on.log"))

    off = environment(PYTHON_ENABLE_WORKER_EXTENSIONS="0", PYTHONPROFILEIMPORTTIME="1")
    assert installation.answer("off.log", off) == TEXT
    imported = (installation.scratch / "off.log").read_text("utf-8")
    assert "azure.functions" in imported
    assert "hosting_timer" not in imported

    installation.pip("uninstall", "--yes", "hosting-timer")
    assert installation.answer("gone.log") == TEXT


def test_the_package_alone_has_no_server(wheels: tuple[Path, Path]) -> None:
    """Authors of extensions who install hosting get neither a server nor a command line with it."""
    requirements = _metadata(wheels[0]).get_all("Requires-Dist", [])
    core = {re.split(r"[^\w-]", line)[0] for line in requirements if "extra ==" not in line}
    assert core == {"azure-functions", "importlib-metadata", "json5", "pluggy", "structlog"}


def test_wheels_carry_types_and_licence(wheels: tuple[Path, Path]) -> None:
    """Type checkers find py.typed in both packages, and the licence travels along."""
    for wheel, package in zip(wheels, ("hosting", "hosting_timer"), strict=True):
        names = zipfile.ZipFile(wheel).namelist()
        assert f"{package}/py.typed" in names
        assert any(name.endswith("licenses/LICENSE") for name in names)
        assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {package}


def test_metadata_is_what_a_registry_takes(wheels: tuple[Path, Path]) -> None:
    """A registry would accept the wheels, README included."""
    output = run([sys.executable, "-m", "twine", "check", "--strict", *map(str, wheels)], cwd=ROOT)
    assert output.count("PASSED") == len(wheels)


def test_versions_agree_with_the_changelogs(wheels: tuple[Path, Path]) -> None:
    """The version that is built is the one that the changelog speaks of first."""
    for wheel, project in zip(wheels, (ROOT, TIMER), strict=True):
        version = _metadata(wheel)["Version"]
        first = re.search(r"^## \[([^\]]+)\]", next_changelog(project, version), re.MULTILINE)
        assert first is not None
        assert first[1] == version


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())
