"""The log's output: renders each record when it is logged, and writes its line in turn with what code prints.

The lines about invocations are so many that they are kept for a moment and written together, unless none was written
just before: the last line before a crash is then on the console.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TextIO
from weakref import ref

from hosting._exceptions import as_text, error_text, type_name
from hosting._fork import call_in_forked_child
from hosting._log import HostOutput
from hosting.logging.correlation import InvocationFilter
from hosting.logging.formatters import LineFormatter
from hosting.logging.tail import LogTail
from hosting.logging.writer import Writer

_PAUSE_SECONDS = 0.05

DeferredLine = tuple[Callable[..., str], tuple[Any, ...]]
"""A function that returns a line, and its arguments."""


class LogOutput(HostOutput):
    """The handler of the root logger, for the records of the app, and the output of the host's own lines.

    What an app sets on the handler (a formatter, filters, a level) is for its own records.

    Args:
        stream: standard output, or where lines go instead of it.
        formatter: renders the lines.
        correlation: says which invocation a record belongs to.
    """

    def __init__(self, stream: TextIO, formatter: LineFormatter, correlation: InvocationFilter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self._lines = formatter
        self._correlation = correlation
        self._is_shown: Callable[[logging.LogRecord], bool] | None = None
        self.tail: LogTail | None = None
        """Keeps the latest lines; None if none are kept."""
        self._writer = Writer(stream, self.dropped)
        self._deferred: deque[DeferredLine] = deque()
        self._last_batch = 0.0
        self._writing = threading.RLock()
        self._wake = threading.Event()
        self._last = threading.local()
        self._ended = False
        self._thread = threading.Thread(target=self._write_deferred, name="hosting-log", daemon=True)
        self._thread.start()
        call_in_forked_child(self._reset_in_child)

    def show_only(self, is_shown: Callable[[logging.LogRecord], bool]) -> None:
        """Write only the records for which ``is_shown`` returns True."""
        self._is_shown = is_shown

    def handle(self, record: logging.LogRecord) -> bool:
        """Write the line about a record of the app, which stays as it is for other handlers; raises nothing.

        ``logging`` calls this. The app's filters, its formatter and its values may raise anything: that costs no more
        than the text of this line.
        """
        self._last.record = ref(record)
        try:
            copy = _copy(record)
            self._correlation.filter(copy)
            if self._is_shown is not None and not self._is_shown(copy):
                return False
            passed: bool | logging.LogRecord = self.filter(copy)
            if not passed:
                return False
            # From Python 3.12 on, a filter may return another record.
            copy = passed if isinstance(passed, logging.LogRecord) else copy
            line = self._render(copy)
            if self.tail is not None:
                self.tail.add(copy, line)
        except BaseException as error:  # noqa: BLE001 - as above
            line = self._unrenderable(record, error)
        self.write(line)
        return True

    def write_host_line(self, record: logging.LogRecord) -> None:
        """Write the line about a record of the host's own."""
        try:
            self._correlation.filter(record)
            if self._is_shown is not None and not self._is_shown(record):
                return
            line = self._lines.format(record)
            if self.tail is not None:
                self.tail.add(record, line)
        except BaseException as error:  # noqa: BLE001 - a value of the app's is in it
            line = self._unrenderable(record, error)
        self.write(line)

    def has_handled(self, record: logging.LogRecord) -> bool:
        """Return whether ``record`` is the last one that this thread has handed to ``handle``."""
        last = self._last.__dict__.get("record")
        return last is not None and last() is record

    def report_failed_handler(self, handler: logging.Handler, error: BaseException) -> None:
        """Write that a handler of the app has raised ``error`` for a record of the host's."""
        self.report(f"The log handler {type_name(handler)} raised {error_text(error)}")

    def report(self, text: str) -> None:
        """Write a warning of the host's about the logging of the app; raises nothing."""
        self.write_host_line(_record("hosting.logging", logging.WARNING, text))

    def defer(self, render: Callable[..., str], arguments: tuple[Any, ...]) -> None:
        """Write the line that ``render(*arguments)`` returns: in its turn, within some hundredths of a second."""
        self._deferred.append((render, arguments))
        if time.monotonic() - self._last_batch > _PAUSE_SECONDS:
            self._last_batch = time.monotonic()
            self.flush()
        elif not self._wake.is_set():
            self._wake.set()

    def write(self, text: str) -> None:
        """Write a line after those that are deferred."""
        self.write_bytes(f"{text}\n".encode(errors="backslashreplace"))

    def write_bytes(self, data: bytes) -> None:
        """Write whole lines, or a part of one, after the lines that are deferred."""
        with self._writing:
            self.flush()
            self._writer.write(data)

    def in_turn(self) -> AbstractContextManager[Any]:
        """Return a block in which no other thread writes lines."""
        return self._writing

    def flush(self) -> None:
        """Write the lines that are deferred."""
        with self._writing:
            lines = []
            while self._deferred:
                render, arguments = self._deferred.popleft()
                try:
                    lines.append(render(*arguments))
                except BaseException as error:  # noqa: BLE001 - a field that a binding's provider gives is in it
                    text = f"A log line about an invocation cannot be written: {error_text(error)}"
                    lines.append(self._lines.format(_record("hosting.logging", logging.WARNING, text)))
            if lines:
                self._writer.write(("\n".join(lines) + "\n").encode(errors="backslashreplace"))

    def close(self) -> None:
        """Write the lines that are deferred, and go on: ``logging`` closes handlers when an app configures it."""
        self.flush()

    def end(self) -> int:
        """Write what is pending, as far as its reader reads, and return the number of lines that are lost."""
        self._ended = True
        self._wake.set()
        self.flush()
        lost = self._writer.close()
        super().close()
        return lost

    def printed_line(self, stream: str, text: str) -> str:
        """Return the JSON line of a line that code has printed, with its end.

        Args:
            stream: ``stdout`` or ``stderr``.
            text: the line.
        """
        record = _record(stream, logging.INFO, text)
        record.stream = stream
        self._correlation.filter(record)
        self.keep_printed(stream, text)
        return f"{self._lines.format(record)}\n"

    def keep_printed(self, stream: str, text: str) -> None:
        """Let the tail of the log keep a line that code has printed.

        Args:
            stream: ``stdout`` or ``stderr``.
            text: the line, without its end.
        """
        if self.tail is not None:
            self.tail.add_printed(stream, text, self._correlation.invocation())

    def dropped(self, count: int) -> bytes:
        """Return the line that says how many lines were dropped."""
        text = f"{count} log lines were dropped, because they could not be written."
        return f"{self._lines.format(_record('hosting.logging', logging.WARNING, text))}\n".encode()

    def _render(self, record: logging.LogRecord) -> str:
        formatter = self.formatter
        if formatter is None or formatter is self._lines:
            return self._lines.format(record)
        return self._lines.format_as(record, formatter.format(record))

    def _unrenderable(self, record: logging.LogRecord, error: BaseException) -> str:
        """Return the line of a record that raises when it is rendered."""
        place = f"{as_text(record.pathname)}:{as_text(record.lineno)}"
        text = f"A log record of {place} cannot be written: {error_text(error)}"
        return self._lines.format(_record("hosting.logging", logging.WARNING, text))

    def _write_deferred(self) -> None:
        while not self._ended:
            self._wake.wait()
            time.sleep(_PAUSE_SECONDS)  # first, so that no response waits for the line about it
            self._wake.clear()
            self._last_batch = time.monotonic()
            self.flush()

    def _reset_in_child(self) -> None:
        """Forget in a forked child what its parent writes."""
        self._writing = threading.RLock()
        self._deferred.clear()


def _copy(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record with the same attributes, so that other handlers get the record as it was logged."""
    copy = object.__new__(type(record))
    copy.__dict__.update(record.__dict__)
    return copy


def _record(name: str, level: int, text: str) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, text, None, None)
