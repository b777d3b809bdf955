"""A proxy in front of a real HTTP service, for tests of what happens when the service does not behave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal, TypeAlias

Fault: TypeAlias = Literal["none", "error", "hang up", "lose the answer", "slow", "hang"]
"""Answer well; answer 503; close the connection instead; or after the service has done it; answer after a second; or
never."""

Mood: TypeAlias = Callable[[str, str], Fault]
"""Decides about a request: by its method, and by its path with the query."""

_ERROR = b"HTTP/1.1 503 Service Unavailable\r\nx-ms-error-code: ServerBusy\r\ncontent-length: 0\r\n\r\n"
_SLOW = 1.0


def well(method: str, path: str) -> Fault:
    """Answer each request well."""
    return "none"


class Proxy:
    """Passes requests on, one a connection, unless it is in another mood.

    Args:
        target: the port of the service, on this machine.
    """

    def __init__(self, target: int) -> None:
        self.port = 0
        self.mood: Mood = well
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request, those that came to nothing too."""
        self._target = target

    def always(self, fault: Fault) -> None:
        """Do the same to every request from now on."""
        self.mood = lambda method, path: fault

    async def serve(self, ready: threading.Event, stop: asyncio.Event) -> None:
        """Serve until ``stop``."""
        server = await asyncio.start_server(self._connection, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await stop.wait()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                writer.write(await self._answer(reader))
                await writer.drain()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        method, path, _ = head.split(b"\r\n", 1)[0].decode().split(" ", 2)
        self.requests.append((method, path))
        fault = self.mood(method, path)
        if fault in ("hang up", "error"):
            return _ERROR if fault == "error" else b""
        if fault == "hang":
            await asyncio.Event().wait()
        answer = await self._passed_on(head, await reader.readexactly(_length(head)))
        await asyncio.sleep(_SLOW if fault == "slow" else 0)
        return b"" if fault == "lose the answer" else answer

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([lines[0], b"Connection: close", *lines[1:]]) + body)
        answer = await reader.read()
        writer.close()
        return answer


@contextmanager
def proxying(target: int) -> Iterator[Proxy]:
    """Stand before ``target`` until the end of the block, in a thread."""
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
    found = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(found[0]) if found else 0
