"""The two lines about each invocation, with Azure's words."""

from __future__ import annotations

import logging

EXECUTING = "Executing 'Functions.%s' (Reason='This function was programmatically called via the host APIs.', Id=%s)"
TRIGGERED = "Executing 'Functions.%s' (Reason='%s', Id=%s)"
DETAILS = "Trigger Details: %s"
EXECUTED = "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)"


class Journal:
    """Says that an invocation begins and how it ended, through logging; a face may have a shorter way.

    ``logger`` is the function's, ``name`` the function's name.
    """

    def began(self, logger: logging.Logger, name: str, invocation_id: str) -> None:
        logger.info(EXECUTING, name, invocation_id)

    def triggered(self, logger: logging.Logger, name: str, invocation_id: str, reason: str, details: str) -> None:
        """As ``began``, by an event rather than by a caller; ``details`` of it are a line of their own."""
        logger.info(TRIGGERED, name, reason, invocation_id)
        if details:
            logger.info(DETAILS, details)

    def succeeded(self, logger: logging.Logger, name: str, invocation_id: str, milliseconds: float) -> None:
        logger.info(EXECUTED, name, "Succeeded", invocation_id, milliseconds)

    def failed(
        self, logger: logging.Logger, name: str, invocation_id: str, milliseconds: float, shown: BaseException
    ) -> None:
        """``shown`` is the exception with as much of its traceback as is the author's."""
        logger.error(EXECUTED, name, "Failed", invocation_id, milliseconds, exc_info=shown)
