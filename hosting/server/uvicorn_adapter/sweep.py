"""The sweep that enforces time limits: one timer for all connections of a server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Protocol

from hosting.server.timeouts import Timeouts

_LONGEST_SWEEP_SECONDS, _SHORTEST_SWEEP_SECONDS = 1.0, 0.01
_SWEEPS_PER_LIMIT = 4


class Timed(Protocol):
    """A connection with time limits."""

    def check_time(self, elapsed: float) -> None:
        """Close the connection if it has waited too long; ``elapsed`` are the seconds since the last call."""


class Sweep:
    """Checks all connections of a server at intervals, of a second or less.

    Time is counted in intervals: while the event loop is blocked, no client can be late.

    Args:
        timeouts: the limits, which the interval depends on.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        shortest = min(timeouts.head_seconds, timeouts.body_grace_seconds, timeouts.keep_alive_seconds)
        self._seconds = max(_SHORTEST_SWEEP_SECONDS, min(_LONGEST_SWEEP_SECONDS, shortest / _SWEEPS_PER_LIMIT))
        self._is_scheduled = False

    def start(self, loop: asyncio.AbstractEventLoop, connections: Collection[Timed]) -> None:
        """Check ``connections`` until there are none; does nothing if that is already done."""
        if not self._is_scheduled:
            self._is_scheduled = True
            loop.call_later(self._seconds, self._check, loop, connections)

    def _check(self, loop: asyncio.AbstractEventLoop, connections: Collection[Timed]) -> None:
        self._is_scheduled = False
        for connection in list(connections):
            connection.check_time(self._seconds)
        if connections:
            self.start(loop, connections)
