"""Transports that write late: an answer's head and body go together, and the answers of many connections in a row.

Each write is a system call that may wake the client at once, and with it another process on this core. So what is
written is kept until the event loop has gone round, and then written for all connections, as one piece for each.
"""

from __future__ import annotations

import asyncio
from typing import Any

_MUCH = 65536


class Outbox:
    """The transports of one event loop that have something to write."""

    def __init__(self) -> None:
        self._full: list[Gathering] = []

    def add(self, gathering: Gathering) -> None:
        """Have it flushed in the loop's next round."""
        if not self._full:
            asyncio.get_running_loop().call_soon(self._flush)
        self._full.append(gathering)

    def _flush(self) -> None:
        full, self._full = self._full, []
        for gathering in full:
            gathering.flush()


class Gathering:
    """Keeps what is written for the loop's next round, unless it is much.

    Args:
        transport: what it writes to; everything but writing is that transport's.
        outbox: where it says that it has something to write.
    """

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._pending: list[bytes] = []
        self._size = 0
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size >= _MUCH:
            # Who writes much must feel at once that the other side reads slowly.
            self.flush()
            self._send(data)
        else:
            if not self._pending:
                self._outbox.add(self)
            self._pending.append(data)

    def flush(self) -> None:
        """Write what is kept; lost if the connection is closed already."""
        if self._pending:
            data = self._pending[0] if len(self._pending) == 1 else b"".join(self._pending)
            self._pending.clear()
            self._send(data)
        self._size = 0

    def close(self) -> None:
        self.flush()
        self._transport.close()

    def _send(self, data: bytes) -> None:
        if not self.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
