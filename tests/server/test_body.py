"""Request bodies: read up to a limit, and refused above it."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import httpx
import pytest

from hosting.errors import SettingsError
from hosting.server.body import DEFAULT_LIMIT_BYTES, read_body_limit
from tests.conftest import MakeApp, Serve, Served

APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("size")
def size(req: func.HttpRequest) -> str:
    return f"size {len(req.get_body())}"

@app.route("quick")
async def quick(req: func.HttpRequest) -> str:
    return "quick"
""",
}


@contextlib.contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    url = httpx.URL(served.url)
    with socket.create_connection((url.host, url.port or 80), timeout=60) as client:
        yield client


def read_all(client: socket.socket) -> bytes:
    with client.makefile("rb") as stream:
        return stream.read()


def test_body_over_the_limit_is_413(make_app: MakeApp, serve: Serve) -> None:
    """A body of the limit's size arrives; a larger one is 413 with a sentence, however it is sent."""
    served = serve(make_app(APP), env={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "100000"})
    for content in (b"x" * 100_000, [b"x" * 1000] * 100):
        assert httpx.post(f"{served.url}/api/size", content=content).text == "size 100000"
    for path in ("/api/size", "/admin/functions/size"):
        answer = httpx.post(served.url + path, content=b"x" * 100_001, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert "larger than 100000 bytes" in answer.text
        assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT" in answer.text
    assert httpx.post(f"{served.url}/api/size", content=iter([b"x" * 1000] * 101)).status_code == 413


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_declared_length_over_the_limit_is_refused_unread(make_app: MakeApp, serve: Serve, expect: bytes) -> None:
    """The answer comes before the body does, and the connection is closed."""
    served = serve(make_app(APP))
    with connected(served) as client:
        client.sendall(b"POST /api/size HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n" + expect + b"\r\nbegin")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"larger than 104857600 bytes" in answer


def test_endless_body_is_cut_off(make_app: MakeApp, serve: Serve) -> None:
    """A client that sends without end gets the answer, too, and its connection is closed."""
    served = serve(make_app(APP), env={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"})
    with connected(served) as client:
        client.sendall(b"POST /api/size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                client.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            assert read_all(client).startswith(b"HTTP/1.1 413 ")
    assert served.get("/api/quick").text == "quick"


def test_limit_is_a_number_of_bytes() -> None:
    """The limit is 100 MiB without a setting; a setting that is not a number of bytes is refused."""
    assert read_body_limit({}) == DEFAULT_LIMIT_BYTES == 100 * 1024 * 1024
    assert read_body_limit({"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "5"}) == 5
    for text in ("-1", "many", "1.5", "\u0661"):
        with pytest.raises(SettingsError, match="FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"):
            read_body_limit({"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": text})
