"""A real host, ``hosting start``, in a process of its own on a free port."""

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
"""A folder, or files by their path inside it."""

PATIENCE = 60.0
"""Seconds after which a host that does not do what is waited for is taken for dead."""

_LISTENING = re.compile(r"Listening on (https?://\S+?)[\s\"]")
_TICK = 0.02
_HOSTS_OWN = ("AZURE", "FUNCTIONS_", "HOSTING_", "PYTHON_", "WEBSITE_")


class Server:
    """A host that runs in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self.process = process
        self.url = ""
        """``http://127.0.0.1:PORT``, once it listens."""
        self._output = output

    def request(self, method: str, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """Send a request over the network; for more than this, any client takes ``url``.

        Args:
            method: GET, POST, ...
            path: with its query: ``/api/hello?name=Ada``.
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
        """As ``request``."""
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Unpack[RequestOptions]) -> Reply:
        """As ``request``."""
        return self.request("POST", path, **options)

    def logs(self) -> str:
        """Everything that it has printed so far, standard error included."""
        return self._output.read_text("utf-8")

    def wait_for(self, text: str) -> str:
        """Wait until it has printed what fits the pattern ``text``; give everything printed.

        Raises:
            AssertionError: it has ended, or it takes more than a minute.
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
            time.sleep(_TICK)

    def wait_until_listening(self) -> None:
        """Wait until it serves, and learn its ``url``.

        Raises:
            AssertionError: it ends instead; with what it printed.
        """
        found = _LISTENING.search(self.wait_for(_LISTENING.pattern))
        self.url = found[1] if found else ""

    def send(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def wait(self) -> int:
        """Wait for its end; give the exit code, negative for a signal."""
        return self.process.wait(PATIENCE)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, SIGTERM by default, on which it drains; wait for the end and give the exit code."""
        if self.process.poll() is None:
            self.send(number)
        return self.wait()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()


@contextmanager
def serve(app: Servable, *flags: str, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Run ``hosting start`` on an app until the end of the block, then have it drain and end.

    Args:
        app: the app's folder, or its files by path.
        flags: of ``hosting start``; the port is a free one unless they name it.
        settings: environment variables of the host. Of those of this process it gets all but what hosts and Azure's
            workers read, so that a developer's settings change no test.

    Raises:
        AssertionError: it does not come to serve; with what it printed.
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
    """Begin ``hosting start`` and wait for nothing.

    Args:
        root: the app's folder.
        flags: as those of ``serve``.
        output: the file that takes what it prints.
        environ: all of its environment.
    """
    command = [sys.executable, "-m", "hosting", "start", str(root), "--port", "0", *flags]
    with output.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=subprocess.STDOUT, env=dict(environ))
    return Server(process, output)


def environment(settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what hosts and Azure's workers read, and with ``settings``."""
    kept = {name: value for name, value in os.environ.items() if not name.upper().startswith(_HOSTS_OWN)}
    return {**kept, **(settings or {})}
