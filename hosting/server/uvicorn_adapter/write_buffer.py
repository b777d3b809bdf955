"""Buffered writing: one write for the head and the body of a response, and for all connections in a row.

Each write is a system call that may wake the client at once, and with it another process on this core. So data is
kept until the event loop has run what is ready, and is then written for all connections, one write for each.
"""

from __future__ import annotations

import asyncio
from typing import Any

_FLUSH_AT_BYTES = 65536


class FlushScheduler:
    """Flushes the transports of one event loop that have data, in the loop's next iteration."""

    def __init__(self) -> None:
        self._transports: list[BufferedTransport] = []

    def add(self, transport: BufferedTransport) -> None:
        """Flush ``transport`` in the loop's next iteration. Called on the event loop."""
        if not self._transports:
            asyncio.get_running_loop().call_soon(self._flush)
        self._transports.append(transport)

    def _flush(self) -> None:
        transports, self._transports = self._transports, []
        for transport in transports:
            transport.flush()


class BufferedTransport:
    """A transport that keeps what is written for the loop's next iteration, unless it is 64 KiB or more.

    Args:
        transport: the transport to write to; every other method and attribute is its own.
        scheduler: flushes this transport once it has data.
    """

    def __init__(self, transport: asyncio.Transport, scheduler: FlushScheduler) -> None:
        self._transport = transport
        self._scheduler = scheduler
        self._pending: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Keep ``data`` for the next iteration of the event loop, or write it now if there is much."""
        self._size += len(data)
        if self._size >= _FLUSH_AT_BYTES:
            # The transport itself has to see large writes at once, to pause the writer when the client reads slowly.
            self.flush()
            self._send(data)
        else:
            if not self._pending:
                self._scheduler.add(self)
            self._pending.append(data)

    def flush(self) -> None:
        """Write what is kept; it is dropped if the connection is closed already."""
        if self._pending:
            data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
            self._pending.clear()
            self._send(data)
        self._size = 0

    def close(self) -> None:
        """Write what is kept, then close the connection."""
        self.flush()
        self._transport.close()

    def _send(self, data: bytes) -> None:
        if not self.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
