"""What the system counts for one thread: processor time, and what it read and wrote."""

from __future__ import annotations

import os
import time
from typing import NamedTuple

_THREAD = "/proc/thread-self/io"
_ROOM = 1024


class Io(NamedTuple):
    """Bytes and calls, through files and pipes; what ``recv`` and ``send`` of sockets move is not in it."""

    read: int
    written: int
    reads: int
    writes: int


class Counters(NamedTuple):
    """Of the calling thread; ``io`` is None where the system does not count by thread."""

    cpu: float
    io: Io | None


def begin(*, io: bool) -> Counters:
    """Where the counters of this thread stand; ``io`` asks for what it read and wrote, too."""
    found = _read_io(first=True) if io else None
    return Counters(time.thread_time(), found)


def since(start: Counters) -> Counters:
    """What was counted since ``start``, on the same thread."""
    cpu = time.thread_time() - start.cpu
    now = None if start.io is None else _read_io(first=False)
    if start.io is None or now is None:
        return Counters(cpu, None)
    return Counters(cpu, Io(*(after - before for after, before in zip(now, start.io, strict=True))))


def _read_io(*, first: bool) -> Io | None:
    """Linux's counters by thread, as they were before this reading; the ``first`` of two counts itself, too."""
    try:
        file = os.open(_THREAD, os.O_RDONLY)
    except OSError:
        return None
    try:
        text = os.read(file, _ROOM)
    finally:
        os.close(file)
    values = {name: int(value) for name, _, value in (line.partition(b": ") for line in text.splitlines())}
    own, once = (len(text), 1) if first else (0, 0)
    return Io(values[b"rchar"] + own, values[b"wchar"], values[b"syscr"] + once, values[b"syscw"])
