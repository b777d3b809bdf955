"""Limits on requests: how many are answered at a time, and how many may wait."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from hosting.errors import SettingsError
from hosting.server.middleware.limits import ReadBody, limit_middleware
from hosting.server.replies import empty, respond
from hosting.server.types import AsgiApp, Message, Receive, Scope, Send
from tests.conftest import MakeApp, Serve
from tests.support.waiting import waiting_app


def test_request_over_the_queue_limit_is_429(make_app: MakeApp, serve: Serve) -> None:
    """Beyond ``maxOutstandingRequests`` functions answer 429, while admin endpoints answer."""
    served = serve(make_app(waiting_app(extensions={"http": {"maxOutstandingRequests": 2}})))
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(served.get, "/api/wait") for _ in range(2)]
        served.wait_for("(?s)wait begins.*wait begins")
        assert (served.get("/api/quick").status_code, served.get("/api/quick").content) == (429, b"")
        assert served.get("/admin/host/status").status_code == 200
        served.wait_for("Http request queue limit of 2 has been exceeded.")
        served.stop()
        assert {response.result().status_code for response in waiting} <= {200, 500}


async def at_once(scope: Scope, receive: Receive, send: Send) -> bool:
    """Read no body."""
    return True


def limited(app: AsgiApp, read: ReadBody = at_once, **http: int) -> AsgiApp:
    """Return ``app`` behind the limits of ``extensions.http``."""
    for wrap in reversed(list(limit_middleware(http, read))):
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


async def test_requests_over_a_limit_wait_in_order_or_are_refused() -> None:
    """``maxConcurrentRequests`` lets so many through at a time; the others wait in order, and count as outstanding."""
    running: list[int] = []
    concurrent: list[int] = []
    finished: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        running.append(scope["number"])
        concurrent.append(len(running))
        await asyncio.sleep(0)
        running.remove(scope["number"])
        finished.append(scope["number"])
        await respond(scope, send, empty(200))

    limited_app = limited(app, maxConcurrentRequests=2, maxOutstandingRequests=5)
    assert await asyncio.gather(*(status(limited_app, number) for number in range(7))) == [200] * 5 + [429] * 2
    assert await status(limited_app, 7) == 200
    assert max(concurrent) == 2
    assert finished == [0, 1, 2, 3, 4, 7]


async def test_request_counts_until_its_response_has_ended() -> None:
    """A response that is still being sent, such as a stream, takes its place until its end."""
    ended = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await ended.wait()
        await send({"type": "http.response.body", "body": b""})

    limited_app = limited(app, maxConcurrentRequests=1, maxOutstandingRequests=2)
    first, second = (asyncio.ensure_future(status(limited_app, number)) for number in (1, 2))
    await asyncio.sleep(0)
    assert await status(limited_app, 3) == 429
    assert not first.done()
    assert not second.done()
    ended.set()
    assert (await first, await second) == (200, 200)


async def test_request_that_waits_is_answered_when_it_is_cancelled() -> None:
    """At the end of the grace period a request that still waits for its turn gets a response, and leaves the queue."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.05)
        await respond(scope, send, empty(200))

    limited_app = limited(app, maxConcurrentRequests=1, maxOutstandingRequests=2)
    first, second = (asyncio.ensure_future(status(limited_app, number)) for number in (1, 2))
    await asyncio.sleep(0)
    second.cancel()
    assert [await second, await first, await status(limited_app, 3)] == [500, 200, 200]


async def test_request_counts_once_its_body_has_arrived() -> None:
    """Requests with slow bodies take no place; a full queue refuses a request before its body is read."""
    bodies: dict[int, asyncio.Event] = {number: asyncio.Event() for number in range(1, 4)}
    release = asyncio.Event()
    reads: list[int] = []

    async def read(scope: Scope, receive: Receive, send: Send) -> bool:
        reads.append(scope["number"])
        if scope["number"] in bodies:
            await bodies[scope["number"]].wait()
        return True

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["number"] == 5:
            await release.wait()
        await respond(scope, send, empty(200))

    limited_app = limited(app, read, maxConcurrentRequests=1, maxOutstandingRequests=1)
    slow = [asyncio.ensure_future(status(limited_app, number)) for number in bodies]
    await asyncio.sleep(0)
    quick = await status(limited_app, 4)
    waiting = asyncio.ensure_future(status(limited_app, 5))
    await asyncio.sleep(0)
    bodies[1].set()
    late = await slow[0]
    refused = await status(limited_app, 6)
    release.set()
    bodies[2].set()
    bodies[3].set()
    assert [quick, late, refused, await waiting, await slow[1], await slow[2]] == [200, 429, 429, 200, 200, 200]
    assert 6 not in reads


async def test_request_whose_body_is_not_there_is_answered_when_it_is_cancelled() -> None:
    """At the end of the grace period a request that still waits for its body gets a response; a refused one has it."""

    async def read(scope: Scope, receive: Receive, send: Send) -> bool:
        if scope["number"] == 1:
            await asyncio.Event().wait()
        await respond(scope, send, empty(413))
        return False

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError("it has been answered")

    for limit in ("maxConcurrentRequests", "maxOutstandingRequests"):
        limited_app = limited(app, read, **{limit: 1})
        waiting = asyncio.ensure_future(status(limited_app, 1))
        await asyncio.sleep(0)
        waiting.cancel()
        assert [await waiting, await status(limited_app, 2)] == [500, 413]


def test_clients_with_slow_bodies_hold_no_place(make_app: MakeApp, serve: Serve) -> None:
    """25 clients that send a part of a body delay no other client."""
    served = serve(
        make_app(waiting_app(extensions={"http": {"maxConcurrentRequests": 1, "maxOutstandingRequests": 5}}))
    )
    url = httpx.URL(served.url)
    head = b"POST /api/quick HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((url.host, url.port or 80))) for _ in range(25)]
        for client in clients:
            client.sendall(head)
        assert [served.get("/api/quick").text for _ in range(3)] == ["quick"] * 3
        for client in clients:
            client.sendall(b"a whole")
            assert client.recv(12) == b"HTTP/1.1 200"


def test_no_limit_is_no_middleware() -> None:
    """Where host.json limits nothing there is no middleware; a limit of zero is refused."""
    assert list(limit_middleware({}, at_once)) == []
    assert list(limit_middleware({"maxConcurrentRequests": -1}, at_once)) == []
    with pytest.raises(SettingsError, match=r"extensions\.http\.maxOutstandingRequests.* found 0"):
        list(limit_middleware({"maxOutstandingRequests": 0}, at_once))
