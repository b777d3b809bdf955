"""The lines that log each invocation, with the words of Azure's host."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from logging import Logger
from typing import Any, TypeAlias

from hosting._log import FAILED
from hosting.errors import GuardError
from hosting.host.context import InvocationFacts

EXECUTING = "Executing 'Functions.%s' (Reason='This function was programmatically called via the host APIs.', Id=%s)"
TRIGGERED = "Executing 'Functions.%s' (Reason='%s', Id=%s)"
DETAILS = "Trigger Details: %s"
EXECUTED = "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)"

Fields: TypeAlias = Mapping[str, Any]
End: TypeAlias = tuple[float, int | None]
"""How long an invocation took, in milliseconds, and the status of the response to an HTTP request."""

RECORD_ATTRIBUTES = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}
"""What ``logging`` itself sets on a record, and refuses in ``extra``."""
TAKEN = RECORD_ATTRIBUTES | {
    "timestamp",
    "level",
    "category",
    "function",
    "invocation_id",
    "trace_id",
    "span_id",
    "status",
    "status_code",
    "duration_ms",
    "exception",
    "stack",
}
"""Names that no field of a trigger can have."""


class InvocationLog:
    """Logs the start and the end of each invocation with ``logging``. A subclass may record or write them otherwise.

    The arguments that all methods share: ``logger`` is the function's logger, ``invocation`` says which it is, and
    ``trigger`` the result of ``Trigger.log_fields``, which the first and the last line have as fields.
    """

    shows_status_code = True
    """Whether the status of the response to an HTTP request is a field of the last line."""

    def started(self, logger: Logger, invocation: InvocationFacts, trigger: Fields) -> None:
        """Log the start of an invocation that a caller asked for."""
        _log(logger, logging.INFO, as_extra(trigger), EXECUTING, invocation.function, invocation.id)

    def triggered(
        self, logger: Logger, invocation: InvocationFacts, trigger: Fields, reason: str, details: str
    ) -> None:
        """Log the start of an invocation that an event caused.

        Args:
            logger: as for all methods.
            invocation: as for all methods.
            trigger: as for all methods.
            reason: why the function runs, in one sentence.
            details: of the event, logged as a line of its own; empty for none.
        """
        _log(logger, logging.INFO, as_extra(trigger), TRIGGERED, invocation.function, reason, invocation.id)
        if details:
            logger.info(DETAILS, details)

    def succeeded(self, logger: Logger, invocation: InvocationFacts, trigger: Fields, end: End) -> None:
        """Log the end of an invocation that succeeded."""
        extra = as_extra(trigger) | end_fields("Succeeded", end)
        values = (invocation.function, "Succeeded", invocation.id, end[0])
        _log(logger, logging.INFO, extra, EXECUTED, *values)

    def failed(
        self, logger: Logger, invocation: InvocationFacts, trigger: Fields, end: End, error: BaseException
    ) -> None:
        """Log the end of an invocation that failed, with the traceback of ``error``, but not that of a guard."""
        extra = as_extra(trigger) | end_fields(FAILED, end)
        values = (invocation.function, FAILED, invocation.id, end[0])
        shown = error.without_cause() if isinstance(error, GuardError) else error
        _log(logger, logging.ERROR, extra, EXECUTED, *values, exc_info=shown)


def as_extra(trigger: Fields) -> dict[str, Any]:
    """Return the fields of a trigger as ``extra`` of a log call; a name that is taken gets an underscore at its end."""
    return {f"{name}_" if name in TAKEN else name: value for name, value in trigger.items()}


def end_fields(status: str, end: End) -> dict[str, Any]:
    """Return the fields of the last line about an invocation, beside those of its trigger."""
    duration_ms, status_code = end
    code = {} if status_code is None else {"status_code": status_code}
    return {"status": status, **code, "duration_ms": round(duration_ms, 3)}


def _log(
    logger: Logger,
    level: int,
    extra: Fields,
    text: str,
    *values: object,
    exc_info: BaseException | None = None,
) -> None:
    try:
        logger.log(level, text, *values, extra=extra, exc_info=exc_info)
    except KeyError:  # the app's own record factory sets an attribute of such a name, which ``logging`` refuses
        logger.log(level, text, *values, exc_info=exc_info)
