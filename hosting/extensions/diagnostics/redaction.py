"""Redaction: settings as JSON, without secrets."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

REDACTED = "***"
SECRET_KEY = re.compile(
    r"pass(w(or)?d|phrase|code|$)|pwd|secret|key|token|credential|connection|authorization|signature|\bsas\b|\bdsn\b",
    re.IGNORECASE,
)
SECRET_VALUE = re.compile(
    r"(account|access|instrumentation|shared\s?access)\s?(key(name)?|signature)\s*=|\b(password|pwd|sig)\s*="
    r"|://[^/@\s]*:[^/@\s]+@|^(bearer|basic)\s",
    re.IGNORECASE,
)
"""Connection strings, signed URLs, URLs with a password and Authorization headers, with any key."""

MAX_DEPTH = 32
"""Settings may contain themselves: below this depth the result is ``...``."""


def redacted(settings: Any, key: str = "", depth: int = 0) -> Any:
    """Return settings as JSON, with ``***`` in place of secrets, which their key or their text gives away.

    Args:
        settings: any value; one that is not JSON becomes its ``repr``.
        key: its key.
        depth: the number of objects and lists around it.
    """
    if SECRET_KEY.search(re.sub(r"[_-]", " ", key)):
        return REDACTED
    if depth > MAX_DEPTH:
        return "..."
    if isinstance(settings, Mapping):
        return {str(name): redacted(value, str(name), depth + 1) for name, value in settings.items()}
    if isinstance(settings, list | tuple | set | frozenset):
        return [redacted(value, depth=depth + 1) for value in settings]
    if settings is None or isinstance(settings, bool | int):
        return settings
    if isinstance(settings, float) and math.isfinite(settings):
        return settings
    return _text(settings)


def _text(value: Any) -> str:
    """Return a text, or the ``repr`` of a value that is not JSON."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return REDACTED if SECRET_VALUE.search(text) else text
