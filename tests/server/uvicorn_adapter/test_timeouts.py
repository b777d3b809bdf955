"""Time limits of connections: when one is closed, and what its client is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from hosting.bindings.http.response import HttpStream
from hosting.errors import SettingsError
from hosting.server.replies import respond
from hosting.server.timeouts import SETTINGS, Timeouts, read_timeouts
from hosting.server.types import Receive, Scope, Send
from hosting.server.uvicorn_adapter import leaving
from hosting.server.uvicorn_adapter.protocol import Connection
from hosting.server.uvicorn_adapter.sweep import Sweep
from tests.support.connections import Transport, connect, settled

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


async def reading(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, then answer."""
    while (message := await receive())["type"] == "http.request" and message["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})


def after(scenario: Callable[[Connection, Transport, Callable[[float], Any]], Any], app: Any = reading) -> Transport:
    """Return a connection's transport after a scenario, which gets it and a function that lets seconds pass."""

    async def run() -> Transport:
        connection, transport, state = connect(app)

        async def passing(seconds: float) -> None:
            for _ in range(round(seconds)):
                await settled(state)
                connection.check_time(1.0)
            await settled(state)

        await scenario(connection, transport, passing)
        await settled(state)
        transport.ended = True
        return transport

    return asyncio.run(run())


def status(transport: Transport) -> bytes:
    """Return the status of the last response."""
    return transport.written.rpartition(b"HTTP/1.1 ")[2][:3]


@pytest.mark.parametrize("before", [b"", GET])
def test_head_must_be_complete_in_30_seconds(before: bytes) -> None:
    """A head that is not complete is 408, however its bytes drip in, on a new connection and on one in use."""

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(before)
        await passing(100)
        for byte in GET[:25]:
            connection.data_received(bytes([byte]))
            await passing(1)
        assert not transport.closed
        await passing(7)

    transport = after(scenario)
    assert (status(transport), transport.closed) == (b"408", True)
    assert b"connection: close" in transport.written


def test_head_that_is_complete_in_time_is_answered() -> None:
    """Each head has its own time."""

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        for _ in range(10):
            connection.data_received(GET[:10])
            await passing(29)
            connection.data_received(GET[10:] + GET[:5])
            await passing(29)
            connection.data_received(GET[5:])

    transport = after(scenario)
    assert (transport.written.count(b"HTTP/1.1 200 OK"), transport.closed) == (20, False)


@pytest.mark.parametrize(("rate", "is_cut"), [(0, True), (1, True), (200, True), (240, False), (1000, False)])
def test_body_must_come_at_240_bytes_a_second(rate: int, is_cut: bool) -> None:
    """After 5 seconds a body that is slower than 240 bytes per second is 408; a faster one takes its time."""

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(POST)
        for second in range(20):
            assert not transport.closed or (second >= 5 and is_cut)
            if not transport.closed:
                connection.data_received(b"x" * rate)
                await passing(1)

    transport = after(scenario)
    assert (status(transport), transport.closed) == ((b"408", True) if is_cut else (b"", False))


@pytest.mark.parametrize("chunked", [False, True])
def test_rate_is_that_of_the_whole_body(chunked: bool) -> None:
    """A client that has sent much may pause, as with Azure's server."""

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        head, data = POST, b"x" * 20_000
        if chunked:
            head, data = POST.replace(b"Content-Length: 100000", b"Transfer-Encoding: chunked"), b"4e20\r\n" + data
        connection.data_received(head + data)
        await passing(80)
        assert not transport.closed
        await passing(10)

    assert status(after(scenario)) == b"408"


def test_rate_is_not_measured_while_the_application_does_not_read() -> None:
    """A function that reads slowly costs the client nothing."""
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reading(scope, receive, send)

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(POST + b"x" * 70_000)
        await passing(1000)
        assert (transport.is_reading_paused, transport.closed) == (True, False)
        go_on.set()
        await passing(3)
        connection.data_received(b"x" * 30_000)

    transport = after(scenario, slow)
    assert (status(transport), transport.is_reading_paused) == (b"200", False)


def test_rate_is_not_measured_while_the_client_waits_for_the_interim_response() -> None:
    """A client that waits for 100 Continue is not slow."""
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reading(scope, receive, send)

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(POST.replace(b"Host: a", b"Host: a\r\nExpect: 100-continue"))
        await passing(1000)
        assert (transport.written, transport.closed) == (b"", False)
        go_on.set()
        await passing(3)
        assert transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.data_received(b"x" * 100_000)

    assert status(after(scenario, slow)) == b"200"


def test_slow_rest_of_a_body_ends_the_connection_after_its_response() -> None:
    """A response that comes before the end of the body is the only one; a slow rest closes the connection."""

    async def early(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(POST)
        await passing(4)
        assert not transport.closed
        await passing(4)

    transport = after(scenario, early)
    assert (transport.written.count(b"HTTP/1.1"), status(transport), transport.closed) == (1, b"401", True)


def test_function_that_reads_is_told_that_a_slow_client_has_gone() -> None:
    """After 408 the application gets a disconnect, and what it still sends is dropped."""
    messages: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while True:
            messages.append((await receive())["type"])
            if messages[-1] == "http.disconnect":
                break
        await reading(scope, receive, send)

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(POST + b"x")
        await passing(8)

    transport = after(scenario, app)
    assert (transport.written.count(b"HTTP/1.1"), status(transport)) == (1, b"408")
    assert messages == ["http.request", "http.disconnect"]


@pytest.mark.parametrize("before", [b"", GET, b"\r\n"])
def test_idle_connection_is_closed_after_130_seconds(before: bytes) -> None:
    """A connection without a request is closed without a response."""

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(before)
        await passing(129)
        assert not transport.closed
        await passing(3)

    transport = after(scenario)
    assert (transport.written.count(b"HTTP/1.1"), transport.closed) == (int(before == GET), True)


def test_function_may_take_any_time() -> None:
    """No limit counts while a request is being answered."""
    go_on = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await go_on.wait()
        await reading(scope, receive, send)

    async def scenario(connection: Connection, transport: Transport, passing: Callable[[float], Any]) -> None:
        connection.data_received(GET + GET[:5])
        await passing(1000)
        assert not transport.closed
        go_on.set()
        await passing(1)

    assert status(after(scenario, slow)) == b"200"


async def test_sweep_checks_connections_until_there_are_none() -> None:
    """The interval is a quarter of the shortest limit, and a blocked event loop makes no client late."""
    elapsed: list[float] = []

    class Timed:
        def check_time(self, seconds: float) -> None:
            elapsed.append(seconds)
            if len(elapsed) == 3:
                connections.clear()

    connections = [Timed()]

    sweep = Sweep(Timeouts(body_grace_seconds=0.04))
    for _ in range(3):
        sweep.start(asyncio.get_running_loop(), connections)
    while connections:  # noqa: ASYNC110 - the sweep empties it
        await asyncio.sleep(0.01)
    assert elapsed == [0.01] * 3


def test_settings_set_the_limits() -> None:
    """Each limit has a setting; without one it is that of Azure's server."""
    assert read_timeouts({}) == Timeouts() == Timeouts(30.0, 240.0, 5.0, 130.0)
    values = dict(zip(SETTINGS, ("1", "0", "0.5", "2.5"), strict=True))
    assert read_timeouts(values) == Timeouts(1.0, 0.0, 0.5, 2.5)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("text", ["-1", "many", "nan", "inf", "0"])
def test_setting_that_is_no_limit_is_refused(name: str, text: str) -> None:
    """A limit is a number above 0; a rate may be 0."""
    if (name, text) == ("HOSTING_BODY_BYTES_PER_SECOND", "0"):
        return
    with pytest.raises(SettingsError, match=f"{name}: expected a number of .*, found '{text}'"):
        read_timeouts({name: text})


@pytest.mark.parametrize(
    ("ends_with_host", "unread", "is_aborted"),
    [(True, 70_000, True), (True, 1, True), (True, 0, False), (False, 70_000, False)],
    ids=["stuck reader", "end is not read", "reader of events", "slow download"],
)
async def test_stopping_server_waits_for_no_reader_of_an_endless_stream(
    monkeypatch: pytest.MonkeyPatch, ends_with_host: bool, unread: int, is_aborted: bool
) -> None:
    """A reader that does not read what is left is cut off; others get the end, and a download has the grace period."""
    monkeypatch.setattr(leaving, "_LAST_READ_SECONDS", 0.0)
    is_over = asyncio.Event()

    async def pieces() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        await is_over.wait()
        yield b"data: 2\n\n"

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(scope, send, HttpStream(200, [], pieces(), ends_with_host=ends_with_host))

    connection, transport, state = connect(app)
    connection.data_received(GET)
    await settled(state)
    transport.unread = unread
    connection.shutdown()
    await settled(state)
    assert transport.is_aborted == is_aborted
    if is_aborted:
        connection.connection_lost(None)
    is_over.set()
    await settled(state)
    assert (transport.closed, state.tasks) == (True, set())
    assert transport.written.endswith(b"0\r\n\r\n") != is_aborted
