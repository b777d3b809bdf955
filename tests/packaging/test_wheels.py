"""What people install: wheels, in an environment that has nothing else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from tests.processes import QUICKSTART, ROOT, environment, hosting_start

TIMER = ROOT / "plugins" / "hosting-timer"
TEXT = "Hello, Ada. This HTTP triggered function executed successfully."


@dataclass(frozen=True, slots=True)
class Installation:
    """A virtual environment with the wheels in it; ``scratch`` is a directory outside of the checkout."""

    directory: Path
    scratch: Path

    @property
    def _scripts(self) -> Path:
        return self.directory / ("Scripts" if os.name == "nt" else "bin")

    def pip(self, *arguments: str) -> None:
        """Run pip in the environment."""
        self.python("-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)

    def python(self, *arguments: str) -> str:
        """Run the environment's Python and give its output."""
        return _run([str(self._scripts / "python"), *arguments], cwd=self.scratch)

    def answer(self, log: str, environ: Mapping[str, str] | None = None) -> str:
        """Serve the quickstart with the installed command, and give its answer."""
        command = (str(self._scripts / "hosting"),)
        output = self.scratch / log
        with hosting_start(QUICKSTART, output, command=command, environ=environ, cwd=self.scratch) as host:
            return host.get("/api/HttpTrigger?name=Ada").text


def _run(command: Sequence[str], cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheels of the host and of the timer, each built from its source distribution."""
    directory = tmp_path_factory.mktemp("dist")
    for project in (ROOT, TIMER):
        _run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(project)], cwd=directory)
    (host,), (timer,) = directory.glob("hosting-*.whl"), directory.glob("hosting_timer-*.whl")
    return host, timer


@pytest.fixture(scope="module")
def installation(wheels: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A fresh environment into which pip has installed the host, its server, and the timer."""
    directory = tmp_path_factory.mktemp("installation")
    venv.create(directory / "venv", with_pip=True)
    installed = Installation(directory / "venv", directory)
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
    output = _run([sys.executable, "-m", "twine", "check", "--strict", *map(str, wheels)], cwd=ROOT)
    assert output.count("PASSED") == len(wheels)


def test_versions_agree_with_the_changelogs(wheels: tuple[Path, Path]) -> None:
    """The version that is built is the one that the changelog speaks of first."""
    for wheel, project in zip(wheels, (ROOT, TIMER), strict=True):
        first = re.search(r"^## \[([^\]]+)\]", (project / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
        assert first is not None
        assert first[1] == _metadata(wheel)["Version"]


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())
