"""Measures one invocation from start to end, on its thread."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from pyinstrument.session import Session

from hosting_profile.calls import Calls
from hosting_profile.counters import Counters, begin, since
from hosting_profile.memory import Memory, start_tracing
from hosting_profile.settings import ProfileSettings


class Measured(NamedTuple):
    """The results; None for a measurement that was not requested, or not possible."""

    seconds: float
    counters: Counters
    """The counters of the thread; if ``shared``, of the event loop's thread, with everything that it did meanwhile."""
    shared: bool
    session: Session | None
    memory: Memory | None


class Measuring:
    """Measures from its creation until ``end``, which must be called on the same thread.

    An async function is profiled in its own context, by which pyinstrument distinguishes it from others on the loop:
    their time while it waits is not counted.
    """

    def __init__(self, settings: ProfileSettings) -> None:
        self._settings = settings
        self._loop = _running_loop()
        self._tracing = start_tracing() if "memory" in settings.measure else None
        self._calls = _calls(settings.interval, self._loop) if "time" in settings.measure else None
        self._counters = begin(io="io" in settings.measure)
        self._started = time.perf_counter()

    def end(self) -> Measured:
        """Stop all measurements, and return the results."""
        seconds = time.perf_counter() - self._started
        counters = since(self._counters)
        session = self._calls.end() if self._calls is not None else None
        memory = self._tracing.end(self._settings.top) if self._tracing is not None else None
        return Measured(seconds, counters, self._loop is not None, session, memory)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _calls(interval: float, loop: asyncio.AbstractEventLoop | None) -> Calls | None:
    """Start to sample calls; return None if another profiler is running in this context."""
    try:
        return Calls(interval, loop)
    except RuntimeError:
        return None
