"""A real host: ``hosting start`` in its own process, on a free port."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import TypeAlias, Unpack
from urllib.parse import urlsplit

from hosting.testing.http import Reply, Request, RequestOptions
from hosting.testing.sources import write_app

Servable: TypeAlias = str | os.PathLike[str] | Mapping[str, str | bytes]
"""An app's folder, or its files by path."""

PATIENCE = 60.0
"""Seconds to wait for output, an answer or the end of a host before a test fails."""

_LISTENING = re.compile(r"Listening on (https?://\S+?)[\s\"]")
_POLL_SECONDS = 0.02
_HOST_PREFIXES = ("AZURE", "FUNCTIONS_", "HOSTING_", "PYTHON_", "WEBSITE_")


class Server:
    """A host that runs in its own process."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.url = ""
        """``http://127.0.0.1:PORT``; empty until it listens."""
        self._output = output

    def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a request over the network. For other needs, use any HTTP client with ``url``.

        Args:
            method: the HTTP method.
            path: the path with the query: ``/api/hello?name=Ada``.
            options: ``params``, ``headers``, ``body`` or ``json``.
        """
        request = Request(method, path, **options)
        address = urlsplit(self.url)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(str(address.hostname), address.port, timeout=PATIENCE)
        try:
            headers = {**request.headers, "host": address.netloc}
            connection.request(request.method, request.target, request.body or None, headers)
            response = connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read(), str(request))
        finally:
            connection.close()

    def get(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a GET request; see ``request``."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a POST request; see ``request``."""
        return self.request("POST", path, **options)

    def logs(self) -> str:
        """Return everything printed so far, to standard output and standard error."""
        return self._output.read_text("utf-8")

    def wait_for(self, text: str) -> str:
        """Wait until the output matches the regular expression ``text``, and return the output.

        Raises:
            AssertionError: the host ended first, or a minute passed.
        """
        end = time.monotonic() + PATIENCE
        while True:
            ended = self.process.poll() is not None
            if re.search(text, self.logs()):
                return self.logs()
            if ended:
                raise AssertionError(f"the host ended with {self.process.returncode}:\n{self.logs()}")
            if time.monotonic() > end:
                raise AssertionError(f"the host did not print {text!r}:\n{self.logs()}")
            time.sleep(_POLL_SECONDS)

    def wait_until_listening(self) -> None:
        """Wait until the host listens, and set ``url``.

        Raises:
            AssertionError: the host ended instead; the message has its output.
        """
        found = _LISTENING.search(self.wait_for(_LISTENING.pattern))
        self.url = found[1] if found else ""

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait until the process ends, and return its exit code; it is negative after a signal."""
        return self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal (default: SIGTERM, on which the host drains), wait for the end, and return the exit code."""
        if self.process.poll() is None:
            self.send(number)
        return self.wait()

    def kill(self) -> None:
        """Kill the process if it still runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


@contextmanager
def serve(app: Servable, *flags: str, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run ``hosting start`` for an app until the end of the block, then stop it with SIGTERM.

    Args:
        app: the app's folder, or its files by path.
        flags: flags of ``hosting start``. Without ``--port`` it listens on a free port.
        settings: environment variables for the host. It also gets those of this process, except the ones that hosts
            and Azure's worker read, so that a developer's settings do not change tests.

    Raises:
        AssertionError: the host does not start; the message has its output.
    """
    folder = Path(mkdtemp(prefix="hosting-testing-"))
    root = Path(app) if isinstance(app, str | os.PathLike) else write_app(app, folder / "app")
    server = launch(root, *flags, output=folder / "output.txt", environ=environment(settings))
    try:
        server.wait_until_listening()
        yield server
    finally:
        try:
            server.stop()
        except subprocess.TimeoutExpired:
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


def launch(root: Path, *flags: str, output: Path, environ: Mapping[str, str]) -> Server:
    """Start ``hosting start`` without waiting until it listens.

    Args:
        root: the app's folder.
        flags: as for ``serve``.
        output: the file that its output goes to.
        environ: its whole environment.
    """
    command = [sys.executable, "-m", "hosting", "start", str(root), "--port", "0", *flags]
    with output.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=dict(environ))
    return Server(process, output)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return this process's environment without variables that hosts and Azure's worker read, plus ``settings``."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_HOST_PREFIXES)}
    return {**kept, **(settings or {})}
