"""Which log lines are shown: host.json's ``logging.logLevel`` by category, as Azure's Core Tools apply it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from hosting.host.process import DEBUG_LOGS

NAMES: Mapping[str, int] = {
    "trace": 1,
    "debug": logging.DEBUG,
    "information": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "none": 1000,
}
_FALSE = frozenset({"0", "false", "f", "no", "n"})
_LOGGERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "": ("", ("host",)),
    "hosting": ("host", ("host.start", "host.extensions", "host.triggers")),
    "hosting.start": ("host.start", ()),
    "hosting.extensions": ("host.extensions", ()),
    "hosting.triggers": ("host.triggers", ()),
    "hosting.function": ("function", ()),
}
"""Loggers that get a level, with what the categories of their records begin with, and with what they do not."""


class Levels:
    """The lowest level shown of each category.

    A key of ``logLevel`` is the beginning of a category, ignoring case, with ``*`` for any text inside it; the longest
    one that fits decides. ``default`` stands for all categories; without it functions are shown from information on,
    and the host, but for its extensions and triggers, from warnings on, or from information on where ``verbose``.

    Args:
        host_json: the content of host.json.
        environ: where functions may be kept from logging at debug level.
        verbose: whether the host itself is to be heard.
    """

    def __init__(
        self, host_json: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, *, verbose: bool
    ) -> None:
        section = ((host_json or {}).get("logging") or {}).get("logLevel") or {}
        given = {str(key).lower(): NAMES[str(value).lower()] for key, value in section.items() if value is not None}
        default = given.pop("default", None)
        self._rules = {
            "": logging.INFO if default is None else default,
            "host": (logging.INFO if verbose else logging.WARNING) if default is None else default,
            "host.extensions": logging.INFO if default is None else default,
            # When a timer is due, and the like.
            "host.triggers": logging.INFO if default is None else default,
            # Where to find the functions is said whatever is filtered.
            "host.start": logging.INFO,
            **given,
        }
        self._floor = logging.INFO if (environ or {}).get(DEBUG_LOGS, "").lower() in _FALSE else 0
        self.by_category = bool(given)
        """Whether levels of loggers do not suffice, and records must be filtered by their category."""

    def minimum(self, category: str) -> int:
        """The lowest level shown of a category."""
        lowered = category.lower()
        return self._rules[max((key for key in self._rules if _fits(key, lowered)), key=len)]

    def loggers(self) -> Iterator[tuple[str, int]]:
        """Loggers by name, each with the lowest level that any category of its records has."""
        for name, (beginning, others) in _LOGGERS.items():
            inside = [key for key in self._rules if key.startswith(beginning) and not key.startswith(others)]
            lowest = min(self.minimum(key.replace("*", "")) for key in (beginning, *inside))
            yield name, lowest if name else max(self._floor, lowest)


def _fits(key: str, category: str) -> bool:
    beginning, star, end = key.partition("*")
    return category.startswith(beginning) and (not star or category.endswith(end))
