"""The two lines about each invocation, written without a log record where nobody could tell the difference.

Making, filtering and rendering a record costs more than the rest of an invocation. These lines have a known form, so
that the thread that writes the log can render them from an id and a time.
"""

from __future__ import annotations

import logging
from json.encoder import encode_basestring_ascii as quoted
from time import gmtime, strftime, time
from typing import Literal

from hosting.host.invocation_log import EXECUTED, EXECUTING, Journal
from hosting.logging.handler import BatchHandler


class QuickJournal(Journal):
    """Hands the lines to the handler as they are, unless something else would see or change their records.

    Args:
        form: how the handler's formatter writes.
        handler: the one handler of the root logger, all set up.
    """

    def __init__(self, form: Literal["console", "json"], handler: BatchHandler) -> None:
        self._handler = handler
        self._handlers = [handler]
        self._formatter = handler.formatter
        self._filters = list(handler.filters)
        self._factory = logging.getLogRecordFactory()
        self._dispatch = logging.Logger.callHandlers
        self._render = self._json if form == "json" else self._console
        self._millisecond, self._text = -1, ""

    def began(self, logger: logging.Logger, name: str, invocation_id: str) -> None:
        if self._alone(logger):
            if logger.isEnabledFor(logging.INFO):
                self._handler.defer(self._render, (time(), name, invocation_id, None))
        else:
            super().began(logger, name, invocation_id)

    def succeeded(self, logger: logging.Logger, name: str, invocation_id: str, milliseconds: float) -> None:
        if self._alone(logger):
            if logger.isEnabledFor(logging.INFO):
                self._handler.defer(self._render, (time(), name, invocation_id, milliseconds))
        else:
            super().succeeded(logger, name, invocation_id, milliseconds)

    def _alone(self, logger: logging.Logger) -> bool:
        """Whether a record of ``logger`` would come as it was made to our handler, and to nothing else."""
        if logger.filters:
            return False
        one = logger
        while (above := one.parent) is not None:
            if one.handlers or not one.propagate:
                return False
            one = above
        return one.handlers == self._handlers and self._untouched()

    def _untouched(self) -> bool:
        """Whether handler and logging are as they were set up: authors and their libraries may change both."""
        handler = self._handler
        return (
            handler.formatter is self._formatter
            and handler.level <= logging.INFO
            and handler.filters == self._filters
            and logging.getLogRecordFactory() is self._factory
            and logging.Logger.callHandlers is self._dispatch
        )

    def _console(self, created: float, name: str, invocation_id: str, milliseconds: float | None) -> str:
        return f"[{self._stamp(created)}] {_message(name, invocation_id, milliseconds)}"

    def _json(self, created: float, name: str, invocation_id: str, milliseconds: float | None) -> str:
        message = quoted(_message(name, invocation_id, milliseconds))
        return (
            f'{{"timestamp": "{self._stamp(created)}", "level": "info", "category": {quoted("Function." + name)}, '
            f'"message": {message}, "function": {quoted(name)}, "invocation_id": "{invocation_id}"}}'
        )

    def _stamp(self, created: float) -> str:
        """Many lines are of the same millisecond."""
        number = round(created * 1e6) // 1000
        if number != self._millisecond:
            text = strftime("%Y-%m-%dT%H:%M:%S", gmtime(number // 1000))
            self._millisecond, self._text = number, f"{text}.{number % 1000:03d}Z"
        return self._text


def _message(name: str, invocation_id: str, milliseconds: float | None) -> str:
    if milliseconds is None:
        return EXECUTING % (name, invocation_id)
    return EXECUTED % (name, "Succeeded", invocation_id, milliseconds)
