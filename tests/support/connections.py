"""Connections of the HTTP server without a network: packets go in, and what is written comes out."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from uvicorn.server import ServerState

from hosting.bindings.http.response import Headers
from hosting.server.middleware.access import Access
from hosting.server.timeouts import Timeouts
from hosting.server.types import AsgiApp
from hosting.server.uvicorn_adapter.date import DateHeader
from hosting.server.uvicorn_adapter.leaving import Leaving
from hosting.server.uvicorn_adapter.protocol import Connection, Shared
from hosting.server.uvicorn_adapter.sweep import Sweep
from hosting.server.uvicorn_adapter.write_buffer import FlushScheduler

_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Transport(asyncio.Transport):
    """A transport in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.is_reading_paused = False
        self.unread = 0
        """How much of what was written the client has not read."""
        self.is_aborted = False
        self.ended = False
        """Whether the test is over, and what happens while the event loop closes does not count."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self.ended:
            self.written += bytes(data)

    def close(self) -> None:
        if not self.ended:
            self.closed = True

    def abort(self) -> None:
        self.is_aborted = self.closed = True

    def get_write_buffer_size(self) -> int:
        return self.unread

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False


def connect(
    app: AsgiApp, timeouts: Timeouts | None = None, on_refusal: Callable[[Access], Headers] = lambda access: []
) -> tuple[Connection, Transport, ServerState]:
    """Connect to ``app``; a sweep never runs by itself. Called on an event loop."""
    state, timeouts = ServerState(), timeouts or Timeouts()
    calls = (app, lambda scope: None, on_refusal)
    shared = Shared(*calls, timeouts, _NoSweep(timeouts), FlushScheduler(), DateHeader(), Leaving())
    connection, transport = Connection(shared, server_state=state), Transport()
    connection.connection_made(transport)
    return connection, transport, state


class _NoSweep(Sweep):
    def start(self, *_: Any) -> None:
        """Do nothing."""


async def settled(state: ServerState) -> None:
    """Wait until no request is being answered, or all of them wait for something else than the event loop."""
    before: set[object] = set()
    while state.tasks != before:
        before = set(state.tasks)
        await _go_on()
    await _go_on()  # what has been written is flushed


async def _go_on() -> None:
    """Let the event loop run what is ready, and what that makes ready."""
    for _ in range(5):
        await asyncio.sleep(0)


def serve_in_memory(app: AsgiApp, packets: Sequence[bytes]) -> bytes:
    """Return all that is written to a client that sends ``packets``, each read as one, unless the server closes."""
    return serve_each(app, [packets])[0]


def serve_each(app: AsgiApp, ways: Iterable[Sequence[bytes]]) -> list[bytes]:
    """Return what is written to each of several clients, by the packets that they send."""

    async def scenario() -> list[bytes]:
        return [await _serve(app, packets) for packets in ways]

    return asyncio.run(scenario())


async def _serve(app: AsgiApp, packets: Sequence[bytes]) -> bytes:
    connection, transport, state = connect(app)
    for packet in packets:
        while transport.is_reading_paused and not transport.closed:
            await settled(state)
        if transport.closed:
            break
        connection.data_received(packet)
    await settled(state)
    return transport.written


def answers(written: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield head and body of each response, by its Content-Length; interim responses are left out."""
    while written:
        head, _, written = written.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        size = int(length[1]) if length and not written.startswith(b"HTTP/1.1 ") else 0
        if not head.startswith(b"HTTP/1.1 1"):
            yield head, written[:size]
        written = written[size:]
