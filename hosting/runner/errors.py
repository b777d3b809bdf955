"""Reports why an app does not start, in the format of the log."""

from __future__ import annotations

import logging
import sys

from hosting._log import host_logger, host_output
from hosting.errors import HostingError, print_error
from hosting.logging.formatters import LineFormatter
from hosting.runner.options import StartOptions

_logger = host_logger("start")


def report_error(error: HostingError, options: StartOptions, process: int | None = None) -> None:
    """Write an error: on standard error for people, or as a JSON line, in the log if that is open.

    Args:
        error: the error.
        options: the flags of ``hosting start``.
        process: this process's number under ``--workers``; None if it is the only one.
    """
    if options.log_format == "console":
        print_error(error, verbose=options.verbose)
        return
    cause = error.__cause__ if options.verbose else None
    if host_output() is not None:
        _logger.error("%s", error, exc_info=cause)
        return
    exc_info = None if cause is None else (type(cause), cause, cause.__traceback__)
    record = logging.LogRecord(_logger.name, logging.ERROR, "", 0, "%s", (error,), exc_info)
    print(LineFormatter("json", process=process).format(record), file=sys.stderr, flush=True)
