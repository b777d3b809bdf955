"""Log levels by category, from ``logging.logLevel`` in host.json, as Azure Functions Core Tools apply them."""

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
"""Levels of host.json in lower case, with the level of ``logging`` from which records are shown."""
_FALSE = frozenset({"0", "false", "f", "no", "n"})
_LOGGERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "": ("", ("host",)),
    "hosting": ("host", ("host.start", "host.extensions", "host.requests", "host.triggers")),
    "hosting.start": ("host.start", ()),
    "hosting.extensions": ("host.extensions", ()),
    "hosting.requests": ("host.requests", ()),
    "hosting.triggers": ("host.triggers", ()),
    "hosting.function": ("function", ()),
}
"""Loggers that get a level: the prefix of their records' categories, and the prefixes that belong to other loggers."""


class Levels:
    """The minimum level of each category.

    A key of ``logLevel`` is the prefix of a category, ignoring case, and may contain one ``*`` for any text. The
    longest key that matches decides. ``default`` applies to all other categories. Without it, the minimum is
    information; for the host itself, without its extensions, requests and triggers, it is warning unless ``verbose``.

    Args:
        host_json: the content of host.json; without it, the defaults apply.
        environ: the settings; a false ``PYTHON_ENABLE_DEBUG_LOGGING`` hides debug records of apps.
        verbose: whether to show the information of the host itself.

    Raises:
        KeyError: a level of ``logLevel`` has an unknown name, which reading host.json refuses.
    """

    def __init__(
        self, host_json: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None, *, verbose: bool
    ) -> None:
        section = ((host_json or {}).get("logging") or {}).get("logLevel") or {}
        levels = {str(key).lower(): NAMES[str(value).lower()] for key, value in section.items() if value is not None}
        default = levels.pop("default", None)
        self._rules = {
            "": logging.INFO if default is None else default,
            "host": (logging.INFO if verbose else logging.WARNING) if default is None else default,
            "host.extensions": logging.INFO if default is None else default,
            "host.requests": logging.INFO if default is None else default,
            "host.triggers": logging.INFO if default is None else default,
            # The addresses of the functions are shown whatever the default is.
            "host.start": logging.INFO,
            **levels,
        }
        self._floor = logging.INFO if (environ or {}).get(DEBUG_LOGS, "").lower() in _FALSE else 0
        self.by_category = bool(levels)
        """Whether records must be filtered by their category, because the levels of loggers are not enough."""

    def minimum(self, category: str) -> int:
        """Return the minimum level of a category, such as ``Function.hello.User``."""
        lowered = category.lower()
        return self._rules[max((key for key in self._rules if _matches(key, lowered)), key=len)]

    def loggers(self) -> Iterator[tuple[str, int]]:
        """Yield the loggers by name, each with the lowest minimum level of its records' categories."""
        for name, (prefix, others) in _LOGGERS.items():
            keys = [key for key in self._rules if key.startswith(prefix) and not key.startswith(others)]
            lowest = min(self.minimum(key.replace("*", "")) for key in (prefix, *keys))
            yield name, lowest if name else max(self._floor, lowest)


def _matches(key: str, category: str) -> bool:
    prefix, star, suffix = key.partition("*")
    return category.startswith(prefix) and (not star or category.endswith(suffix))
