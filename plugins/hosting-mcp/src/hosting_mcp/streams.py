"""Streams of Server-Sent Events: what is sent to one client, in its order, with comments while there is nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from hosting.bindings.http.response import Headers
from hosting_mcp.jsonrpc import compact_json

QUIET_SECONDS = 5.0
"""After this time without a message, a stream gets a comment: only a write shows that its client has disconnected."""
QUIET_TIMES_PER_PING = 5
"""Every fifth time, a stream with pings gets a ping instead, as in Azure."""
MAX_UNREAD = 1000
"""How many messages wait for a client that reads slowly, at most."""

EVENT_HEADERS: Headers = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache,no-store"),
    (b"content-encoding", b"identity"),
]
_COMMENT = b": quiet\n\n"


class EventStream:
    """The events for one client.

    Args:
        pings: whether it gets pings now and then.
    """

    def __init__(self, *, pings: bool = False) -> None:
        self._queue: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()
        self._pings = pings
        self._quiet_times = 0

    @property
    def unread(self) -> int:
        """How many messages wait for the client."""
        return self._queue.qsize()

    def send(self, message: Mapping[str, Any]) -> None:
        """Add a message."""
        self._queue.put_nowait(message)

    def send_or_drop(self, message: Mapping[str, Any]) -> None:
        """Add a message that may be left out, unless too many wait for the client."""
        if self.unread < MAX_UNREAD:
            self.send(message)

    def end(self) -> None:
        """End the stream after the messages that have been added; may be called again."""
        self._queue.put_nowait(None)

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield messages as they are added, and comments while there are none, until the end."""
        while True:
            try:
                async with asyncio.timeout(QUIET_SECONDS):
                    message = await self._queue.get()
            except TimeoutError:
                yield self._quiet()
            else:
                if message is None:
                    return
                yield event(message)

    def _quiet(self) -> bytes:
        self._quiet_times += 1
        pings, rest = divmod(self._quiet_times, QUIET_TIMES_PER_PING)
        if rest or not self._pings:
            return _COMMENT
        return event({"jsonrpc": "2.0", "id": f"ping-{pings}", "method": "ping"})


def event(message: Mapping[str, Any]) -> bytes:
    """Return a message as an event."""
    return f"event: message\ndata: {compact_json(message)}\n\n".encode()
