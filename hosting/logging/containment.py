"""Contains what the filters, handlers and record factories of an app raise in the app's own log calls.

``logging`` lets such an exception out of ``logger.info(...)`` into the function that calls it. While a host serves, it
costs the record only, and a line of the host says so. There is no hook for this in ``logging``: three methods of
``logging.Logger``, which are public and meant to be overridden, get a wrapper around them, so that it works for every
logger, those of libraries and the root logger included. A test lists the methods.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from hosting._exceptions import as_text, error_text
from hosting.logging.output import LogOutput

METHODS = ("makeRecord", "handle", "callHandlers")
"""The methods of ``logging.Logger`` that get a wrapper."""

_OWN_EXTRA = frozenset({"message", "asctime"})


class Containment:
    """The wrappers, until ``restore``.

    Args:
        output: reports what was raised, and writes the record that a handler of the app has kept from it.
    """

    def __init__(self, output: LogOutput) -> None:
        self._output = output
        self._is_active = True
        self._found: dict[str, Callable[..., Any]] = {name: getattr(logging.Logger, name) for name in METHODS}
        self._wrappers = {
            "makeRecord": self._around_make_record(self._found["makeRecord"]),
            "handle": self._around_handle(self._found["handle"]),
            "callHandlers": self._around_handlers(self._found["callHandlers"]),
        }
        for name, wrapper in self._wrappers.items():
            setattr(logging.Logger, name, wrapper)

    def restore(self) -> None:
        """Put back the methods that were found, and do nothing from now on where something has wrapped ours."""
        self._is_active = False
        for name, wrapper in self._wrappers.items():
            if getattr(logging.Logger, name) is wrapper:
                setattr(logging.Logger, name, self._found[name])

    def _around_make_record(self, make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
        @wraps(make)
        def make_record(logger: logging.Logger, *args: Any, **options: Any) -> logging.LogRecord:
            try:
                return make(logger, *args, **options)
            except BaseException as error:
                if not self._is_active:
                    raise
                record = _plain_record(*args, **options)  # raises KeyError for ``extra``, as without a factory
                self._report(record, "record factory", error)
                return record

        return make_record

    def _around_handle(self, handle: Callable[..., None]) -> Callable[..., None]:
        @wraps(handle)
        def handle_record(logger: logging.Logger, record: logging.LogRecord) -> None:
            try:
                handle(logger, record)
            except BaseException as error:
                if not self._is_active:
                    raise
                self._report(record, "filter", error)

        return handle_record

    def _around_handlers(self, call: Callable[..., None]) -> Callable[..., None]:
        @wraps(call)
        def call_handlers(logger: logging.Logger, record: logging.LogRecord) -> None:
            try:
                call(logger, record)
            except BaseException as error:
                if not self._is_active:
                    raise
                if not self._output.has_handled(record) and _reaches(logger, self._output):
                    self._output.handle(record)
                self._report(record, "handler", error)

        return call_handlers

    def _report(self, record: logging.LogRecord, what: str, error: BaseException) -> None:
        """Write a line of the host about an exception."""
        place = f"{as_text(record.pathname)}:{as_text(record.lineno)}"
        self._output.report(f"A {what} of the app's logging raised {error_text(error)}, for the record of {place}.")


def _plain_record(
    name: str,
    level: int,
    fn: str,
    lno: int,
    msg: object,
    args: Any,
    exc_info: Any,
    func: str | None = None,
    extra: Any = None,
    sinfo: str | None = None,
) -> logging.LogRecord:
    """Return a record without the app's factory.

    Raises:
        KeyError: ``extra`` has the name of an attribute of a record, as ``logging`` raises it.
    """
    record = logging.LogRecord(name, level, fn, lno, msg, args, exc_info, func, sinfo)
    for key, value in dict(extra or {}).items():
        if key in _OWN_EXTRA or key in record.__dict__:
            raise KeyError(f"Attempt to overwrite {key!r} in LogRecord")
        record.__dict__[key] = value
    return record


def _reaches(logger: logging.Logger | None, handler: logging.Handler) -> bool:
    """Whether the records of a logger reach a handler."""
    while logger is not None:
        if handler in logger.handlers:
            return True
        logger = logger.parent if logger.propagate else None
    return False
