"""Memory by ``tracemalloc``, which the interpreter has once: it counts what all threads allocate."""

from __future__ import annotations

import threading
import tracemalloc
from typing import NamedTuple

TRACING = threading.Lock()
"""Held by the one invocation of the process whose memory is measured."""

_OWN = tuple(
    tracemalloc.Filter(False, pattern) for pattern in (tracemalloc.__file__, "*pyinstrument*", "*hosting_profile*")
)
_LEAST = 1000
"""Bytes that a place must hold to be told of."""


class Memory(NamedTuple):
    """Bytes that are still held at the end, the most that were held between, and where the former were allocated."""

    kept: int
    peak: int
    places: tuple[tuple[str, int], ...]


class Tracing:
    """Measures from when it is made; only where ``TRACING`` is held."""

    def __init__(self) -> None:
        self._before: tracemalloc.Snapshot | None = None
        if tracemalloc.is_tracing():  # somebody else has switched it on, and goes on with it
            self._before = tracemalloc.take_snapshot()
            tracemalloc.reset_peak()
        else:
            tracemalloc.start()
        self._held, _ = tracemalloc.get_traced_memory()

    def end(self, top: int) -> Memory:
        """Stop measuring, and tell the ``top`` places that hold most of it.

        What the profiler holds itself is left out; of the peak, what it holds at the end.
        """
        held, peak = tracemalloc.get_traced_memory()
        try:
            snapshot = tracemalloc.take_snapshot().filter_traces(_OWN)
        finally:
            if self._before is None:
                tracemalloc.stop()
            TRACING.release()
        grown = self._grown(snapshot)
        kept = sum(size for _, size in grown)
        own = max(0, held - self._held - kept)
        places = [(place, size) for place, size in grown if size >= _LEAST]
        return Memory(kept, max(kept, peak - self._held - own), tuple(places[:top]))

    def _grown(self, snapshot: tracemalloc.Snapshot) -> list[tuple[str, int]]:
        """What each line holds more than before, the most first."""
        if self._before is None:
            return [(_place(one.traceback), one.size) for one in snapshot.statistics("lineno")]
        differences = snapshot.compare_to(self._before.filter_traces(_OWN), "lineno")
        return sorted(((_place(one.traceback), one.size_diff) for one in differences), key=lambda one: -one[1])


def start_tracing() -> Tracing | None:
    """Begin to measure; None while the memory of another invocation is being measured."""
    if not TRACING.acquire(blocking=False):
        return None
    try:
        return Tracing()
    except BaseException:
        TRACING.release()
        raise


def _place(traceback: tracemalloc.Traceback) -> str:
    frame = traceback[0]
    return f"{frame.filename}:{frame.lineno}"
