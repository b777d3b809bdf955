"""The log bridge: records of ``logging`` as OpenTelemetry's log records, with trace and span."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import _logs
from opentelemetry.instrumentation.logging.handler import LoggingHandler

LEFT_OUT = ("opentelemetry", "urllib3", "requests", "azure.core", "azure.monitor", "hosting.function")
"""The loggers whose records are not sent: those of exporters, which would feed themselves, and the host's about the
start and the end of invocations, which spans say."""
_NO_LEVEL = 1000
"""Above the level of any record."""
HOST_FIELDS = ("trace_id", "span_id", "function")
"""Attributes that the host sets on records, and that the bridge says otherwise."""


class InvocationLogHandler(LoggingHandler):
    """Sends the records of all loggers but those of exporters and of the host's invocations."""

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; it never raises for a record that cannot be sent."""
        try:
            super().emit(_for_export(record))
        except Exception:  # noqa: BLE001 - a record must not fail the code that logs it
            self.handleError(record)


def is_sent(record: logging.LogRecord) -> bool:
    """Return whether a record is sent."""
    name = record.name
    return not any(name == one or name.startswith(f"{one}.") for one in LEFT_OUT)


@contextmanager
def without_handler_of_distribution(logger: str) -> Iterator[None]:
    """Keep Azure Monitor's distribution from adding its handler, by one that it takes for its own.

    That handler sends what the distribution's own exporter logs about each request, which is another request, for ever.

    Args:
        logger: the name of the logger that it adds the handler to; empty for the root logger.
    """
    target, placeholder = logging.getLogger(logger), LoggingHandler(_NO_LEVEL)
    target.addHandler(placeholder)
    try:
        yield
    finally:
        target.removeHandler(placeholder)


def _for_export(record: logging.LogRecord) -> logging.LogRecord:
    """Return a copy with the names of the conventions for what the host has set."""
    sent = copy.copy(record)
    values = sent.__dict__
    invocation = values.pop("invocation_id", None)
    for name in HOST_FIELDS:
        values.pop(name, None)
    if invocation is not None:
        values["faas.invocation_id"] = invocation
    return sent


class LogBridge:
    """A handler of a logger, unless one is there that sends records to OpenTelemetry.

    It obeys ``OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION``, ``OTEL_PYTHON_LOG_HANDLER_LEVEL`` and
    ``OTEL_PYTHON_LOG_CODE_ATTRIBUTES``, as opentelemetry-instrumentation-logging does.

    Args:
        logger: the name of the logger; empty for the root logger.
    """

    def __init__(self, logger: str = "") -> None:
        self._handler: logging.Handler | None = None
        self._target = logging.getLogger(logger)
        is_off = os.environ.get("OTEL_PYTHON_LOG_AUTO_INSTRUMENTATION", "true").strip().lower() == "false"
        if is_off or any(map(_is_bridge, self._target.handlers)):
            return
        level = logging.getLevelName(os.environ.get("OTEL_PYTHON_LOG_HANDLER_LEVEL", "NOTSET").strip().upper())
        code = os.environ.get("OTEL_PYTHON_LOG_CODE_ATTRIBUTES", "").strip().lower() == "true"
        self._handler = InvocationLogHandler(
            level if isinstance(level, int) else logging.NOTSET, _logs.get_logger_provider(), log_code_attributes=code
        )
        self._handler.addFilter(is_sent)
        self._target.addHandler(self._handler)

    def close(self) -> None:
        """Remove the handler."""
        if self._handler is not None:
            self._target.removeHandler(self._handler)
            self._handler = None


def _is_bridge(handler: logging.Handler) -> bool:
    """Return whether a handler is of an OpenTelemetry package, which all call it LoggingHandler."""
    return any(one.__name__ == "LoggingHandler" for one in type(handler).__mro__)
