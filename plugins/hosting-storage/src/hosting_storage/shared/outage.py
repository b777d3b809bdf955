"""Storage that does not answer: said once, with what to do about it, and once when it is back."""

from __future__ import annotations

import logging
from xml.etree.ElementTree import ParseError

from azure.core.exceptions import HttpResponseError, ServiceRequestError

_AWAY = "It is tried again until it answers. If it is Azurite, start it; else check the address in the connection."
_STRANGER = "It is tried again. What answers there is no storage account: check the address in the connection."
_REFUSED = "It is tried again. Check the connection's key, or the roles of its identity."


class Outage:
    """What several users of one account know of its failures; what holds for all of them is said once.

    Args:
        logger: is told.
        where: the account, as the beginning of a sentence.
    """

    def __init__(self, logger: logging.Logger, where: str) -> None:
        self._logger = logger
        self._where = where
        self._failing: dict[str, set[str]] = {}

    def failed(self, who: str, error: Exception) -> None:
        """Note that ``who``, such as ``queue 'orders'``, failed; told unless somebody failed for the same reason."""
        kind = _kind(error)
        if not any(kind in kinds for kinds in self._failing.values()):
            self._logger.error("%s cannot be used for %s: %s %s", self._where, who, first_line(error), _remedy(error))
        self._failing.setdefault(who, set()).add(kind)

    def answered(self, who: str) -> None:
        """Note that ``who`` got an answer; told once nobody fails any more."""
        if self._failing.pop(who, None) and not self._failing:
            self._logger.warning("%s answers again.", self._where)


def first_line(error: Exception) -> str:
    """What an error of the SDK says, without the request ids and times that it adds."""
    text = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return text if text.endswith(".") else f"{text}."


def _kind(error: Exception) -> str:
    return f"{type(error).__name__} {getattr(error, 'error_code', None)}"


def _remedy(error: Exception) -> str:
    if isinstance(error, ServiceRequestError):
        return _AWAY
    if isinstance(error, ParseError):
        return _STRANGER
    is_refused = isinstance(error, HttpResponseError) and error.status_code in (401, 403)
    return _REFUSED if is_refused else "It is tried again."
