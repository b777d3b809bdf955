"""A shell that runs the commands of a tutorial exactly as written, in a new virtual environment."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.docs.pages import CHECKOUT
from tests.docs.terminal import wait_for_lines
from tests.support.processes import ROOT, Running, environment, hosting_start


class TutorialShell:
    """A home directory, a virtual environment that pip fills from the index, and a shell.

    Args:
        folder: an empty directory.
    """

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self._here = self.home
        self._log = folder / "host.log"
        self._host: Running | None = None
        self._open = ExitStack()
        # The page creates and activates .venv; its programs come first on the path.
        self._bin = self.home / ".venv" / "bin"
        tools = folder / "bin"
        tools.mkdir()
        (tools / "python").symlink_to(sys.executable)
        self._environment = {
            "PATH": os.pathsep.join([str(self._bin), str(tools), os.environ["PATH"]]),
            "HOME": str(folder),
            "XDG_STATE_HOME": str(folder / "state"),
            "PIP_QUIET": "1",
            "PIP_NO_COMPILE": "1",  # most of what pip installs is never imported
            "NO_COLOR": "1",
            "TERM": "dumb",
            "PIP_CACHE_DIR": os.environ.get("PIP_CACHE_DIR") or _cache(),
            **{f"GIT_{who}_{what}": "Ada" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }
        self.missing: set[str] = set()
        """Programs that are not installed on this machine; commands that need them are skipped."""

    def close(self) -> None:
        """Stop the host that the page started."""
        self._open.close()

    def run(self, command: str) -> str:
        """Run one command of a page and return its output.

        Raises:
            AssertionError: the command failed.
        """
        command = command.replace(CHECKOUT, str(ROOT))
        program, *arguments = shlex.split(command)
        if program == "cd":
            self._here /= arguments[0]
        elif program == "hosting" and arguments[0] == "start":
            return self._start(*arguments[1:])
        elif "git" in re.split(r"\W+", command) and shutil.which("git") is None:
            self.missing.add("git")
        else:
            return self._shell(command)
        return ""

    def check_log(self, expected: Sequence[str]) -> None:
        """Wait until the host has printed the expected lines."""
        assert self._host is not None
        wait_for_lines(self._host, expected)

    def _start(self, app: str) -> str:
        self._open.close()
        command = (str(self._bin / "hosting"),)
        environ = environment(**self._environment)
        serving = hosting_start(self._here / app, self._log, command=command, environ=environ, cwd=self._here)
        self._host = self._open.enter_context(serving)
        return self._host.printed()

    def _shell(self, command: str) -> str:
        if command.startswith("curl ") and self._host is not None:
            command = command.replace("http://localhost:7071", self._host.url)
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self._here,
            env=environment(**self._environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def _cache() -> str:
    """Return the cache folder of pip, which depends on HOME."""
    command = [sys.executable, "-m", "pip", "cache", "dir"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@contextmanager
def tutorial_shell(folder: Path) -> Iterator[TutorialShell]:
    """Yield a shell for a tutorial; stop its host at the end."""
    shell = TutorialShell(folder)
    try:
        yield shell
    finally:
        shell.close()


def apply_diff(text: str, change: str) -> str:
    """Return ``text`` with a diff block applied: lines to remove (``-``), to add (``+``) and to keep.

    Raises:
        AssertionError: the old lines do not occur exactly once.
    """
    lines = change.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if not line.startswith("+"))
    new = "".join(line[1:] for line in lines if not line.startswith("-"))
    assert text.count(old) == 1, f"these lines do not occur exactly once:\n{old}\nin:\n{text}"
    return text.replace(old, new)
