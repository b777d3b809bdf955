"""The time between the signal and the end of a server: it still accepts, and closes connections after a response."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from hosting.server.uvicorn_adapter.write_buffer import BufferedTransport

_LAST_READ_SECONDS = 1.0
"""How often a stopping server checks whether the reader of an endless stream still reads."""


class Leaving:
    """Whether a server is about to stop, and for how long it still accepts connections.

    Load balancers need a few seconds until they have seen that a host is not ready; what they send it until then must
    be answered. Open connections get ``Connection: close``, so that none of their requests meets its end.

    Args:
        seconds: how long it still accepts connections.
        leave: lets the application take no other work; called when the time begins.
    """

    def __init__(self, seconds: float = 0.0, leave: Callable[[], Awaitable[None]] | None = None) -> None:
        self.is_leaving = False
        self.began_at = float("inf")
        """When it began, by ``time.monotonic``."""
        self._seconds = seconds
        self._leave = leave
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Begin; may be called in a signal handler, and a second call does nothing."""
        self.is_leaving = True
        self.began_at = min(self.began_at, monotonic())

    def skip(self) -> None:
        """Wait no longer."""
        self._seconds = 0.0

    @property
    def is_over_at_once(self) -> bool:
        """Whether there is nothing to wait for."""
        return self._seconds <= 0

    def is_over(self) -> bool:
        """Return whether the server must stop accepting; called on the event loop, several times a second."""
        if not self.is_leaving or monotonic() - self.began_at >= self._seconds:
            return self.is_leaving
        if self._task is None and self._leave is not None:
            self._task = asyncio.ensure_future(_awaited(self._leave))
        return False


def abort_unread(transport: BufferedTransport) -> None:
    """Cut off the reader of an endless stream as soon as it does not read what was written, until it has disconnected.

    Otherwise a reader that stops reading would hold the end of the server as long as the grace period lasts.
    """

    def check() -> None:
        if transport.get_write_buffer_size():
            transport.abort()
        elif not transport.is_closing():
            loop.call_later(_LAST_READ_SECONDS, check)

    loop = asyncio.get_running_loop()
    loop.call_later(_LAST_READ_SECONDS, check)


async def _awaited(function: Callable[[], Awaitable[None]]) -> None:
    await function()
