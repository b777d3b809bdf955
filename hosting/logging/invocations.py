"""The two lines about each invocation, written without a log record.

Making, filtering and rendering a record costs more than the rest of an invocation. These lines have a known form, so
that the thread that writes the log can render them from an id and a time.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from logging import INFO, Logger
from time import gmtime, strftime, time
from typing import Any

from hosting._log import FAILED
from hosting.host.context import InvocationFacts
from hosting.host.invocation_log import EXECUTED, EXECUTING, End, Fields, InvocationLog, as_extra, end_fields
from hosting.logging.correlation import trace_fields
from hosting.logging.formatters import LineFormatter, as_json
from hosting.logging.output import LogOutput

_MOST_STARTS = 100


class FastInvocationLog(InvocationLog):
    """Hands the lines to the output of the log as values to render.

    Args:
        lines: renders the lines of records.
        output: where lines go.
    """

    def __init__(self, lines: LineFormatter, output: LogOutput) -> None:
        self._output = output
        self.shows_status_code = lines.form == "json"
        self._render = self._json if lines.form == "json" else self._console
        self._process = "" if lines.process is None else f', "process": {lines.process}'
        self._starts: dict[str, str] = {}
        self._millisecond, self._text = -1, ""

    def started(self, logger: Logger, invocation: InvocationFacts, trigger: Fields) -> None:
        """Log the line at the start of an invocation."""
        if logger.getEffectiveLevel() <= INFO:
            self._output.defer(self._render, (time(), invocation, trigger, None))

    def succeeded(self, logger: Logger, invocation: InvocationFacts, trigger: Fields, end: End) -> None:
        """Log the line at the end of an invocation that succeeded."""
        if logger.getEffectiveLevel() <= INFO:
            self._output.defer(self._render, (time(), invocation, trigger, end))

    def _console(self, *line: Any) -> str:
        created, invocation, _, end = line
        return f"[{self._timestamp(created)}] {_message(invocation.function, invocation.id, end)}"

    def _json(self, *line: Any) -> str:
        created, (invocation_id, name, trace_parent, *_), trigger, end = line
        more = _trace_members(trace_parent) + self._process if trace_parent else self._process
        if trigger:
            more += self._members(trigger)
        if end is not None:
            duration_ms, status_code = end
            code = "" if status_code is None else f', "status_code": {status_code}'
            more += f', "status": "Succeeded"{code}, "duration_ms": {round(duration_ms, 3)}'
        return (
            f'{{"timestamp": "{self._timestamp(created)}", "level": "info", "category": {quoted("Function." + name)}, '
            f'"message": {quoted(_message(name, invocation_id, end))}, "function": {quoted(name)}, '
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


class ShortInvocationLog(InvocationLog):
    """Logs one line for an invocation; that of an HTTP request comes from the server, which knows what was answered."""

    shows_status_code = False

    def started(self, logger: Logger, invocation: InvocationFacts, trigger: Fields) -> None:
        """Log nothing."""

    def triggered(
        self, logger: Logger, invocation: InvocationFacts, trigger: Fields, reason: str, details: str
    ) -> None:
        """Log nothing."""

    def succeeded(self, logger: Logger, invocation: InvocationFacts, trigger: Fields, end: End) -> None:
        """Log the end of an invocation that is not an HTTP request."""
        if "method" not in trigger:
            logger.info("%s succeeded %d ms", invocation.function, end[0])

    def failed(
        self, logger: Logger, invocation: InvocationFacts, trigger: Fields, end: End, error: BaseException
    ) -> None:
        """Log the end of an invocation that failed, with its traceback."""
        extra = as_extra(trigger) | end_fields(FAILED, end)
        logger.error("%s failed %d ms", invocation.function, end[0], extra=extra, exc_info=error)


def _message(name: str, invocation_id: str, end: End | None) -> str:
    if end is None:
        return EXECUTING % (name, invocation_id)
    return EXECUTED % (name, "Succeeded", invocation_id, end[0])


def _trace_members(trace_parent: str) -> str:
    return "".join(f', "{name}": "{value}"' for name, value in trace_fields(trace_parent).items())
