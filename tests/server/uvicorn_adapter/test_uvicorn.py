"""What the adapter uses of uvicorn and httptools: a version that lacks it fails here, by name."""

from __future__ import annotations

import asyncio
import inspect
from typing import Any

import httptools
import pytest
import uvicorn
from uvicorn.lifespan.on import LifespanOn
from uvicorn.server import ServerState

from hosting.server.types import Receive, Scope, Send
from hosting.server.uvicorn_adapter.protocol import Connection
from hosting.server.uvicorn_adapter.server import Server
from tests.support.connections import serve_in_memory

REQUEST = b"GET /path?a=b HTTP/1.1\r\nHost: localhost\r\n\r\n"
PROTOCOL_METHODS = [
    "connection_lost",
    "connection_made",
    "data_received",
    "eof_received",
    "pause_writing",
    "resume_writing",
]
PARSER_METHODS = [
    "feed_data",
    "get_http_version",
    "get_method",
    "set_dangerous_leniencies",
    "should_keep_alive",
    "should_upgrade",
]
PARSER_EVENTS = ["on_body", "on_header", "on_headers_complete", "on_message_begin", "on_message_complete", "on_url"]
SERVER_METHODS = {
    "capture_signals": ["self"],
    "handle_exit": ["self", "sig", "frame"],
    "on_tick": ["self", "counter"],
    "run": ["self", "sockets"],
    "shutdown": ["self", "sockets"],
    "startup": ["self", "sockets"],
}


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


def overridden(kind: type, base: type) -> list[str]:
    """Return the public methods of ``base`` that ``kind`` overrides."""
    return sorted(name for name in vars(kind) if not name.startswith("_") and callable(getattr(base, name, None)))


def test_methods_that_are_overridden_exist() -> None:
    """Each method that a class of the adapter overrides is one of its base class, and is listed here."""
    assert overridden(Connection, asyncio.Protocol) == PROTOCOL_METHODS
    assert overridden(Server, uvicorn.Server) == sorted(SERVER_METHODS.keys() - {"run"})


def test_parser_has_what_the_adapter_uses() -> None:
    """The parser has the methods that are called, calls those that are listed, and says where an upgrade begins."""
    assert [name for name in PARSER_METHODS if not hasattr(httptools.HttpRequestParser, name)] == []
    assert [name for name in vars(Connection) if name.startswith("on_") and name not in PARSER_EVENTS] == [
        "on_end",
        "on_response_complete",
    ]
    events: list[str] = []

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: events.append(name)

    parser = httptools.HttpRequestParser(Recorder())
    parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
    assert sorted(set(events) & set(PARSER_EVENTS)) == PARSER_EVENTS
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    with pytest.raises(httptools.HttpParserUpgrade) as error:
        parser.feed_data(head + b"rest")
    assert error.value.args == (len(head),)


async def test_server_makes_connections_and_shuts_them_down_as_the_adapter_expects() -> None:
    """uvicorn's server passes its state to the protocol class, and calls ``shutdown`` of what is in its connections."""
    made: dict[str, Any] = {}
    ended: list[str] = []

    class Recorder(asyncio.Protocol):
        def __init__(self, **options: Any) -> None:
            made.update(options)

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport
            made["server_state"].connections.add(self)
            server.should_exit = True

        def shutdown(self) -> None:
            ended.append("shutdown")
            self.transport.close()  # from Python 3.12 on, a server waits for that
            made["server_state"].connections.discard(self)

    config = uvicorn.Config(app, port=0, interface="asgi3", http=Recorder, lifespan="off", log_config=None)
    server = uvicorn.Server(config)

    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    _, writer = await asyncio.open_connection(*server.servers[0].sockets[0].getsockname()[:2])
    await serving
    writer.close()
    assert isinstance(made["server_state"], ServerState)
    assert (made["server_state"].connections, made["server_state"].tasks, ended) == (set(), set(), ["shutdown"])


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


@pytest.mark.parametrize("header", [(b"a", b"b\nc: d"), (b"a", b"b\r\n\r\nc"), (b"a\n", b"b")])
def test_header_with_a_line_break_is_not_sent(header: tuple[bytes, bytes]) -> None:
    """A line break that reaches a header in spite of every check before ends the connection: nothing is sent."""

    async def injecting(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [header]})

    assert serve_in_memory(injecting, [REQUEST]) == b""


def test_what_is_not_a_request_is_refused_with_a_date() -> None:
    """The response to bytes that are not HTTP has a date, a sentence, and the end of the connection."""
    head, _, body = serve_in_memory(app, [b"nonsense\r\n\r\n"]).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 400 Bad Request"
    assert lines[1].startswith(b"date: ")
    assert lines[2:] == [
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(body),
        b"connection: close",
    ]
    assert body == b"Invalid HTTP request received."
