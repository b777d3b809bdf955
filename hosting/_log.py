"""Loggers of the host's own lines, which an app's configuration of ``logging`` neither silences nor receives."""

from __future__ import annotations

import contextlib
import logging
import sys
from abc import abstractmethod
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeAlias

from hosting._exceptions import as_text, error_text, is_a

NAMESPACE = "hosting"
"""The logger above all loggers of the host."""
FAILED = "Failed"
"""The ``status`` of the record about an invocation that failed."""

_EXTENSIONS = f"{NAMESPACE}.extensions."
"""What the names of the loggers begin with that hooks get."""
_OUTPUT = "host_output"
_CONSOLE_FILES = (1, 2)
_ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None] | None


class HostOutput(logging.Handler):
    """Where the lines of a host go while it serves."""

    @abstractmethod
    def write_host_line(self, record: logging.LogRecord) -> None:
        """Write the line about a record of the host's own; raises nothing."""

    @abstractmethod
    def report_failed_handler(self, handler: logging.Handler, error: BaseException) -> None:
        """Write that a handler of the app has raised ``error`` for a record of the host's; raises nothing."""


class HostLogger(logging.Logger):
    """A logger of the host's own lines.

    While a host serves, its lines go to the host's output, whatever an app does to ``logging``: it may replace
    handlers, disable loggers, limit levels, or set a record factory, and all of that is about its own lines. Without
    an output (in tests, in Azure's worker) this is a logger like others, but what the app's handlers, filters and
    record factories raise costs the record only.
    """

    @property
    def _output(self) -> HostOutput | None:
        """Where its lines go while a host serves; None for a logger that a thread of the app makes in this moment."""
        return host_output() if self.name.startswith(f"{NAMESPACE}.") else None

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name in ``logging``
        """Return whether lines of this level are written; ``logging.disable`` does not count for a host's output."""
        return super().isEnabledFor(level) if self._output is None else level >= self.getEffectiveLevel()

    def makeRecord(  # noqa: N802
        self,
        name: str,
        level: int,
        fn: str,
        lno: int,
        msg: object,
        args: Any,
        exc_info: _ExcInfo,
        func: str | None = None,
        extra: Mapping[str, object] | None = None,
        sinfo: str | None = None,
    ) -> logging.LogRecord:
        """Return a record; for a host's output, and where it raises, not one of the app's record factory.

        Raises:
            KeyError: without an output, where ``extra`` has the name of an attribute of the factory's records.
        """
        if self._output is None:
            try:
                return super().makeRecord(name, level, fn, lno, msg, args, exc_info, func, extra, sinfo)
            except BaseException as error:
                if extra and is_a(error, KeyError):
                    raise
                _report_on_stderr("record factory", error, f"{fn}:{lno}")
        record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
        record.__dict__.update(extra or {})
        return record

    def handle(self, record: logging.LogRecord) -> None:
        """Write a record to the host's output.

        One about a function that failed, or of an extension, also reaches the handlers of the app.
        """
        output = self._output
        if output is None:
            try:
                super().handle(record)
            except BaseException as error:  # noqa: BLE001 - what an app adds to ``logging`` costs its record only
                _report_on_stderr("handler or filter", error, f"{as_text(record.pathname)}:{as_text(record.lineno)}")
            return
        output.write_host_line(record)
        if record.__dict__.get("status") == FAILED or self.name.startswith(_EXTENSIONS):
            _share(record, output)


def host_logger(name: str) -> logging.Logger:
    """Return the logger of the host's own lines with the name ``hosting.NAME``.

    For the host and for binding providers: their lines are the host's as well. Extensions use the logger that hooks
    get, or ``hosting.extension_logger``; apps use ``logging.getLogger``.

    Args:
        name: what the lines are about, in lower case with dots, such as ``storage.queues``: their category in JSON
            lines and in host.json's ``logLevel`` is then ``Host.Storage.Queues``.
    """
    usual = logging.getLoggerClass()
    logging.setLoggerClass(HostLogger)
    try:
        return logging.getLogger(f"{NAMESPACE}.{name}")
    finally:
        logging.setLoggerClass(usual)


def extension_logger(name: str) -> logging.Logger:
    """Return the logger ``hosting.extensions.NAME``, which hooks of the extension get as ``logger``.

    For code of an extension outside of its hooks. No configuration of an app silences its lines under
    ``hosting start``; those of a logger that ``logging.getLogger`` makes can be lost.

    Args:
        name: the extension's name, as in its entry point.
    """
    return host_logger(f"extensions.{name}")


def host_output() -> HostOutput | None:
    """Return where the lines of the host of this process go; None if none serves."""
    output: HostOutput | None = logging.getLogger(NAMESPACE).__dict__.get(_OUTPUT)
    return output


def set_host_output(output: HostOutput | None) -> None:
    """Write the lines of the host to ``output``; None for where ``logging`` has them written."""
    setattr(logging.getLogger(NAMESPACE), _OUTPUT, output)


def _share(record: logging.LogRecord, output: HostOutput) -> None:
    """Hand a record to the handlers of the root logger that an app has added, as if it had logged the record.

    Those that write to the console are left out, because the line is there already.
    """
    root = logging.getLogger()
    if not root.isEnabledFor(record.levelno):
        return
    for handler in root.handlers.copy():
        if handler is not output and record.levelno >= handler.level and not _writes_to_console(handler):
            try:
                handler.handle(record)
            except BaseException as error:  # noqa: BLE001 - a handler of the app's costs no more than its record
                output.report_failed_handler(handler, error)


def _report_on_stderr(what: str, error: BaseException, place: str) -> None:
    """Write what the app's logging raised for a record of the host's, if ``logging`` reports errors; raises nothing."""
    if logging.raiseExceptions:
        with contextlib.suppress(BaseException):  # the stream may be the app's own, or None
            print(
                f"A {what} of the app's logging raised {error_text(error)}, for the record of {place}.", file=sys.stderr
            )


def _writes_to_console(handler: logging.Handler) -> bool:
    try:
        return isinstance(handler, logging.StreamHandler) and handler.stream.fileno() in _CONSOLE_FILES
    except Exception:  # noqa: BLE001 - a stream of the app's own need not have a file
        return False
