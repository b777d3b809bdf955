"""Undoes what an app's code sets in the process when it is imported: environment variables and loggers."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class LoggerState(NamedTuple):
    """The configuration of a logger, without null handlers, which libraries add."""

    level: int = logging.NOTSET
    handlers: tuple[Any, ...] = ()
    filters: tuple[Any, ...] = ()

    @classmethod
    def of(cls, logger: logging.Logger) -> LoggerState:
        """Return the state of a logger."""
        handlers = [one for one in logger.handlers if not isinstance(one, logging.NullHandler)]
        return cls(logger.level, tuple(handlers), tuple(logger.filters))


class AppEffects:
    """What the import of an app changes. What other code changes later is left as it is.

    Create it before the import, and call ``note`` after it.
    """

    def __init__(self) -> None:
        self._environ, self._loggers = dict(os.environ), _loggers()
        self._disabled = (logging.root.manager.disable,) * 2
        self._set_variables: Mapping[str, str | None] = {}
        self._set_loggers: Mapping[logging.Logger, LoggerState] = {}

    def note(self) -> None:
        """Note what has changed since this object was created."""
        after = dict(os.environ)
        names = self._environ.keys() | after.keys()
        self._set_variables = {one: after.get(one) for one in names if after.get(one) != self._environ.get(one)}
        self._set_loggers = {
            one: now for one, now in _loggers().items() if now != self._loggers.get(one, LoggerState())
        }
        self._disabled = (self._disabled[0], logging.root.manager.disable)

    def restore(self) -> None:
        """Undo what ``note`` has noted."""
        for name, value in self._set_variables.items():
            if os.environ.get(name) == value:
                _set(name, self._environ.get(name))
        for logger, own in self._set_loggers.items():
            _undo(logger, own, self._loggers.get(logger, LoggerState()))
        if logging.root.manager.disable == self._disabled[1]:
            logging.disable(self._disabled[0])


def _loggers() -> dict[logging.Logger, LoggerState]:
    return {one: LoggerState.of(one) for one in _all_loggers()}


def _all_loggers() -> Iterator[logging.Logger]:
    yield logging.root
    yield from (one for one in logging.root.manager.loggerDict.copy().values() if isinstance(one, logging.Logger))


def _undo(logger: logging.Logger, own: LoggerState, before: LoggerState) -> None:
    if logger.level == own.level:
        logger.setLevel(before.level)
    for handler in own.handlers:
        if handler not in before.handlers:
            logger.removeHandler(handler)
    for one in own.filters:
        if one not in before.filters:
            logger.removeFilter(one)


def _set(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
