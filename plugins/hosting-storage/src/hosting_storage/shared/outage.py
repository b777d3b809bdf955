"""Logs an outage of a storage account once, with a remedy, and once when the account responds again."""

from __future__ import annotations

import logging
from xml.etree.ElementTree import ParseError

from azure.core.exceptions import HttpResponseError, ServiceRequestError

_UNREACHABLE = "Retrying. Is Azurite running? Otherwise check the address in the connection string."
_NO_STORAGE = "Retrying. The server at this address is not a storage account: check the connection string."
_REFUSED = "Retrying. Check the connection's key, or the roles of its identity."


class Outage:
    """The failures of one account, reported by its users; a failure that several of them see is logged once.

    Args:
        logger: the logger for the messages.
        where: the account, as the beginning of a sentence.
    """

    def __init__(self, logger: logging.Logger, where: str) -> None:
        self._logger = logger
        self._where = where
        self._failing: dict[str, dict[str, str]] = {}
        """For each user the last message of each kind of failure."""

    def failed(self, user: str, error: Exception) -> None:
        """Record a failure of ``user``, such as ``queue 'orders'``; log it unless the same failure is logged."""
        kind = _kind(error)
        if not any(kind in kinds for kinds in self._failing.values()):
            self._logger.error("%s cannot be used for %s: %s %s", self._where, user, first_line(error), _remedy(error))
        self._failing.setdefault(user, {})[kind] = f"{first_line(error)} {_remedy(error)}"

    def reason(self, user: str) -> str:
        """Return why the account cannot be used for ``user``; empty if it can."""
        return " ".join(self._failing.get(user, {}).values())

    def answered(self, user: str) -> None:
        """Record a response for ``user``; log it when it ends the last failure."""
        if self._failing.pop(user, None) and not self._failing:
            self._logger.warning("%s responds again.", self._where)


def first_line(error: Exception) -> str:
    """Return the message of an SDK error, without the request ids and times that follow it."""
    text = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _kind(error: Exception) -> str:
    return f"{type(error).__name__} {getattr(error, 'error_code', None)}"


def _remedy(error: Exception) -> str:
    if isinstance(error, ServiceRequestError):
        return _UNREACHABLE
    if isinstance(error, ParseError):
        return _NO_STORAGE
    is_refused = isinstance(error, HttpResponseError) and error.status_code in (401, 403)
    return _REFUSED if is_refused else "Retrying."
