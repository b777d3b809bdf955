"""Clients that disconnect, and clients that only close their sending side."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import PATIENCE, ROOT, MakeApp, Serve, Served
from tests.support.sites import Site, hook
from tests.support.waiting import waiting_app

HOOKS = hook("invocation_error_app_level", "logger.info('error hook: %r', exception)", "logger, exception") + hook(
    "post_invocation_app_level", "logger.info('post hook: %s', func_ret)", "logger, func_ret"
)


@pytest.fixture
def served(make_app: MakeApp, serve: Serve, tmp_path: Path) -> Served:
    """A host with an extension that logs how invocations end."""
    Site(tmp_path / "site").extension("watch", HOOKS)
    env = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}"}
    return serve(make_app(waiting_app()), env=env)


def connect(served: Served, path: str, version: str = "1.1") -> socket.socket:
    """Connect a client, and send a whole request."""
    url = httpx.URL(served.url)
    client = socket.create_connection((url.host, url.port or 80), timeout=60)
    client.sendall(f"GET /api/{path} HTTP/{version}\r\nHost: x\r\n\r\n".encode())
    return client


def wait_for_lines(served: Served, text: str, number: int) -> None:
    """Wait until ``number`` lines have ``text``."""
    end = time.monotonic() + PATIENCE
    while served.logs().count(text) < number:
        assert time.monotonic() < end, served.logs()
        time.sleep(0.02)


def test_closed_connection_cancels_the_async_invocation(served: Served) -> None:
    """A client that closes its connection cancels the invocation that it waits for, and error hooks run."""
    with connect(served, "wait"):
        served.wait_for("wait begins")
    served.wait_for(r"error hook: CancelledError\('the client has gone'\)")
    served.wait_for(r"Executed 'Functions.wait' \(Failed")


def test_reset_connection_cancels_the_async_invocation(served: Served) -> None:
    """A connection that breaks cancels the invocation that its client waits for."""
    with connect(served, "wait") as client:
        served.wait_for("wait begins")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    served.wait_for(r"error hook: CancelledError\('the client has gone'\)")


def test_sync_invocation_goes_on_without_its_client(served: Served) -> None:
    """A sync invocation runs to its end, and its post hooks run."""
    with connect(served, "block") as client:
        served.wait_for("block begins")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert served.get("/api/release").text == "released"
    assert "error hook" not in served.wait_for("post hook: blocked")


def test_only_the_invocations_of_disconnected_clients_end(served: Served) -> None:
    """Of many that wait, those with disconnected clients are cancelled, and the others are answered."""
    staying = [connect(served, "wait") for _ in range(20)]
    leaving = [connect(served, "wait") for _ in range(20)]
    wait_for_lines(served, "wait begins", 40)
    for client in leaving:
        client.close()
    wait_for_lines(served, "error hook", 20)
    assert served.get("/api/release").text == "released"
    for client in staying:
        with client, client.makefile("rb") as stream:
            assert stream.readline() == b"HTTP/1.1 200 OK\r\n"
    assert served.logs().count("error hook") == 20


@pytest.mark.parametrize(("path", "version"), [("wait", "1.1"), ("wait", "1.0"), ("block", "1.1")])
def test_half_closed_connection_is_answered(served: Served, path: str, version: str) -> None:
    """A client that closes its sending side after the request is answered, and then its connection is closed."""
    with connect(served, path, version) as client:
        client.shutdown(socket.SHUT_WR)
        served.wait_for(f"{path} begins")
        # Long enough for the host to check whether the client is still connected.
        release = threading.Timer(1.0, served.get, ["/api/release"])
        release.start()
        with client.makefile("rb") as stream:
            response = stream.read()
    release.join()
    interim, _, final = response.rpartition(b"HTTP/1.1 200 OK")
    assert final.endswith(f"{path}ed".encode())
    assert set(interim.split()) <= {b"HTTP/1.1", b"102", b"Processing"}
    assert b"connection: close" in final
