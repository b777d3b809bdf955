"""Commands of this project, run in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from hosting.testing import Server

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
QUICKSTART = ROOT / "examples" / "quickstart"
PATIENCE = 60.0
"""Seconds after which a host that does not answer is taken for dead."""


@dataclass(frozen=True, slots=True)
class Running:
    """A running host; ``output`` is the file that its output goes to."""

    url: str
    output: Path

    def get(self, path: str) -> httpx.Response:
        """Answer a GET request to ``path``."""
        return httpx.get(self.url + path, timeout=PATIENCE)

    def printed(self) -> str:
        """Return what it has printed so far."""
        return self.output.read_text("utf-8")


def environment(**changes: str) -> dict[str, str]:
    """Return this process's variables without those that configure a host, with ``changes``."""
    variables = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "HOSTING_", "AzureWeb"))
    }
    return {**variables, "PYTHONUNBUFFERED": "1", **changes}


@contextmanager
def hosting_start(
    app: Path,
    output: Path,
    *,
    command: Sequence[str] = (sys.executable, "-m", "hosting"),
    flags: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> Iterator[Running]:
    """Serve ``app`` with ``hosting start`` on a free port until the end of the block, then ask it to stop.

    Args:
        app: the app's directory.
        output: the file that the host's output goes to.
        command: what ``hosting`` is.
        flags: further arguments.
        environ: all of the host's variables; ``environment()`` by default.
        cwd: the directory the host starts in.

    Raises:
        AssertionError: the host ended before it answered, or did not end with code 0.
    """
    arguments = [*command, "start", str(app), "--port", "0", *flags]
    with output.open("w") as sink:
        process = subprocess.Popen(
            arguments, env=environ or environment(), cwd=cwd, stdout=sink, stderr=subprocess.STDOUT
        )
    server = Server(process, output)
    try:
        server.wait_until_listening()
        yield Running(server.url, output)
    finally:
        stop(process)
    assert process.returncode == 0, output.read_text("utf-8")


def stop(process: subprocess.Popen[Any]) -> None:
    """Ask a process to end, and kill it if it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def eventually(look: Callable[[], T], is_expected: Callable[[T], object] = bool) -> T:
    """Call ``look`` until its result is as expected, and return the result."""
    end = time.monotonic() + PATIENCE
    while not is_expected(seen := look()):
        assert time.monotonic() < end, f"still {seen!r}"
        time.sleep(0.05)
    return seen
