"""Run the tests that depend on Python and on Azure's SDK on other versions: ``python -m tools.test_pythons 3.12 3.13``.

For each version that this machine has, make installs the checkout into a virtual environment of its own, with what
``constraints/`` has for that version: Python 3.13 gets azure-functions 2, as in Azure. A version that the machine does
not have is skipped, and the output says where it was looked for. On Python 3.13 the tests of Durable Functions also run
with azure-functions-durable 2.x, in an environment of their own: it cannot be installed beside 1.x.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
TESTS = ("tests/extensions", "tests/apps", "tests/azure_worker", "plugins")

_DURABLE_2 = {
    "3.13": tuple(f"plugins/hosting-durable/tests/test_{name}.py" for name in ("sdk2", "backend", "nothing_lost")),
}

_WHICH = "import sys; print(*sys.version_info[:2], sep='.'); print(sys.executable)"


def main(arguments: Sequence[str]) -> int:
    """Run the tests on each of the versions, such as ``3.12``; return 1 if a test failed on one of them."""
    results = {version: _test(version) for version in arguments}
    print(*(f"Python {version}: {result}" for version, result in results.items()), sep="\n")
    return 1 if "failed" in results.values() else 0


def find_python(version: str) -> str | None:
    """Return the path of a Python of a version, such as ``3.12``; None if this machine has none."""
    for command in _candidates(version):
        try:
            done = subprocess.run([*command, "-c", _WHICH], capture_output=True, text=True, timeout=60, check=False)
        except OSError:
            continue
        if done.returncode == 0 and done.stdout.splitlines()[:1] == [version]:
            return done.stdout.splitlines()[1]
    return None


def _candidates(version: str) -> Iterator[list[str]]:
    """Yield commands that may run the version: on the path, of pyenv and uv, and of Windows's launcher."""
    directories = [directory for directory in os.get_exec_path() if Path(directory).name != "shims"]
    if found := shutil.which(f"python{version}", path=os.pathsep.join(directories)):
        yield [found]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    installed = [path for path in pyenv.glob(f"versions/{version}.*/bin/python") if path.exists()]
    yield from ([str(path)] for path in sorted(installed, key=_release, reverse=True))
    if uv := shutil.which("uv"):
        found = subprocess.run([uv, "python", "find", version], capture_output=True, text=True, check=False).stdout
        yield from ([line] for line in found.splitlines()[:1])
    if launcher := shutil.which("py"):
        yield [launcher, f"-{version}"]


def _release(python: Path) -> list[int]:
    """Return the numbers in the name of a folder of pyenv, to sort by."""
    return [int(number) for number in re.findall(r"\d+", python.parent.parent.name)]


def _test(version: str) -> str:
    """Run the tests on one version; return what came of it."""
    python = find_python(version)
    if python is None:
        print(f"Python {version} is not on the path, and neither pyenv, uv nor py has it.", flush=True)
        return "skipped, as this machine does not have it"
    print(f"Python {version}: {python}", flush=True)
    venv = f".venv/python{version}"
    commands = (
        ["make", "--no-print-directory", f"PYTHON={python}", f"VENV={venv}", f"{venv}/.dev"],
        [f"{venv}/bin/python", "-m", "pytest", "-n", "2", "--dist", "loadfile", *TESTS],
        *_durable_2(version, python),
    )
    passed = all(
        subprocess.run(command, cwd=ROOT, env=_environment(), check=False).returncode == 0 for command in commands
    )
    return "passed" if passed else "failed"


def _durable_2(version: str, python: str) -> Iterator[list[str]]:
    """Yield the commands that run the tests of Durable Functions with the SDK 2.x, if a version has them."""
    if version not in _DURABLE_2:
        return
    venv = f".venv/python{version}-durable-2"
    yield [python, "-m", "venv", venv]
    pip = [f"{venv}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    yield [*pip, "--requirement", "constraints/durable-2.txt", "--editable", "."]
    yield [f"{venv}/bin/python", "-m", "pytest", *_DURABLE_2[version]]


def _environment() -> dict[str, str]:
    """Return the variables for make and for the tests, which use the Azurite of this virtual environment."""
    azurite = Path(sys.prefix, "azurite", "node_modules", ".bin", "azurite")
    return {**os.environ, "AZURITE": str(azurite)} if azurite.exists() else dict(os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
