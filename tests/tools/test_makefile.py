"""What a person sees of make, in a terminal."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import MakeApp
from tests.support.processes import PATIENCE, ROOT, environment

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or shutil.which("make") is None, reason="needs make and a terminal of its own"
)

FUNCTION = """
import azure.functions as func

app = func.FunctionApp()


@app.route(route="hello", auth_level=func.AuthLevel.ANONYMOUS)
def hello(req: func.HttpRequest) -> str:
    return "Hello"
"""
SETTINGS = '{"IsEncrypted": false, "Values": {}, "Host": {"LocalHttpPort": 0}}'


def _make(*arguments: str, **variables: object) -> list[str]:
    """Return a command of make that installs nothing: it uses the virtual environment of this process."""
    installed = [f"--old-file={sys.prefix}/{stamp}" for stamp in (".host", ".dev")]
    settings = {"VENV": sys.prefix, **variables}
    return ["make", *installed, *arguments, *(f"{name}={value}" for name, value in settings.items())]


class Terminal:
    """A command in a terminal of its own.

    Args:
        command: what runs there, in the root of the repository.
    """

    SPAWN = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])) % 256)"

    def __init__(self, command: list[str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SPAWN, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            env=environment(),
        )
        self.printed = ""

    def read_line(self) -> bool:
        """Read the next line that is printed; return False at the end of the command."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.printed += line.decode("utf-8", "replace")
        return line != b""

    def press_control_c(self) -> None:
        """Send what the keys Ctrl and C send."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\x03")
        self._process.stdin.flush()

    def wait(self) -> int:
        """Wait for the end; return the exit code, or 256 less the number of the signal that ended the command."""
        while self.read_line():
            pass
        with self._process:
            return self._process.wait(PATIENCE)


def test_make_start_ends_at_control_c_without_an_error(make_app: MakeApp) -> None:
    """Ctrl-C ends the host and make, and no line speaks of an error."""
    terminal = Terminal(_make("start", APP=make_app({"function_app.py": FUNCTION, "local.settings.json": SETTINGS})))
    deadline = time.monotonic() + PATIENCE
    while "to stop" not in terminal.printed and time.monotonic() < deadline:
        assert terminal.read_line(), terminal.printed
    (url,) = re.findall(r"http://localhost:\d+(?= )", terminal.printed)
    assert httpx.get(f"{url}/api/hello").text == "Hello"
    terminal.press_control_c()
    assert terminal.wait() in (0, 256 - signal.SIGINT), terminal.printed
    assert "Error" not in terminal.printed
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/api/hello")


def test_make_start_fails_when_the_host_fails(make_app: MakeApp) -> None:
    """An app that does not load makes make fail."""
    done = subprocess.run(
        _make("start", APP=make_app({"function_app.py": "raise ValueError"})),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "ValueError" in done.stdout + done.stderr


def test_make_help_lists_every_target() -> None:
    """Each target that can be asked for has a line in make help."""
    targets = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert targets is not None
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert sorted(re.findall(r"^make (\S+)", listed, re.MULTILINE)) == sorted(targets[1].replace("\\", "").split())


def test_make_names_a_python_that_is_too_old(tmp_path: Path) -> None:
    """Without a Python that is new enough, make says which one it tried and how to choose another one."""
    command = ["make", "start", f"VENV={tmp_path / 'venv'}", "PYTHON=false"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "false is not Python 3.11 or later; choose another one with: make PYTHON=python3.12\n"
    )
