"""A log handler that renders and writes lines in a thread of its own, many at a time.

An invocation thus only pays for making its records, not for rendering and writing them; a pipe that is not read does
not stop the event loop; and structlog, which renders, is imported after the host serves.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, TextIO

from hosting.host.invocation_log import RECORD_ATTRIBUTES
from hosting.logging.fields import KeyValues

_PAUSE_SECONDS = 0.05
_CONSTANT = frozenset({str, int, float, bool, type(None), bytes, complex})
"""Types whose values cannot change between a log call and the rendering of its line."""

_OWN_ATTRIBUTES = len(RECORD_ATTRIBUTES) - 2
"""How many attributes ``logging`` sets when it makes a record; formatters set ``message`` and ``asctime`` later."""
_WITHOUT_EXTRA = _OWN_ATTRIBUTES + 2
"""How many a record has that came without values of its own: ``function`` and ``invocation_id`` are set on each."""

DeferredLine = tuple[Callable[..., str], tuple[Any, ...]]
"""A function that returns a line, and its arguments."""


class BatchHandler(logging.Handler):
    """Writes lines within some hundredths of a second; ``close`` writes those that are pending.

    Args:
        stream: where lines go.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._pending: deque[logging.LogRecord | DeferredLine] = deque()
        self._wake = threading.Event()
        self._writing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="hosting-logs", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record for the thread, once what may change until then is text: its arguments and its values."""
        try:
            if record.args or not (isinstance(record.msg, str) or _is_wrapped(record)):
                record.msg, record.args = record.getMessage(), None
            if len(record.__dict__) > _WITHOUT_EXTRA and _may_change(record):
                self._put((str, (self.format(record),)))
            else:
                self._put(record)
        except Exception:  # noqa: BLE001 - as every handler of logging does
            self.handleError(record)

    def defer(self, render: Callable[..., str], arguments: tuple[Any, ...]) -> None:
        """Write the line that ``render(*arguments)`` returns, in its turn among the records; it must not raise."""
        self._put((render, arguments))

    def flush(self) -> None:
        """Write every line that is pending."""
        with self._writing:
            lines: list[str] = []
            while self._pending:
                entry = self._pending.popleft()
                if isinstance(entry, tuple):
                    render, arguments = entry
                    lines.append(render(*arguments))
                else:
                    self._render(lines, entry)
            if lines:
                self._write("\n".join(lines) + "\n")

    def close(self) -> None:
        """Write every line that is pending, and end the thread."""
        self._closed = True
        self._wake.set()
        self.flush()
        super().close()

    def _put(self, entry: logging.LogRecord | DeferredLine) -> None:
        self._pending.append(entry)
        if not self._wake.is_set():
            self._wake.set()

    def _render(self, lines: list[str], record: logging.LogRecord) -> None:
        try:
            lines.append(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler of logging does
            self.handleError(record)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self._closed = True  # the reader of the log is gone

    def _work(self) -> None:
        while not self._closed:
            self._wake.wait()
            time.sleep(_PAUSE_SECONDS)  # first, so that no response waits for the line about it
            self._wake.clear()
            self.flush()


def _may_change(record: logging.LogRecord) -> bool:
    """Whether a value of the app's own, in ``extra`` or of a key, is an object that may change."""
    if _is_wrapped(record):
        return True
    # What ``logging`` sets comes first; should it not, a line is rendered earlier than it need be.
    for value in islice(record.__dict__.values(), _OWN_ATTRIBUTES, None):
        if type(value) not in _CONSTANT and (type(value) is not KeyValues or _has_objects(value)):
            return True
    return False


def _has_objects(values: KeyValues) -> bool:
    return any(type(value) not in _CONSTANT for value in values.values())


def _is_wrapped(record: logging.LogRecord) -> bool:
    """Whether ``structlog.stdlib.ProcessorFormatter.wrap_for_formatter`` has put an event in the place of a message."""
    return isinstance(record.msg, dict) and "_logger" in record.__dict__
