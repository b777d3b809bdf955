"""One invocation, measured from its start to its end, on the thread that it runs on."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

from pyinstrument.session import Session

from hosting_profile.calls import Calls
from hosting_profile.counters import Counters, begin, since
from hosting_profile.memory import Memory, start_tracing
from hosting_profile.settings import Settings


class Measured(NamedTuple):
    """What came out; None for what was not asked for, or could not be measured."""

    seconds: float
    counters: Counters
    """Of the thread: where ``shared``, the event loop's, with all that it did meanwhile."""
    shared: bool
    session: Session | None
    memory: Memory | None


class Measuring:
    """Measures from when it is made until ``end``, which must be called on the same thread.

    An async function is profiled in its own context, in which pyinstrument tells it from the others on the loop; what
    those do while it waits is not its time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = _running_loop()
        self._tracing = start_tracing() if "memory" in settings.measure else None
        self._calls = _calls(settings.interval, self._loop) if "time" in settings.measure else None
        self._counters = begin(io="io" in settings.measure)
        self._started = time.perf_counter()

    def end(self) -> Measured:
        """Stop everything that was started."""
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
    """None where the author's code has a profiler running in this context already."""
    try:
        return Calls(interval, loop)
    except RuntimeError:
        return None
