"""The logging of a process that serves: the lines of the host, of extensions and of functions, and what they print."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from hosting._log import NAMESPACE, host_logger, set_host_output
from hosting.logging.containment import Containment
from hosting.logging.correlation import InvocationFilter
from hosting.logging.fields import FUNCTION_LOGGER, SYSTEM_LOGGERS, category, timestamp
from hosting.logging.formatters import LineFormatter, LogFormat, LogStyle, has_colours
from hosting.logging.invocations import FastInvocationLog, ShortInvocationLog
from hosting.logging.levels import Levels
from hosting.logging.output import LogOutput
from hosting.logging.streams import CopiedLines, PrintedLines, PrintStreams
from hosting.logging.structlog import StructlogDefaults
from hosting.logging.tail import LogTail
from hosting.logging.writer import Writer

if TYPE_CHECKING:
    from hosting.host.invocation import RunningInvocations

_SERVER_LOGGER = "uvicorn"
_STATUS_COLOURS = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m", 0: "\x1b[33m"}


class Logs:
    """The logging of this process while it serves; ``close`` writes pending lines and restores what was found.

    structlog is connected, too, as long as the app does not configure it.

    Args:
        form: ``console`` for people, ``json`` for machines: one object a line.
        style: how the lines about invocations look on the console; None for short ones on a terminal, else Azure's.
        verbose: whether the host's own lines of information level are shown.
        stream: where lines go, without what is printed; standard output if it is None, with what is printed.
        process: this process's number under ``--workers``, for JSON lines; None if it is the only one.
        tail: gets each line, and what is printed, for readers of the log over HTTP; None if there are none.
    """

    def __init__(
        self,
        form: LogFormat,
        *,
        style: LogStyle | None = None,
        verbose: bool = False,
        stream: TextIO | None = None,
        process: int | None = None,
        tail: LogTail | None = None,
    ) -> None:
        target = stream or sys.stdout
        self._correlation = InvocationFilter()
        is_terminal = target is not None and target.isatty()
        self._colours = has_colours(os.environ, is_terminal=is_terminal)
        style = style or ("short" if is_terminal and form == "console" else "azure")
        self._lines = LineFormatter(form, style=style, colours=self._colours, process=process)
        self._output = LogOutput(target, self._lines, self._correlation)
        self._output.tail = self.tail = tail
        self._errors = Writer(sys.stderr, self._output.dropped)
        self._printed: tuple[PrintedLines, ...] = ()
        self._streams = None if stream else self._replace_streams(form)
        self._found: dict[logging.Logger, int] = {}
        self.set_levels(Levels(verbose=verbose))
        logging.getLogger().addHandler(self._output)
        for logger in self._own_loggers():
            logger.addHandler(self._output)
            logger.propagate = False
        set_host_output(self._output)
        self._containment = Containment(self._output)
        logging.captureWarnings(True)
        self._structlog = StructlogDefaults.acquire()

    def set_levels(self, levels: Levels) -> None:
        """Show what ``levels`` says. Call it before ``attach``."""
        for name, level in levels.loggers():
            self._set(logging.getLogger(name), level)
        if levels.by_category:
            self._output.show_only(lambda record: record.levelno >= levels.minimum(category(record)))
        else:
            system = levels.minimum("Host.Worker")
            self._output.show_only(
                lambda record: record.levelno >= system or not record.name.startswith(SYSTEM_LOGGERS)
            )

    def set_function_levels(self, levels: Levels, names: Iterable[str]) -> None:
        """Set the levels of the lines about the invocations of these functions, which only ask their logger."""
        for name in names:
            logger = host_logger(FUNCTION_LOGGER.removeprefix(f"{NAMESPACE}.") + name)
            self._set(logger, levels.minimum(f"Function.{name}"))

    def attach(self, running: RunningInvocations) -> None:
        """Attribute records to a host's invocations, and write the lines about these without records."""
        self._correlation.attach(running)
        running.log = ShortInvocationLog() if self.is_short else FastInvocationLog(self._lines, self._output)

    def print(self, text: str) -> None:
        """Write a line of the host's for people, as it is, whatever the app has made of ``sys.stdout``."""
        self._output.write(text)

    @property
    def is_short(self) -> bool:
        """Whether an invocation has one line, which for an HTTP request says what was answered."""
        return self._lines.style == "short" and self._lines.form == "console"

    @property
    def is_json(self) -> bool:
        """Whether lines are JSON objects."""
        return self._lines.form == "json"

    def write_answer(self, text: str, status: int) -> None:
        """Write the line about an HTTP request, coloured by the status of its response."""
        colour = _STATUS_COLOURS.get(status // 100) if self._colours else None
        line = f"[{timestamp(time.time())}] {text}"
        self._output.write(f"{colour}{line}\x1b[0m" if colour else line)

    def flush(self) -> None:
        """Write every line that is pending."""
        self._output.flush()

    def close(self) -> None:
        """Write every line that is pending, and leave ``logging``, structlog and the streams as they were found."""
        self._structlog.release()
        logging.captureWarnings(False)
        self._containment.restore()
        set_host_output(None)
        logging.getLogger().removeHandler(self._output)
        for logger in self._own_loggers():
            logger.removeHandler(self._output)
            logger.propagate = True
        for logger, level in self._found.items():
            logger.setLevel(level)
        if self._streams is not None:
            self._streams.restore()
        for printed in self._printed:
            printed.end()
        if lost := self._output.end():
            self._errors.write(self._output.dropped(lost))
        self._errors.close()

    def _replace_streams(self, form: LogFormat) -> PrintStreams:
        if form == "console" and self._output.tail is None:
            return PrintStreams(self._output.write_bytes, self._write_error)
        if form == "console":
            return PrintStreams(
                CopiedLines(self._output, "stdout", self._output.write_bytes).write,
                CopiedLines(self._output, "stderr", self._write_error).write,
            )
        output = PrintedLines(self._output, "stdout", self._output.write_bytes)
        errors = PrintedLines(self._output, "stderr", self._write_error)
        self._printed = (output, errors)
        return PrintStreams(output.write, errors.write)

    def _write_error(self, data: bytes) -> None:
        self._output.flush()
        self._errors.write(data)

    def _own_loggers(self) -> list[logging.Logger]:
        """Return the loggers above all that log for the host: the app's handlers do not get their records."""
        return [logging.getLogger(NAMESPACE), logging.getLogger(_SERVER_LOGGER)]

    def _set(self, logger: logging.Logger, level: int) -> None:
        self._found.setdefault(logger, logger.level)
        logger.setLevel(level)
