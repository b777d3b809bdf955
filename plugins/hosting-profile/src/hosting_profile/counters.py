"""The system's counters of one thread: processor time, and bytes read and written."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

_THREAD = "/proc/thread-self/io"
_BUFFER_BYTES = 1024


class Io(NamedTuple):
    """Bytes and calls through files and pipes; ``recv`` and ``send`` of sockets are not counted."""

    read: int
    written: int
    reads: int
    writes: int


class Counters(NamedTuple):
    """The counters of the calling thread; ``cpu`` is in seconds, ``io`` is None if the system does not count it."""

    cpu: float
    io: Io | None


def begin(*, io: bool) -> Counters:
    """Return the current counters of this thread; ``io`` includes bytes read and written."""
    found = _read_io(first=True) if io else None
    return Counters(time.thread_time(), found)


def since(start: Counters) -> Counters:
    """Return the difference since ``start``; call it on the same thread."""
    cpu = time.thread_time() - start.cpu
    now = None if start.io is None else _read_io(first=False)
    if start.io is None or now is None:
        return Counters(cpu, None)
    return Counters(cpu, Io(*(after - before for after, before in zip(now, start.io, strict=True))))


def _read_io(*, first: bool) -> Io | None:
    """Return Linux's counters of this thread. The ``first`` of two readings includes itself, the second does not."""
    try:
        file = os.open(_THREAD, os.O_RDONLY)
    except OSError:
        return None
    try:
        text = os.read(file, _BUFFER_BYTES)
    finally:
        os.close(file)
    values = {name: int(value) for name, _, value in (line.partition(b": ") for line in text.splitlines())}
    own, once = (len(text), 1) if first else (0, 0)
    return Io(values[b"rchar"] + own, values[b"wchar"], values[b"syscr"] + once, values[b"syscw"])
