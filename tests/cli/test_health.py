"""``hosting health``: its exit code and output, for each answer of a host."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from click.testing import CliRunner

from hosting.cli.health import health

ANSWERS = {
    "/admin/health/ready": (200, b'{"status": "Degraded"}'),
    "/admin/health/live": (200, b'{"status": "Healthy"}'),
    "/admin/health": (503, b'{"status": "Unhealthy"}'),
    "/other/admin/health/ready": (200, b"<html>"),
    "/list/admin/health/ready": (200, b"[]"),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        code, body = ANSWERS.get(self.path, (404, b""))
        self.send_response(code)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def _host() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Handler) as server:
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
    refused = CliRunner().invoke(health, [f"http://127.0.0.1:{port}"])
    assert (late.exit_code, late.output) == (1, "Unreachable: it has not answered within 0.01 s\n")
    assert (refused.exit_code, "Unreachable: " in refused.output) == (1, True)


@pytest.mark.parametrize("url", ["shop", "ftp://shop", "http://", "http://shop:port", "http://[", "http://shop:0"])
def test_address_that_is_not_of_a_host_is_wrong_usage(url: str) -> None:
    """The message has an example."""
    result = CliRunner().invoke(health, [url])
    assert (result.exit_code, "is not the URL of a host, such as http://127.0.0.1:7071" in result.output) == (2, True)
