"""Commands of this Python as copies of one process that has imported what they need: a fork takes no imports.

A command of ``hosting`` spends three quarters of its processor time on imports, which are the same each time. What a
copy is: a process of its own, with the environment, folder, arguments and files that it is given, which runs its
module as ``python -m`` does and ends as Python ends. What it is not: a test of what a new Python imports.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
MODULES = (
    "azure.functions",
    "hosting.check.probe.child",
    "hosting.check.run",
    "hosting.cli.check",
    "hosting.cli.diag",
    "hosting.cli.main",
    "hosting.cli.new",
    "hosting.cli.start",
    "hosting.runner.serve",
    "hosting.runner.start",
    "hosting.server.uvicorn_adapter.server",
    "httptools",
    "uvloop",
    "watchfiles",
)
"""What commands import; no extension, and nothing that only some apps import."""
_AT_START = ("COVERAGE", "LANG", "LC_", "LD_", "MALLOC", "PYTHON", "TZ")
"""What the names of variables begin with that act on a process only when it starts."""
_OF_AZURE = ("PYTHON_ENABLE_", "PYTHON_ISOLATE_", "PYTHON_SCRIPT_", "PYTHON_THREADPOOL_")
"""Variables that Azure's worker reads, and not Python."""
_REQUEST_BYTES = 1 << 17


def at_start(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that act on a process only when it starts."""
    return {
        name: value for name, value in environ.items() if name.startswith(_AT_START) and not name.startswith(_OF_AZURE)
    }


class Forked:
    """A running copy, with what tests use of ``subprocess.Popen``."""

    def __init__(self, report: IO[bytes], arguments: Sequence[str]) -> None:
        self._report = report
        self._arguments = [*arguments]
        self.pid = int(report.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        if self.returncode is None and select.select([self._report], [], [], 0)[0]:
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end of the process; return its exit code, negative after a signal.

        Raises:
            subprocess.TimeoutExpired: it still runs after ``timeout`` seconds.
        """
        if self.returncode is None and not select.select([self._report], [], [], timeout)[0]:
            raise subprocess.TimeoutExpired(self._arguments, timeout or 0)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal to the process if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask the process to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The process that is copied; it ends with this one, or at the end of the ``with`` block.

    Args:
        environ: its variables. Copies with other variables that act at the start of a process are refused.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._at_start = at_start(environ)
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        number = str(theirs.fileno())
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__, number],
                cwd=ROOT,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def __enter__(self) -> Forks:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.wait()

    def can_run(self, environ: Mapping[str, str]) -> bool:
        """Return whether a copy can have these variables."""
        return at_start(environ) == self._at_start

    def start(
        self, arguments: Sequence[str], environ: Mapping[str, str], stdout: IO[Any], stderr: IO[Any], cwd: Path
    ) -> Forked:
        """Run ``python ARGUMENTS``, which begin with ``-m MODULE`` or ``-P -m MODULE``."""
        receiver, sender = os.pipe()
        request = json.dumps([[*arguments], dict(environ), str(cwd)]).encode()
        assert len(request) < _REQUEST_BYTES
        try:
            socket.send_fds(self._socket, [request], [stdout.fileno(), stderr.fileno(), sender])
        finally:
            os.close(sender)
        return Forked(os.fdopen(receiver, "rb", buffering=0), arguments)

    def run(
        self, arguments: Sequence[str], environ: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run ``python ARGUMENTS`` to its end, and return what it printed.

        Raises:
            subprocess.TimeoutExpired: it still ran after ``timeout`` seconds; it was killed.
        """
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            process = self.start(arguments, environ, stdout, stderr, Path.cwd())
            try:
                code = process.wait(timeout)
            finally:
                process.kill()
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess([*arguments], code, stdout.read(), stderr.read())


def _serve(connection: socket.socket) -> Callable[[], object]:
    """Fork for each request until the other end closes; in a copy, return what it is to do."""
    reports: dict[int, int] = {}
    woken, wake = os.pipe()
    sources: list[Any] = [connection, woken]
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    while True:
        ready, _, _ = select.select(sources, [], [])
        if woken in ready:
            os.read(woken, 4096)
            _report_ends(reports)
        if connection not in ready:
            continue
        request, files, _, _ = socket.recv_fds(connection, _REQUEST_BYTES, 3)
        if not request:
            sys.exit()
        stdout, stderr, report = files
        pid = os.fork()
        if pid == 0:
            for number, file in enumerate((stdout, stderr), start=1):
                os.dup2(file, number)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for file in (*files, woken, wake, *reports.values()):
                os.close(file)
            connection.close()
            return _command(request)
        os.write(report, b"%d\n" % pid)
        reports[pid] = report
        os.close(stdout)
        os.close(stderr)


def _report_ends(reports: dict[int, int]) -> None:
    while reports:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        report = reports.pop(pid)
        with contextlib.suppress(BrokenPipeError):  # the test did not wait for it
            os.write(report, b"%d\n" % os.waitstatus_to_exitcode(status))
        os.close(report)


def _command(request: bytes) -> Callable[[], object]:
    """Become the process of a request; return what runs its module."""
    arguments, environ, cwd = json.loads(request)
    os.environ.clear()
    os.environ.update(environ)
    time.tzset()
    os.chdir(cwd)
    if arguments[0] == "-P":
        del arguments[0], sys.path[0]
    else:
        sys.path[0] = cwd
    importlib.invalidate_caches()
    _, module, *rest = arguments
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)  # it runs anew, as where nothing has imported it
    sys.argv = [module, *rest]
    return partial(runpy.run_module, module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for name in MODULES:
        importlib.import_module(name)
    _serve(socket.socket(fileno=int(sys.argv[1])))()
