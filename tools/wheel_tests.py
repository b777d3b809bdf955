"""Run the tests against built wheels: ``python -m tools.wheel_tests DIST [PYTEST ARGUMENTS]``.

The wheels of hosting, and of the packages that hosts of this checkout find, are installed from DIST into a new virtual
environment, and the tests run in a copy of this checkout without their sources, so that only the wheels can be
imported. The other packages act on every app that finds them: their tests add their sources. Tests that read or build
the sources are left out, among them those of the examples, which install the wheels of all packages anyway.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCE_TESTS = ("tests/test_architecture.py", "tests/docs", "tests/examples", "tests/packaging", "tests/tools")
FOUND = ("hosting-profile", "hosting-storage", "hosting-timer")
"""The packages that hosts of this checkout find."""
AZURE_WORKER = ("azure-functions-runtime", "azure-functions-runtime-v1", "azurefunctions-extensions-base")
"""The libraries of Azure's Python worker, which the tests of ``hosting.extend`` drive."""

_LEFT_OUT = (".git", ".venv", "build", "dist", "mutants", "site", ".*_cache", "__pycache__")


def main(arguments: Sequence[str]) -> int:
    """Install the wheels and run the tests; return pytest's exit code, or 2 where there are no wheels."""
    if not arguments or not (wheels := _wheels(Path(arguments[0]).resolve())):
        print("usage: python -m tools.wheel_tests DIST [PYTEST ARGUMENTS], with wheels in DIST", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        checkout = copy_without_sources(Path(folder, "checkout"))
        python = _environment(Path(folder, "venv"), wheels)
        ignored = [f"--ignore={path}" for path in SOURCE_TESTS]
        return subprocess.run([python, "-m", "pytest", *ignored, *arguments[1:]], cwd=checkout, check=False).returncode


def _wheels(folder: Path) -> list[Path]:
    names = [name.replace("-", "_") for name in ("hosting", *FOUND)]
    return [wheel for wheel in sorted(folder.glob("*.whl")) if wheel.name.partition("-")[0] in names]


def copy_without_sources(checkout: Path) -> Path:
    """Copy this checkout, without the packages that are installed from wheels, to a new folder; return the folder."""
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    for sources in ("hosting", *(f"plugins/{name}/src" for name in FOUND)):
        shutil.rmtree(checkout / sources)
    return checkout


def _environment(venv: Path, wheels: Iterable[Path]) -> str:
    """Make a virtual environment with the wheels, and what their tests need; return its Python."""
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    python = str(venv / ("Scripts" if os.name == "nt" else "bin") / "python")
    requirements = [f"{wheel}[host,debug,dev]" if wheel.name.startswith("hosting-") else str(wheel) for wheel in wheels]
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint"]
    subprocess.run([*pip, str(ROOT / "constraints" / "development.txt"), *requirements], check=True)
    # As in the Makefile: these declare the Python that Azure deploys them with.
    azure = [str(ROOT / "constraints" / "azure-worker.txt"), "--no-deps", "--ignore-requires-python", *AZURE_WORKER]
    subprocess.run([*pip, *azure], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
