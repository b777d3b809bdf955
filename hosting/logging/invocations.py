"""The two lines about each invocation, written without a log record where that makes no difference.

Making, filtering and rendering a record costs more than the rest of an invocation. These lines have a known form, so
that the thread that writes the log can render them from an id and a time.
"""

from __future__ import annotations

import logging
from json.encoder import encode_basestring_ascii as quoted
from logging import Logger
from time import gmtime, strftime, time
from typing import Any

from hosting.host.context import Context
from hosting.host.invocation_log import EXECUTED, EXECUTING, Fields, InvocationLog, as_extra
from hosting.logging.correlation import trace_fields
from hosting.logging.formatters import LineFormatter, LogFormat, as_json
from hosting.logging.handler import BatchHandler

_MOST_STARTS = 100


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
        self._starts: dict[str, str] = {}
        self._millisecond, self._text = -1, ""

    def started(self, logger: Logger, context: Context, trigger: Fields) -> None:
        """Log the line at the start of an invocation."""
        if self._is_only_reader(logger):
            if logger.isEnabledFor(logging.INFO):
                # Not the context itself: a function may have put anything on it.
                line = (time(), context.function_name, context.invocation_id, context.trace_parent, trigger, None)
                self._handler.defer(self._render, line)
        else:
            super().started(logger, context, trigger)

    def succeeded(self, logger: Logger, context: Context, trigger: Fields, duration_ms: float) -> None:
        """Log the line at the end of an invocation that succeeded."""
        if self._is_only_reader(logger):
            if logger.isEnabledFor(logging.INFO):
                name, trace_parent = context.function_name, context.trace_parent
                line = (time(), name, context.invocation_id, trace_parent, trigger, duration_ms)
                self._handler.defer(self._render, line)
        else:
            super().succeeded(logger, context, trigger, duration_ms)

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

    def _console(self, *line: Any) -> str:
        created, name, invocation_id, _, _, duration_ms = line
        return f"[{self._timestamp(created)}] {_message(name, invocation_id, duration_ms)}"

    def _json(self, *line: Any) -> str:
        created, name, invocation_id, trace_parent, trigger, duration_ms = line
        more = _trace_members(trace_parent) + self._process if trace_parent else self._process
        if trigger:
            more += self._members(trigger)
        if duration_ms is not None:
            more += f', "status": "Succeeded", "duration_ms": {round(duration_ms, 3)}'
        return (
            f'{{"timestamp": "{self._timestamp(created)}", "level": "info", "category": {quoted("Function." + name)}, '
            f'"message": {quoted(_message(name, invocation_id, duration_ms))}, "function": {quoted(name)}, '
            f'"invocation_id": "{invocation_id}"{more}}}'
        )

    def _members(self, trigger: Fields) -> str:
        """Return the fields as members of a JSON object that has others before them."""
        text = ""
        for name, value in trigger.items():
            start = self._starts.get(name) or self._start_of_member(name)
            text += start + (quoted(value) if type(value) is str else as_json(value))
        return text

    def _start_of_member(self, name: str) -> str:
        """Return what comes before a member's value, and keep it: triggers have few names."""
        start = f", {quoted(next(iter(as_extra({name: None}))))}: "
        if len(self._starts) < _MOST_STARTS:
            self._starts[name] = start
        return start

    def _timestamp(self, created: float) -> str:
        """Return the time as text, made anew only for another millisecond: many lines are of the same one."""
        number = round(created * 1e6) // 1000
        if number != self._millisecond:
            text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(number // 1000))
            self._millisecond, self._text = number, f"{text}.{number % 1000:03d}Z"
        return self._text


def _message(name: str, invocation_id: str, duration_ms: float | None) -> str:
    if duration_ms is None:
        return EXECUTING % (name, invocation_id)
    return EXECUTED % (name, "Succeeded", invocation_id, duration_ms)


def _trace_members(trace_parent: str) -> str:
    return "".join(f', "{name}": "{value}"' for name, value in trace_fields(trace_parent).items())
