"""A log handler that renders and writes from a thread of its own, many records at a time.

An invocation then pays for making its records, not for rendering and writing them; a pipe that nobody reads stops no
event loop; and what renders may be imported after the host serves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TextIO

_PAUSE = 0.05

Deferred = tuple[Callable[..., str], tuple[Any, ...]]
"""What makes a line, and its arguments."""


class BatchHandler(logging.Handler):
    """Writes to ``stream`` within a few hundredths of a second; ``close`` writes what is left."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._pending: deque[logging.LogRecord | Deferred] = deque()
        self._wake = threading.Event()
        self._writing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="hosting-logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record; its message is made now, since the arguments may change later."""
        if record.args:
            record.msg, record.args = record.getMessage(), None
        self._put(record)

    def defer(self, render: Callable[..., str], arguments: tuple[Any, ...]) -> None:
        """Write the line that ``render(*arguments)`` makes, in its turn among the records; it must not raise."""
        self._put((render, arguments))

    def flush(self) -> None:
        """Write everything that is pending."""
        with self._writing:
            lines: list[str] = []
            while self._pending:
                entry = self._pending.popleft()
                if isinstance(entry, tuple):
                    render, arguments = entry
                    lines.append(render(*arguments))
                else:
                    self._add(lines, entry)
            if lines:
                self._write("\n".join(lines) + "\n")

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        self.flush()
        super().close()

    def _put(self, entry: logging.LogRecord | Deferred) -> None:
        self._pending.append(entry)
        if not self._wake.is_set():
            self._wake.set()

    def _add(self, lines: list[str], record: logging.LogRecord) -> None:
        try:
            lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler of logging does
            self.handleError(record)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._closed = True  # whoever read the logs is gone; there is nobody left to tell

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait()
            time.sleep(_PAUSE)  # first, so that the answer to a request never waits for the line about it
            self._wake.clear()
            self.flush()
