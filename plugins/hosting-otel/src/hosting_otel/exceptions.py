"""Exceptions: each is recorded once, as a log record, or as an event of the span where no log records are sent."""

from __future__ import annotations

import traceback

from opentelemetry import _logs, trace
from opentelemetry._logs import SeverityNumber

from hosting_otel.spans import InvocationSpan, class_name

EVENT = "faas.invocation.exception"
"""The name of the event in the conventions for FaaS."""


class ExceptionRecorder:
    """Records the exceptions of invocations.

    Args:
        version: the version of this package.
        schema_url: the version of the conventions.
        has_logs: whether log records are sent.
    """

    def __init__(self, version: str, schema_url: str, *, has_logs: bool) -> None:
        self._logger = _logs.get_logger("hosting_otel", version, schema_url=schema_url) if has_logs else None

    def record(self, span: InvocationSpan, exception: BaseException) -> None:
        """Record why an invocation failed.

        Args:
            span: its span.
            exception: the exception.
        """
        if self._logger is None:
            span.span.record_exception(exception)
            return
        attributes = {name: span.facts.attributes[name] for name in ("faas.name", "faas.trigger")}
        attributes["exception.type"] = class_name(exception)
        lines = traceback.format_exception(exception)
        attributes["exception.message"] = lines[-1].strip().partition(": ")[2]
        attributes["exception.stacktrace"] = "".join(lines)
        self._logger.emit(
            context=trace.set_span_in_context(span.span),
            severity_number=SeverityNumber.ERROR,
            severity_text="ERROR",
            body=lines[-1].strip(),
            attributes=attributes,
            event_name=EVENT,
        )
