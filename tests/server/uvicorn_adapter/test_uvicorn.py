"""What the adapter uses of uvicorn beyond its documented interface: a version that lacks it fails here, by name."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from hosting.server.types import Receive, Scope, Send
from hosting.server.uvicorn_adapter import protocol
from hosting.server.uvicorn_adapter.date import DateHeader
from hosting.server.uvicorn_adapter.write_buffer import FlushScheduler

REQUEST = b"GET /path?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROTOCOLS = {
    "httptools": "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
    "h11": "uvicorn.protocols.http.h11_impl:H11Protocol",
}
METHODS = ("connection_made", "connection_lost", "data_received", "eof_received", "send_400_response", "shutdown")
ATTRIBUTES = ("cycle", "headers", "loop", "scheme", "scope", "transport")
CYCLE_ATTRIBUTES = ("keep_alive", "more_body", "response_complete", "response_started", "scope")
HTTPTOOLS_ONLY = ("on_headers_complete", "pipeline", "url")
SERVER_METHODS = {
    "capture_signals": ["self"],
    "handle_exit": ["self", "sig", "frame"],
    "run": ["self", "sockets"],
    "shutdown": ["self", "sockets"],
    "startup": ["self", "sockets"],
}


class Transport(asyncio.Transport):
    """A transport in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def made(kind: Callable[..., Any], application: Any = app) -> Any:
    """Make a protocol as uvicorn's server does."""
    config = uvicorn.Config(application, interface="asgi3", ws="none", date_header=False, log_config=None)
    config.load()
    return kind(config=config, server_state=ServerState(), app_state={})


def protocol_class(name: str) -> Any:
    module, _, kind = PROTOCOLS[name].partition(":")
    pytest.importorskip(name)
    return getattr(importlib.import_module(module), kind)


def missing(one: object, names: tuple[str, ...]) -> list[str]:
    return [f"uvicorn {uvicorn.__version__}: {type(one).__name__}.{name}" for name in names if not hasattr(one, name)]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_protocol_has_what_the_adapter_uses(name: str) -> None:
    """Methods that are overridden and attributes that are read exist on the protocol and on its cycle."""

    async def scenario() -> list[str]:
        one = made(protocol_class(name))
        one.connection_made(Transport())
        one.data_received(REQUEST)
        extra = HTTPTOOLS_ONLY if name == "httptools" else ()
        found = missing(one, (*METHODS, *ATTRIBUTES, *extra)) + missing(one.cycle, CYCLE_ATTRIBUTES)
        assert one.cycle.scope is one.scope
        await asyncio.sleep(0.01)
        assert one.cycle.response_complete
        return found

    assert asyncio.run(scenario()) == []


def test_server_methods_have_the_arguments_that_the_adapter_overrides() -> None:
    """uvicorn's server is started, stopped and signalled through the methods that the adapter replaces."""
    found = {name: list(inspect.signature(getattr(uvicorn.Server, name)).parameters) for name in SERVER_METHODS}
    assert found == SERVER_METHODS


def test_lifespan_says_whether_the_start_is_over() -> None:
    """A start that takes long can be told from one that is over by the event of uvicorn's lifespan."""
    config = uvicorn.Config(app, lifespan="on", log_config=None)
    config.load()
    assert isinstance(LifespanOn(config).startup_event, asyncio.Event)
    assert config.lifespan_class is LifespanOn


def exchange(application: Any, data: bytes) -> bytes:
    """Give a connection of the adapter ``data``; return what it writes."""

    async def scenario() -> bytes:
        dated = DateHeader(application)
        connection = made(
            lambda **options: protocol.Connection(lambda scope: None, dated.current, FlushScheduler(), **options), dated
        )
        transport = Transport()
        connection.connection_made(transport)
        connection.data_received(data)
        await asyncio.sleep(0.01)
        return transport.written

    return asyncio.run(scenario())


@pytest.mark.parametrize("header", [(b"a", b"b\nc: d"), (b"a", b"b\r\n\r\nc"), (b"a\n", b"b")])
def test_header_with_a_line_break_is_not_sent(header: tuple[bytes, bytes]) -> None:
    """A line break that reaches a header in spite of every check before ends the connection: nothing is sent."""

    async def injecting(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [header]})

    assert exchange(injecting, REQUEST) == b""


def test_what_is_not_a_request_is_refused_with_a_date() -> None:
    """The response to bytes that are not HTTP has a date, a sentence, and the end of the connection."""
    head, _, body = exchange(app, b"nonsense\r\n\r\n").partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 400 Bad Request"
    assert lines[1].startswith(b"date: ")
    assert lines[2:] == [
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    assert body == b"Invalid HTTP request received."
