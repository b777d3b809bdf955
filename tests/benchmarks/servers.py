"""The servers that the benchmarks compare, each in a process of its own on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryFile

import httpx

from tests.support.processes import ROOT, environment

COMPETITORS = Path(__file__).parent / "competitors"
FRAMEWORK = "functions-framework==3.10.*"
FRAMEWORK_VENV = ROOT / "build" / "functions-framework"
PATIENCE = 60.0
STATE_TURNS = 3


@dataclass(frozen=True, slots=True)
class Server:
    """How to start one server; ``PORT`` in the command is replaced by the port, ``paths`` is by kind of function."""

    name: str
    command: Sequence[str]
    environ: Mapping[str, str] = field(default_factory=dict)
    kinds: Sequence[str] = ("async", "sync")
    states: Sequence[tuple[str, str]] = ()
    """States of one process: for each name, the path of a POST that switches to it; by default one without a POST."""

    @property
    def turns(self) -> Sequence[tuple[str, str]]:
        """Return its turns in one round; states alternate several times, as they differ by little."""
        return [*self.states] * STATE_TURNS or [(self.name, "")]


@dataclass(frozen=True, slots=True)
class Started:
    """A server that answers, and its process."""

    port: int
    process: subprocess.Popen[bytes]

    def post(self, path: str) -> None:
        """Send an empty POST, unless ``path`` is empty."""
        if path:
            httpx.post(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE).raise_for_status()

    def cpu_seconds(self) -> float:
        """Return the processor time of the process and its children so far; 0 where there is no ``/proc``."""
        pid = self.process.pid
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            stats = [Path(f"/proc/{one}/stat").read_text() for one in (pid, *children)]
        except OSError:
            return 0.0
        fields = [stat.rpartition(")")[2].split() for stat in stats]
        return sum(int(one[11]) + int(one[12]) for one in fields) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Memory that the process has in use.

        Raises:
            SystemExit: there is no ``/proc`` that tells.
        """
        try:
            pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        except OSError:
            sys.exit("memory can be measured on Linux only")
        return pages * os.sysconf("SC_PAGE_SIZE")


def floor() -> Server:
    """Return hand-written ASGI on uvicorn with httptools and uvloop."""
    flags = "--http httptools --loop uvloop --interface asgi3 --lifespan off --no-access-log --log-level warning"
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(COMPETITORS), *flags.split(), "floor:app"]
    return Server("floor", [*command, "--port", "PORT"])


def ours(name: str = "hosting", allow: str = "none") -> Server:
    """``hosting start`` with its defaults, the extension host enabled.

    Args:
        name: what the figures call it.
        allow: the one distribution whose extension is loaded; no extension by default.
    """
    command = [sys.executable, "-m", "hosting", "start", str(COMPETITORS / "app"), "--port", "PORT"]
    environ = {
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        "HOSTING_ALLOW": allow,
        "PYTHONPATH": str(COMPETITORS / "extension"),
    }
    return Server(name, command, environ)


def warnings_only() -> Server:
    """Return ours at the log level at which an invocation writes no line."""
    server = ours("hosting, warnings only")
    return replace(server, environ={**server.environ, "AzureFunctionsJobHost__logging__logLevel__default": "Warning"})


def with_extension() -> Server:
    """Return ours with one extension of two trivial hooks, and with it paused in the same process."""
    name, path = "hosting + 1 extension", "/admin/extensions/benchmark/"
    states = ((name, f"{path}resume"), ("the same, paused", f"{path}pause"))
    return replace(ours(name, "hosting-benchmark"), states=states)


def framework() -> Iterator[Server]:
    """Return functions-framework with ``--asgi`` and with its default server, if it can be installed."""
    python = FRAMEWORK_VENV / "bin" / "python"
    if not python.exists() and not _install(python):
        print(f"{FRAMEWORK} cannot be installed here: it is left out", flush=True)
        return
    command = [str(python), "-m", "functions_framework", "--source", str(COMPETITORS / "framework.py")]
    command += ["--host", "127.0.0.1", "--port", "PORT", "--target"]
    yield Server("functions-framework", [*command, "on_loop", "--asgi"], kinds=("async",))
    yield Server("functions-framework", [*command, "in_thread"], kinds=("sync",))


def _install(python: Path) -> bool:
    """Create an environment for functions-framework; the next run uses it again."""
    commands = (
        [sys.executable, "-m", "venv", str(FRAMEWORK_VENV)],
        [str(python), "-m", "pip", "install", "--quiet", FRAMEWORK, "uvloop", "httptools"],
    )
    return all(subprocess.run(command, check=False, timeout=600).returncode == 0 for command in commands)


@contextmanager
def serving(server: Server) -> Iterator[Started]:
    """Run a server until the end of the block; its output goes to a file, as a container's does.

    Raises:
        SystemExit: it ended, or did not answer in time.
    """
    port = _free_port()
    command = [str(port) if part == "PORT" else part for part in server.command]
    with TemporaryFile() as output:
        process = subprocess.Popen(command, env=environment(**server.environ), stdout=output, stderr=output, cwd=ROOT)
        try:
            _wait(server, process, port)
            yield Started(port, process)
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(server: Server, process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if process.poll() is not None:
            sys.exit(f"{server.name} ended with code {process.returncode}: {' '.join(server.command)}")
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
            client.sendall(b"GET /api/async?name=Ada HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            if client.recv(4096).startswith(b"HTTP/1.1 200 OK"):
                return
        time.sleep(0.02)
    sys.exit(f"{server.name} does not answer")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
