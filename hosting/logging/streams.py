"""``sys.stdout`` and ``sys.stderr`` of a process that serves: what code prints takes its turn among the log lines."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TextIO, cast

if TYPE_CHECKING:
    from hosting.logging.output import LogOutput

MAX_LINE_BYTES = 65536
"""How much of a line is kept until it is complete."""


class PrintStreams:
    """Replaces ``sys.stdout`` and ``sys.stderr``; ``restore`` puts back what was found.

    Args:
        write_stdout: gets what is printed to standard output, whole lines if the code prints whole lines.
        write_stderr: the same for standard error.
    """

    def __init__(self, write_stdout: Callable[[bytes], None], write_stderr: Callable[[bytes], None]) -> None:
        self._found = (sys.stdout, sys.stderr)
        # A process that was started with a closed stream has none.
        sys.stdout = sys.stdout and _stream(sys.stdout, write_stdout)
        sys.stderr = sys.stderr and _stream(sys.stderr, write_stderr)

    def restore(self) -> None:
        """Put back the streams that were found, also where the app has replaced ours."""
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # noqa: BLE001 - the app's own stream may have no flush, or be closed
                continue
        sys.stdout, sys.stderr = self._found


class _Printed(io.RawIOBase):
    """The bytes of a stream.

    Args:
        stream: the stream that is replaced; ``fileno`` and ``isatty`` are its own.
        write: gets the bytes.
    """

    def __init__(self, stream: TextIO, write: Callable[[bytes], None]) -> None:
        self._stream = stream
        self._write = write
        self.name = getattr(stream, "name", "")
        self.mode = "w"

    def writable(self) -> bool:
        """Return True."""
        return True

    def isatty(self) -> bool:
        """Return whether the stream that is replaced is a terminal."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Return the file descriptor of the stream that is replaced, for child processes."""
        return self._stream.fileno()

    def write(self, data: object) -> int:
        """Pass on the bytes, and return how many they are."""
        chunk = bytes(data)  # type: ignore[call-overload]
        self._write(chunk)
        return len(chunk)


def _stream(found: TextIO, write: Callable[[bytes], None]) -> TextIO:
    """Return a stream like the one that is replaced. It writes each line at once, also into a pipe."""
    encoding, errors = getattr(found, "encoding", None) or "utf-8", getattr(found, "errors", None) or "backslashreplace"
    # Without a buffer between them: its lock could be held, by another thread, when the process forks.
    printed = cast("io.BufferedWriter", _Printed(found, write))
    return io.TextIOWrapper(printed, encoding=encoding, errors=errors, line_buffering=True)


class _Lines:
    """What code prints, line by line.

    Args:
        output: renders the lines, or has the tail that gets them.
        name: ``stdout`` or ``stderr``, the value of the field ``stream``.
        write: gets what is written.
    """

    def __init__(self, output: LogOutput, name: str, write: Callable[[bytes], None]) -> None:
        self._output = output
        self._name = name
        self._write = write
        self._begun = b""
        """The beginning of a line that is not complete yet."""

    def _completed(self, data: bytes) -> list[str]:
        """Return the lines that ``data`` completes."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        return [line.decode(errors="backslashreplace") for line in lines]


class PrintedLines(_Lines):
    """Makes a JSON line of each line that code prints."""

    def write(self, data: bytes) -> None:
        """Write the lines that ``data`` completes."""
        with self._output.in_turn():
            for line in self._completed(data):
                self._write(self._output.printed_line(self._name, line).encode())

    def end(self) -> None:
        """Write the line that was begun, if there is one."""
        if self._begun:
            self.write(b"\n")


class CopiedLines(_Lines):
    """Writes what code prints as it is, and lets the tail of the log have each line that is complete."""

    def write(self, data: bytes) -> None:
        """Write the bytes."""
        self._write(data)
        with self._output.in_turn():
            for line in self._completed(data):
                self._output.keep_printed(self._name, line)
            self._begun = self._begun[-MAX_LINE_BYTES:]
