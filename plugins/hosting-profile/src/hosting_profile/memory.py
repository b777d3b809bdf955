"""Memory, measured by ``tracemalloc``, which counts the allocations of all threads of the process."""

from __future__ import annotations

import threading
import tracemalloc
from typing import NamedTuple

TRACING = threading.Lock()
"""Held by the invocation whose memory is measured; there is one at a time."""

_OWN = tuple(
    tracemalloc.Filter(False, pattern) for pattern in (tracemalloc.__file__, "*pyinstrument*", "*hosting_profile*")
)
_MIN_BYTES = 1000
"""The minimum size of a place to be reported."""


class Memory(NamedTuple):
    """Bytes still held at the end, the peak, and the places where the held bytes were allocated."""

    kept: int
    peak: int
    places: tuple[tuple[str, int], ...]


class Tracing:
    """Measures from its creation; the creator must hold ``TRACING``."""

    def __init__(self) -> None:
        self._before: tracemalloc.Snapshot | None = None
        if tracemalloc.is_tracing():  # other code has started it, and continues to use it
            self._before = tracemalloc.take_snapshot()
            tracemalloc.reset_peak()
        else:
            tracemalloc.start()
        self._held, _ = tracemalloc.get_traced_memory()

    def end(self, top: int) -> Memory:
        """Stop measuring, and return the ``top`` places that hold most.

        Memory of the profiler itself is left out; of the peak, what it holds at the end.
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
        places = [(place, size) for place, size in grown if size >= _MIN_BYTES]
        return Memory(kept, max(kept, peak - self._held - own), tuple(places[:top]))

    def _grown(self, snapshot: tracemalloc.Snapshot) -> list[tuple[str, int]]:
        """What each line holds more than before, the most first."""
        if self._before is None:
            return [(_place(one.traceback), one.size) for one in snapshot.statistics("lineno")]
        differences = snapshot.compare_to(self._before.filter_traces(_OWN), "lineno")
        return sorted(((_place(one.traceback), one.size_diff) for one in differences), key=lambda one: -one[1])


def start_tracing() -> Tracing | None:
    """Start to measure; return None while the memory of another invocation is measured."""
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
