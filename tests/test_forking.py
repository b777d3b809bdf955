"""Copies of a process behave as the new Python that they stand for."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PATIENCE, clean_environment
from tests.support.forking import Forks

SHOW = """
import os, sys
print(sys.argv[1:], os.getcwd(), os.environ.get("COLOUR"), __name__, sys.path[0] == os.getcwd())
print("an error", file=sys.stderr)
import atexit
atexit.register(print, "the end")
if "wait" in sys.argv:
    import time
    time.sleep(600)
sys.exit(3)
"""


@pytest.fixture
def copies(forks: Forks | None) -> Forks:
    """Return the process that is copied, where there is one."""
    if forks is None:
        pytest.skip("commands start a new Python each")
    return forks


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a folder with the module ``show``."""
    (tmp_path / "show.py").write_text(SHOW)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "command", [["show", "a", ""], ["hosting", "--version"], ["hosting", "--help"], ["hosting", "nothing"]]
)
@pytest.mark.usefixtures("folder")
def test_copy_prints_and_ends_as_a_new_python(copies: Forks, command: list[str]) -> None:
    """Arguments, folder, variables, both outputs, what is registered for the end, and the exit code are the same."""
    environ = clean_environment({"COLOUR": "red"})
    copy = copies.run(["-m", *command], environ, PATIENCE)
    new = subprocess.run([sys.executable, "-m", *command], env=environ, capture_output=True, text=True, check=False)
    assert (copy.returncode, copy.stdout, copy.stderr) == (new.returncode, new.stdout, new.stderr)


def test_copy_gets_signals_and_its_exit_code_is_negative(copies: Forks, folder: Path) -> None:
    """As long as it runs there is no exit code, and to wait for it ends after the given time."""
    with (folder / "output").open("w") as output:
        process = copies.start(["-m", "show", "wait"], clean_environment(), output, output, folder)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait(PATIENCE) == process.poll() == -signal.SIGKILL
    process.kill()  # it has ended


@pytest.mark.parametrize(
    ("name", "is_refused"),
    [
        ("PYTHONWARNINGS", True),
        ("PYTHON_CPU_COUNT", True),
        ("LANG", True),
        ("HOSTING_ALLOW", False),
        ("PYTHON_ENABLE_WORKER_EXTENSIONS", False),
    ],
)
def test_variables_of_the_start_need_a_new_python(copies: Forks, name: str, is_refused: bool) -> None:
    """A copy cannot follow variables that Python reads when it starts."""
    assert copies.can_run(clean_environment({name: "other"})) is not is_refused
