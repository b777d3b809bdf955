"""Processes of ``hosting start`` that find the package although it is not installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[2]
_METADATA = "Metadata-Version: 2.1\nName: hosting-durable\nVersion: 0.1.0\n"


def install(folder: Path) -> Path:
    """Write the package with its metadata into a folder for PYTHONPATH, and return the folder."""
    folder.mkdir()
    # Apps find in it what stands in for the SDK 2.x.
    (folder / "durable_support").symlink_to(PACKAGE / "tests" / "durable_support")
    (folder / "hosting_durable").symlink_to(PACKAGE / "src" / "hosting_durable")
    info = folder / "hosting_durable-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(_METADATA)
    text = (PACKAGE / "pyproject.toml").read_text()
    section = text.partition('[project.entry-points."hosting.bindings"]\n')[2].partition("\n\n")[0]
    (info / "entry_points.txt").write_text("[hosting.bindings]\n" + section.replace('"', "") + "\n")
    return folder


class HostProcess:
    """A process that serves an app.

    Args:
        app: the app's folder.
        environ: its environment.
        log: the file that gets its output.
    """

    def __init__(self, app: Path, environ: dict[str, str], log: Path) -> None:
        self._app, self._environ, self._log = app, environ, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hosting", "start", str(self._app), "--port", "0"],
                env=self._environ,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        """End it at once, with all its processes."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def output(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment whose state is below a folder, with the package on its path."""
    packages = install(folder / "packages")
    known = {name: value for name, value in os.environ.items() if not name.startswith(("HOSTING", "AzureWebJobs"))}
    known.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**known, "PYTHONPATH": str(packages), "XDG_STATE_HOME": str(folder / "state")}


def copy_app(source: Path, target: Path) -> Path:
    """Copy an app into a folder, and return it."""
    shutil.copytree(source, target)
    return target
