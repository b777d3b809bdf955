"""The two lines about each invocation, written without a log record where that makes no difference.

Making, filtering and rendering a record costs more than the rest of an invocation. These lines have a known form, so
that the thread that writes the log can render them from an id and a time.
"""

from __future__ import annotations

import logging
from json.encoder import encode_basestring_ascii as quoted
from logging import Logger
from time import gmtime, strftime, time
from typing import Any, NamedTuple

from hosting.host.context import Context
from hosting.host.invocation_log import EXECUTED, EXECUTING, Fields, InvocationLog, as_extra
from hosting.logging.correlation import trace_fields
from hosting.logging.formatters import LineFormatter, LogFormat, as_json
from hosting.logging.handler import BatchHandler


class _Line(NamedTuple):
    """What a line says; ``duration_ms`` is None for the start of an invocation."""

    created: float
    name: str
    invocation_id: str
    trace_parent: str
    trigger: Fields
    duration_ms: float | None


class FastInvocationLog(InvocationLog):
    """Hands the lines to the handler as they are, unless something else would see or change their records.

    Args:
        form: how the handler's formatter writes.
        handler: the only handler of the root logger, completely set up.
    """

    def __init__(self, form: LogFormat, handler: BatchHandler) -> None:
        self._handler = handler
        self._handlers = [handler]
        self._formatter = handler.formatter
        self._filters = list(handler.filters)
        self._factory = logging.getLogRecordFactory()
        self._dispatch = logging.Logger.callHandlers
        self._render = self._json if form == "json" else self._console
        process = handler.formatter.process if isinstance(handler.formatter, LineFormatter) else None
        self._process = "" if process is None else f', "process": {process}'
        self._millisecond, self._text = -1, ""

    def started(self, logger: Logger, context: Context, trigger: Fields) -> None:
        """Log the line at the start of an invocation."""
        if self._is_only_reader(logger):
            if logger.isEnabledFor(logging.INFO):
                self._defer(context, trigger, None)
        else:
            super().started(logger, context, trigger)

    def succeeded(self, logger: Logger, context: Context, trigger: Fields, duration_ms: float) -> None:
        """Log the line at the end of an invocation that succeeded."""
        if self._is_only_reader(logger):
            if logger.isEnabledFor(logging.INFO):
                self._defer(context, trigger, duration_ms)
        else:
            super().succeeded(logger, context, trigger, duration_ms)

    def _defer(self, context: Context, trigger: Fields, duration_ms: float | None) -> None:
        # Not the context itself: a function may have put anything on it.
        values = (time(), context.function_name, context.invocation_id, context.trace_parent, trigger, duration_ms)
        self._handler.defer(self._render, values)

    def _is_only_reader(self, logger: Logger) -> bool:
        """Whether a record of ``logger`` would reach our handler unchanged, and nothing else."""
        if logger.filters:
            return False
        one = logger
        while (parent := one.parent) is not None:
            if one.handlers or not one.propagate:
                return False
            one = parent
        return one.handlers == self._handlers and self._is_unchanged()

    def _is_unchanged(self) -> bool:
        """Whether the handler and ``logging`` are as they were set up: apps and their libraries may change both."""
        handler = self._handler
        return (
            handler.formatter is self._formatter
            and handler.level <= logging.INFO
            and handler.filters == self._filters
            and logging.getLogRecordFactory() is self._factory
            and logging.Logger.callHandlers is self._dispatch
        )

    def _console(self, *values: Any) -> str:
        line = _Line._make(values)
        return f"[{self._timestamp(line.created)}] {_message(line)}"

    def _json(self, *values: Any) -> str:
        line = _Line._make(values)
        trace = _members(trace_fields(line.trace_parent)) if line.trace_parent else ""
        end = (
            "" if line.duration_ms is None else f', "status": "Succeeded", "duration_ms": {round(line.duration_ms, 3)}'
        )
        return (
            f'{{"timestamp": "{self._timestamp(line.created)}", "level": "info", '
            f'"category": {quoted("Function." + line.name)}, "message": {quoted(_message(line))}, '
            f'"function": {quoted(line.name)}, "invocation_id": "{line.invocation_id}"{trace}{self._process}'
            f"{_members(as_extra(line.trigger))}{end}}}"
        )

    def _timestamp(self, created: float) -> str:
        """Return the time as text, made anew only for another millisecond: many lines are of the same one."""
        number = round(created * 1e6) // 1000
        if number != self._millisecond:
            text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(number // 1000))
            self._millisecond, self._text = number, f"{text}.{number % 1000:03d}Z"
        return self._text


def _message(line: _Line) -> str:
    if line.duration_ms is None:
        return EXECUTING % (line.name, line.invocation_id)
    return EXECUTED % (line.name, "Succeeded", line.invocation_id, line.duration_ms)


def _members(fields: Fields) -> str:
    """Return the fields as members of a JSON object that has others before them."""
    return "".join(
        f", {quoted(name)}: {quoted(value) if type(value) is str else as_json(value)}" for name, value in fields.items()
    )
