"""A proxy in front of a real HTTP service, which can delay, drop or fail requests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeAlias

Fault: TypeAlias = Literal["none", "error", "hang up", "lose the response", "slow", "hold", "hang"]
"""Respond; respond with 503; close the connection without the request, or without the response; respond after a
second; forward and respond when the test says so; or never."""

FaultSelector: TypeAlias = Callable[[str, str], Fault]
"""Selects the fault of a request, by its method and by its path with the query."""

_ERROR = b"HTTP/1.1 503 Service Unavailable\r\nx-ms-error-code: ServerBusy\r\ncontent-length: 0\r\n\r\n"
_DELAY_SECONDS = 1.0


def no_fault(method: str, path: str) -> Fault:
    """Forward each request."""
    return "none"


class Proxy:
    """Forwards requests, one a connection, unless ``select_fault`` returns a fault.

    Args:
        target: the port of the service, on this machine.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.select_fault: FaultSelector = no_fault
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request, also of those that failed."""
        self.held = 0
        """How many requests have been held."""
        self._target = target
        self._may_forward, self._may_respond = asyncio.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def always(self, fault: Fault) -> None:
        """Use the same fault for every request from now on."""
        self.select_fault = lambda method, path: fault

    def forward_held(self) -> None:
        """Forward the requests that are held to the service, and hold its responses."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._may_forward.set)

    def respond_to_held(self) -> None:
        """Pass on the responses that are held."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._may_respond.set)

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until ``stop``."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()  # since Python 3.12 to wait for it, as "async with" does, waits for connections that hang

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                writer.write(await self._respond(reader))
                await writer.drain()
        finally:
            writer.close()

    async def _respond(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self.requests.append((method, path))
        fault = self.select_fault(method, path)
        if fault in ("hang up", "error"):
            return _ERROR if fault == "error" else b""
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "hold":
            self.held += 1
            await self._may_forward.wait()
        response = await self._forward(head, await reader.readexactly(_length(head)))
        if fault == "hold":
            await self._may_respond.wait()
        await asyncio.sleep(_DELAY_SECONDS if fault == "slow" else 0)
        return b"" if fault == "lose the response" else response

    async def _forward(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]) + body)
        response = await reader.read()
        writer.close()
        return response


@contextmanager
def run_proxy(target: int) -> Iterator[Proxy]:
    """Run a proxy in front of the port ``target`` until the end of the block, in a thread."""
    proxy, ready = Proxy(target), threading.Event()
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(proxy.serve(ready, stop))

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


def _length(head: bytes) -> int:
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lengths[0]) if lengths else 0
