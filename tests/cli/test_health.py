"""``hosting health``: its exit code and output, for each answer of a host."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from hosting.cli.health import health

ANSWERS = {
    "/admin/health/ready": (200, b'{"status": "Degraded"}'),
    "/admin/health/live": (200, b'{"status": "Healthy"}'),
    "/admin/health": (503, b'{"status": "Unhealthy"}'),
    "/other/admin/health/ready": (200, b"<html>"),
    "/list/admin/health/ready": (200, b"[]"),
    "/number/admin/health/ready": (200, b'{"status": 5}'),
    "/escape/admin/health/ready": (200, b'{"status": "\\u001b[31mHealthy"}'),
}


class _Handler(BaseHTTPRequestHandler):
    is_over = threading.Event()

    def do_GET(self) -> None:
        if self.path.startswith("/drip"):
            self._drip()
            return
        code, body = ANSWERS.get(self.path, (404, b""))
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _drip(self) -> None:
        """Answer so slowly that no single read takes long."""
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.is_over.wait(0.01):
                self.wfile.write(b" ")

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def _host() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("path", "options", "code", "output"),
    [
        ("", [], 0, "Degraded\n"),
        ("/", ["--probe", "live"], 0, "Healthy\n"),
        ("", ["--probe", "all"], 1, "Unhealthy: the host answers 503\n"),
        ("/other", [], 1, "Unknown: the answer is not that of a health endpoint: status 200\n"),
        ("/list", [], 1, "Unknown: the answer is not that of a health endpoint: status 200\n"),
        ("/number", [], 1, "Unknown: the answer is not that of a health endpoint: status 200\n"),
        ("/escape", [], 1, "Unknown: the answer is not that of a health endpoint: status 200\n"),
        ("/none", [], 1, "Unknown: the answer is not that of a health endpoint: status 404\n"),
    ],
)
def test_exit_code_is_that_of_the_health(path: str, options: list[str], code: int, output: str) -> None:
    """A container's health check needs only the code; a person reads the line, and a program the document."""
    with _host() as url:
        result = CliRunner().invoke(health, [url + path, *options])
        assert (result.exit_code, result.output) == (code, output)
        document = json.loads(CliRunner().invoke(health, [url + path, *options, "--json"]).output)
        assert (document["status"], document["reason"] is None) == (output.strip().partition(":")[0], code == 0)
        by_port = CliRunner().invoke(health, options, env={"PORT": url.rpartition(":")[2]})
        assert path.strip("/") or (by_port.exit_code, by_port.output) == (code, output)


def test_host_that_does_not_answer_is_unreachable() -> None:
    """Nothing listens, or what listens does not answer in time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        late = CliRunner().invoke(health, [f"http://127.0.0.1:{port}", "--timeout", "0.01"])
    with _host() as url:
        _Handler.is_over.clear()
        slow = CliRunner().invoke(health, [f"{url}/drip", "--timeout", "0.1"])
        _Handler.is_over.set()
        for thread in threading.enumerate():
            if thread.name == "health":
                thread.join()
    assert (slow.exit_code, slow.output) == (1, "Unreachable: it has not answered within 0.1 s\n")
    refused = CliRunner().invoke(health, [f"http://127.0.0.1:{port}"])
    assert (late.exit_code, late.output) == (1, "Unreachable: it has not answered within 0.01 s\n")
    assert (refused.exit_code, "Unreachable: " in refused.output) == (1, True)


@pytest.mark.parametrize(
    "url",
    ["shop", "ftp://shop", "http://", "http://shop:port", "http://[", "http://shop:0", "http://a b", "http://a/b c"],
)
def test_address_that_is_not_of_a_host_is_wrong_usage(url: str) -> None:
    """The message has an example."""
    result = CliRunner().invoke(health, [url])
    assert (result.exit_code, "is not the URL of a host, such as http://127.0.0.1:7071" in result.output) == (2, True)


@pytest.mark.parametrize("port", ["many", "-1", "65536", "0", "80 80"])
def test_port_that_is_not_one_is_an_error_that_names_the_variable(port: str) -> None:
    """The address was not written by the person, and the variable was."""
    result = CliRunner().invoke(health, env={"PORT": port})
    assert (result.exit_code, f"PORT: expected a port from 1 to 65535, found '{port}'" in result.output) == (2, True)


def test_answer_in_another_protocol_is_shown_as_one_line() -> None:
    """Nothing of it can control a terminal."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as client:
                client.recv(1000)
                client.sendall(b"SSH-2.0\x1b[31m-Server\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        result = CliRunner().invoke(health, [f"http://127.0.0.1:{server.getsockname()[1]}"])
        thread.join()
    assert (result.exit_code, result.output.count("\n"), "\x1b" in result.output) == (1, 1, False)
    assert "SSH-2.0" in result.output
