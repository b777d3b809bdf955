"""Limits: of requests at a time, of a body's size, of an invocation's time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from hosting.errors import SettingsError
from hosting.host.timeouts import DEFAULT_SECONDS, read_timeout
from hosting.server.body import DEFAULT_LIMIT_BYTES, read_body_limit
from hosting.server.middleware.limits import limit_middleware
from hosting.server.replies import empty, respond
from hosting.server.types import AsgiApp, Message, Receive, Scope, Send
from tests.conftest import ROOT, MakeApp, Serve, Served
from tests.support.sites import Site, hook

CODE = """
import asyncio, logging, threading, time
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
release = threading.Event()

@app.route("size")
def size(req: func.HttpRequest) -> str:
    return f"size {len(req.get_body())}"

@app.route("wait")
async def wait(req: func.HttpRequest) -> str:
    logging.info("wait begins")
    while not release.is_set():
        await asyncio.sleep(0.01)
    return "waited"

@app.route("block")
def block(req: func.HttpRequest) -> str:
    logging.info("block begins")
    release.wait()
    logging.info("block goes on")
    return "blocked"

@app.route("stubborn")
async def stubborn(req: func.HttpRequest) -> str:
    try:
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        return "all the same"

@app.route("release", methods=["POST"])
def free(req: func.HttpRequest) -> str:
    release.set()
    return "released"

@app.route("quick")
async def quick(req: func.HttpRequest) -> str:
    return "quick"
"""


def app_with(make_app: MakeApp, **host_json: Any) -> Path:
    return make_app({"function_app.py": CODE, "host.json": json.dumps({"version": "2.0", **host_json})})


@contextlib.contextmanager
def connected(served: Served) -> Iterator[socket.socket]:
    url = httpx.URL(served.url)
    with socket.create_connection((url.host, url.port or 80), timeout=60) as client:
        yield client


def read_all(client: socket.socket) -> bytes:
    with client.makefile("rb") as stream:
        return stream.read()


def test_too_many_requests(make_app: MakeApp, serve: Serve) -> None:
    """Beyond ``maxOutstandingRequests`` functions answer 429, while admin endpoints answer; later it is as before."""
    served = serve(app_with(make_app, extensions={"http": {"maxOutstandingRequests": 2}}))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(served.get, "/api/wait") for _ in range(2)]
        served.wait_for("(?s)wait begins.*wait begins")
        assert (served.get("/api/quick").status_code, served.get("/api/quick").content) == (429, b"")
        assert served.get("/admin/host/status").status_code == 200
        served.wait_for("Http request queue limit of 2 has been exceeded.")
        served.stop()
        assert {answer.result().status_code for answer in waiting} <= {200, 500}


def limited(app: AsgiApp, **http: int) -> AsgiApp:
    """Put around ``app`` what ``extensions.http`` of host.json limits."""
    for wrap in reversed(list(limit_middleware(http))):
        app = wrap(app)
    return app


async def status(app: AsgiApp, number: int) -> int:
    """Return the status of the response to a request."""
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    receive: Any = None
    await app({"type": "http", "method": "GET", "number": number}, receive, send)
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]
    return int(messages[0]["status"])


def test_requests_over_a_limit_wait_in_order_or_are_refused() -> None:
    """``maxConcurrentRequests`` lets so many through at a time; the others wait in order, and count as outstanding."""
    running: list[int] = []
    most: list[int] = []
    done: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        running.append(scope["number"])
        most.append(len(running))
        await asyncio.sleep(0)
        running.remove(scope["number"])
        done.append(scope["number"])
        await respond(scope, send, empty(200))

    async def requests() -> list[int]:
        one = limited(app, maxConcurrentRequests=2, maxOutstandingRequests=5)
        statuses = await asyncio.gather(*(status(one, number) for number in range(7)))
        return [*statuses, await status(one, 7)]

    assert asyncio.run(requests()) == [200] * 5 + [429] * 2 + [200]
    assert max(most) == 2
    assert done == [0, 1, 2, 3, 4, 7]


def test_request_counts_until_its_response_has_ended() -> None:
    """A response that is still being sent, such as a stream, takes its place until its end."""
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await ended.wait()
        await send({"type": "http.response.body", "body": b""})

    async def requests() -> tuple[int, int, int]:
        one = limited(app, maxConcurrentRequests=1, maxOutstandingRequests=2)
        first, second = (asyncio.ensure_future(status(one, number)) for number in (1, 2))
        await asyncio.sleep(0)
        third = await status(one, 3)
        assert not first.done()
        assert not second.done()
        ended.set()
        return await first, await second, third

    assert asyncio.run(requests()) == (200, 200, 429)


def test_request_that_waits_is_answered_when_it_is_cancelled() -> None:
    """At the end of the grace period a request that still waits for its turn gets a response, and leaves the queue."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await respond(scope, send, empty(200))

    async def requests() -> list[int]:
        one = limited(app, maxConcurrentRequests=1, maxOutstandingRequests=2)
        first, second = (asyncio.ensure_future(status(one, number)) for number in (1, 2))
        await asyncio.sleep(0)
        second.cancel()
        return [await second, await first, await status(one, 3)]

    assert asyncio.run(requests()) == [500, 200, 200]


