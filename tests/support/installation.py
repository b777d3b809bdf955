"""Installation of the wheels into a virtual environment that has no other packages."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import QUICKSTART, environment, hosting_start


@dataclass(frozen=True, slots=True)
class Installation:
    """A virtual environment with the wheels in it; ``scratch`` is a directory outside of the checkout."""

    directory: Path
    scratch: Path

    @property
    def scripts(self) -> Path:
        """Return the folder of its commands."""
        return self.directory / ("Scripts" if os.name == "nt" else "bin")

    def pip(self, *arguments: str) -> None:
        """Run this Python's pip for the environment, which has none: to install one takes seconds."""
        command = [sys.executable, "-m", "pip", "--python", str(self.scripts / "python")]
        run([*command, "--quiet", "--disable-pip-version-check", *arguments], cwd=self.scratch)

    def install(self, *requirements: str) -> None:
        """Install with uv, which takes seconds less; with pip, which has settings of its own, where uv fails."""
        uv = Path(sys.prefix) / self.scripts.name / "uv"
        command = [str(uv), "pip", "install", "--quiet", "--python", str(self.scripts / "python"), *requirements]
        if not uv.exists() or subprocess.run(command, env=environment(), capture_output=True, check=False).returncode:
            self.pip("install", *requirements)

    def python(self, *arguments: str) -> str:
        """Run the environment's Python; return its output."""
        return run([str(self.scripts / "python"), *arguments], cwd=self.scratch)

    def answer(self, log: str, environ: Mapping[str, str] | None = None) -> str:
        """Serve the quickstart with the installed command; return its answer."""
        command = (str(self.scripts / "hosting"),)
        output = self.scratch / log
        with hosting_start(QUICKSTART, output, command=command, environ=environ, cwd=self.scratch) as host:
            return host.get("/api/HttpTrigger?name=Ada").text


def fresh(scratch: Path) -> Installation:
    """Make an environment that has nothing."""
    venv.create(scratch / "venv", with_pip=False)
    return Installation(scratch / "venv", scratch)


def build(directory: Path, *projects: Path) -> None:
    """Build each project's source distribution, and its wheel from that."""
    for project in projects:
        run([sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(project)], cwd=directory)


def run(command: Sequence[str], cwd: Path) -> str:
    """Run a command to its end; return what it printed. It must succeed."""
    done = subprocess.run(command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
