"""The logging of a process that serves: one handler for the lines of the host, of extensions and of functions."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from hosting.logging.correlation import InvocationFilter
from hosting.logging.fields import FUNCTION_LOGGER, category
from hosting.logging.formatters import LineFormatter, LogFormat
from hosting.logging.handler import BatchHandler
from hosting.logging.invocations import FastInvocationLog
from hosting.logging.levels import Levels
from hosting.logging.structlog import StructlogDefaults

if TYPE_CHECKING:
    from hosting.host.invocation import RunningInvocations


class Logs:
    """The logging of this process while it serves; ``close`` writes pending lines and restores what was found.

    structlog is connected, too, as long as the app does not configure it.

    Args:
        form: ``console`` for people, ``json`` for machines: one object a line.
        verbose: whether the host's own lines of information level are shown.
        stream: where lines go; standard output if it is None.
        process: this process's number under ``--workers``, for JSON lines; None if it is the only one.
    """

    def __init__(
        self,
        form: LogFormat,
        *,
        verbose: bool = False,
        stream: TextIO | None = None,
        process: int | None = None,
    ) -> None:
        target = stream or sys.stdout
        self._filter = InvocationFilter()
        self._form: LogFormat = form
        self._handler = BatchHandler(target)
        self._handler.setFormatter(LineFormatter(form, colours=target.isatty(), process=process))
        self._handler.addFilter(self._filter)
        self._found: dict[logging.Logger, int] = {}
        self.set_levels(Levels(verbose=verbose))
        logging.getLogger().addHandler(self._handler)
        logging.captureWarnings(True)
        self._structlog = StructlogDefaults.acquire()

    def set_levels(self, levels: Levels) -> None:
        """Show what ``levels`` says. Call it before ``attach``."""
        for name, level in levels.loggers():
            self._set(logging.getLogger(name), level)
        if levels.by_category:
            self._handler.addFilter(lambda record: record.levelno >= levels.minimum(category(record)))

    def set_function_levels(self, levels: Levels, names: Iterable[str]) -> None:
        """Set the levels of the lines about the invocations of these functions, which only ask their logger."""
        for name in names:
            self._set(logging.getLogger(f"{FUNCTION_LOGGER}{name}"), levels.minimum(f"Function.{name}"))

    def attach(self, running: RunningInvocations) -> None:
        """Attribute records to a host's invocations, and write the lines about these without records."""
        self._filter.attach(running)
        running.log = FastInvocationLog(self._form, self._handler)

    def flush(self) -> None:
        """Write every line that is pending."""
        self._handler.flush()

    def close(self) -> None:
        """Write every line that is pending, and leave ``logging`` and structlog as they were found."""
        self._structlog.release()
        logging.captureWarnings(False)
        logging.getLogger().removeHandler(self._handler)
        self._handler.close()
        for logger, level in self._found.items():
            logger.setLevel(level)

    def _set(self, logger: logging.Logger, level: int) -> None:
        self._found.setdefault(logger, logger.level)
        logger.setLevel(level)
