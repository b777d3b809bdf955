"""Writes to standard output or standard error at once, and never waits for their reader.

A pipe that is not read would stop the event loop. So what does not fit into it is kept, up to a limit, and written by a
thread when it fits; what is dropped beyond the limit is counted, and the count is written.
"""

from __future__ import annotations

import os
import select
import stat
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TextIO

from hosting._fork import call_in_forked_child

_MAX_PENDING_BYTES = 4 * 1024 * 1024
_MAX_WAIT_MILLISECONDS = 200
"""How long the thread waits for the reader before it looks whether it is to end."""
_CLOSE_SECONDS = 1.0
"""How long ``close`` waits for a reader that reads nothing."""
_CLOSE_POLL_SECONDS = 0.005


class Writer:
    """Writes whole lines to a stream.

    Args:
        stream: where lines go: by its file, a duplicate of it, so that an app may close the stream; by its ``write``
            where it has no file; None for a process without such a stream: its lines go nowhere.
        dropped: returns the line that says how many were dropped.
    """

    def __init__(self, stream: TextIO | None, dropped: Callable[[int], bytes]) -> None:
        self._stream = stream
        self._dropped = dropped
        self._file = _duplicate(stream)
        self._poller = _poller(self._file)
        self._lock = threading.RLock()
        self._pending: deque[bytes] = deque()
        self._pending_bytes = 0
        self._lost = 0
        """How many lines were dropped, and not reported yet."""
        self._failed = 0
        """How many could not be written since a line was written at last."""
        self._thread: threading.Thread | None = None
        self._ended = False
        call_in_forked_child(self._reset_in_child)

    def write(self, data: bytes) -> None:
        """Write lines, or keep them until they fit; what cannot be written is dropped, and nothing raises."""
        with self._lock:
            if self._ended:
                return
            if not self._pending:
                data = self._write_now(data)
                if self._lost and not data:
                    self._report_lost()
            if data:
                self._keep(data)

    def close(self) -> int:
        """Write what is pending, as long as its reader reads; return the number of lines that it did not read."""
        left, since = self._pending_bytes, time.monotonic()
        while self._thread is not None and time.monotonic() - since < _CLOSE_SECONDS:
            time.sleep(_CLOSE_POLL_SECONDS)
            if self._pending_bytes != left:
                left, since = self._pending_bytes, time.monotonic()
        with self._lock:
            self._ended = True
            file, self._file = self._file, None
            if file is not None:
                os.close(file)
            return self._lost + self._failed + sum(data.count(b"\n") for data in self._pending)

    def _reset_in_child(self) -> None:
        """Let a forked child write as the standard library does: what is pending is its parent's."""
        self._lock = threading.RLock()
        self._pending.clear()
        self._pending_bytes = self._lost = self._failed = 0
        self._thread = None
        self._poller = None

    def _write_now(self, data: bytes) -> bytes:
        """Write as much as fits, and return the rest."""
        try:
            if self._file is not None:
                rest = self._write_file(self._file, data)
            else:
                rest = b""
                self._write_stream(data)
        except Exception:  # noqa: BLE001 - the reader has gone, or the disk is full
            self._failed += data.count(b"\n")
            return b""
        self._lost, self._failed = self._lost + self._failed, 0
        return rest

    def _write_file(self, file: int, data: bytes) -> bytes:
        if self._poller is None:
            while data:
                data = data[os.write(file, data) :]
        else:
            while data and self._poller.poll(0):
                data = data[os.write(file, data[: select.PIPE_BUF]) :]  # so much does not wait for the reader
        return data

    def _write_stream(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.write(data.decode(errors="backslashreplace"))
            self._stream.flush()

    def _keep(self, data: bytes) -> None:
        if self._pending_bytes + len(data) > _MAX_PENDING_BYTES:
            self._lost += data.count(b"\n")
            return
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_pending, name="hosting-log-writer", daemon=True)
            self._thread.start()

    def _write_pending(self) -> None:
        """Write what is pending until nothing is."""
        poller = _poller(self._file)  # not the one that ``write`` uses: it cannot be asked by two threads at once
        while self._write_first():
            if poller is not None:
                poller.poll(_MAX_WAIT_MILLISECONDS)

    def _write_first(self) -> bool:
        """Write the first that is pending, or a part of it; return whether something is left to write."""
        with self._lock:
            if self._ended or not self._pending:
                self._thread = None
                return False
            data = self._pending.popleft()
            rest = self._write_now(data)
            self._pending_bytes -= len(data) - len(rest)
            if rest:
                self._pending.appendleft(rest)
            elif self._lost and not self._pending:
                self._report_lost()
            return True

    def _report_lost(self) -> None:
        """Write how many lines were lost, now that lines can be written again."""
        lost, self._lost = self._lost, 0
        self._keep(self._dropped(lost))


def _duplicate(stream: TextIO | None) -> int | None:
    """Return a file descriptor of its own for what the stream writes to; None where the stream has no file."""
    if stream is None:
        return None
    try:
        stream.flush()
        return os.dup(stream.fileno())
    except (OSError, ValueError):
        return None


def _poller(file: int | None) -> select.poll | None:
    """Return what can be asked whether a write would have to wait; None for files, and where the system cannot tell."""
    if file is None or not hasattr(select, "poll"):
        return None
    mode = os.fstat(file).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(file)):
        return None
    poller = select.poll()
    poller.register(file, select.POLLOUT)
    return poller