def test_no_limit_is_no_middleware() -> None:
    """Where host.json limits nothing there is no middleware; a limit of zero is refused."""
    assert list(limit_middleware({})) == []
    assert list(limit_middleware({"maxConcurrentRequests": -1})) == []
    with pytest.raises(SettingsError, match=r"extensions\.http\.maxOutstandingRequests.* found 0"):
        list(limit_middleware({"maxOutstandingRequests": 0}))


def test_body_size(make_app: MakeApp, serve: Serve) -> None:
    """A body of the limit's size arrives; a larger one is 413 with a sentence, however it is sent."""
    served = serve(app_with(make_app), env={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "100000"})
    for content in (b"x" * 100_000, [b"x" * 1000] * 100):
        assert httpx.post(f"{served.url}/api/size", content=content).text == "size 100000"
    for path in ("/api/size", "/admin/functions/size"):
        answer = httpx.post(served.url + path, content=b"x" * 100_001)
        assert answer.status_code == 413
        assert "larger than 100000 bytes" in answer.text
        assert "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT" in answer.text
    assert httpx.post(f"{served.url}/api/size", content=iter([b"x" * 1000] * 101)).status_code == 413


@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_large_body_is_not_read(make_app: MakeApp, serve: Serve, expect: bytes) -> None:
    """A request that announces too much is answered before its body comes, and its connection is closed."""
    served = serve(app_with(make_app))
    with connected(served) as client:
        client.sendall(b"POST /api/size HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n" + expect + b"\r\nbegin")
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer
    assert b"larger than 104857600 bytes" in answer


def test_endless_body(make_app: MakeApp, serve: Serve) -> None:
    """Who sends without end gets the answer, too, and is then cut off."""
    served = serve(app_with(make_app), env={"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "1000"})
    with connected(served) as client:
        client.sendall(b"POST /api/size HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while True:
                client.sendall(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            assert read_all(client).startswith(b"HTTP/1.1 413 ")
    assert served.get("/api/quick").text == "quick"


def test_body_limit_setting() -> None:
    """The limit is the setting's number of bytes, 100 MiB without one, and nothing else."""
    assert read_body_limit({}) == DEFAULT_LIMIT_BYTES == 100 * 1024 * 1024
    assert read_body_limit({"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": "5"}) == 5
    for text in ("-1", "many", "1.5", "\u0661"):
        with pytest.raises(SettingsError, match="FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"):
            read_body_limit({"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT": text})


HOOKS = hook(
    "invocation_error_app_level", "logger.info('error hook: %s', type(exception).__name__)", "logger, exception"
)


def test_function_timeout(make_app: MakeApp, serve: Serve, tmp_path: Path) -> None:
    """An async function past its time is cancelled and error hooks run; a sync one is answered for; both are 500."""
    Site(tmp_path / "site").extension("watch", HOOKS)
    env = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path / 'site'}"}
    served = serve(app_with(make_app, functionTimeout="00:00:01"), env=env)
    with ThreadPoolExecutor(3) as pool:
        answers = [pool.submit(served.get, f"/api/{name}") for name in ("wait", "block", "stubborn")]
        assert [answer.result().status_code for answer in answers] == [500, 500, 200]
    for name in ("wait", "block"):
        served.wait_for(rf"Timeout value of 00:00:01 exceeded by function 'Functions\.{name}' \(Id: '")
        served.wait_for(rf"FunctionTimeoutError: Timeout value of 00:00:01 was exceeded by function: Functions\.{name}")
    logs = served.wait_for("error hook: CancelledError")
    assert logs.count("Its thread cannot be stopped") == 1
    assert "block goes on" not in logs
    assert httpx.post(f"{served.url}/api/release").text == "released"
    served.wait_for("block goes on")
    assert [served.get(f"/api/{name}").text for name in ("wait", "block", "quick")] == ["waited", "blocked", "quick"]


@pytest.mark.parametrize(
    ("text", "seconds"), [(None, DEFAULT_SECONDS), ("-1", None), ("00:00:01", 1.0), ("1.00:00:00", 86_400.0)]
)
def test_timeout_setting(text: str | None, seconds: float | None) -> None:
    """Half an hour without a setting, no limit for -1, else a time span."""
    assert read_timeout({} if text is None else {"functionTimeout": text}) == seconds


@pytest.mark.parametrize("text", ["00:00:00", "00:00:00.5", "soon", ""])
def test_timeout_refused(text: str) -> None:
    """What is no time span, or less than a second, is refused with what is expected."""
    with pytest.raises(SettingsError, match="functionTimeout: expected a time span of at least 00:00:01"):
        read_timeout({"functionTimeout": text})
