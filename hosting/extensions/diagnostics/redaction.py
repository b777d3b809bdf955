"""Settings as they may be shown: JSON, without what opens a door."""

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
"""Connection strings, signed URLs, URLs with a password and Authorization headers, whatever their key is called."""

DEEPEST = 32


def redacted(settings: Any, key: str = "", depth: int = 0) -> Any:
    """Settings as JSON, however deep, with secrets replaced: by what their key speaks of, or by what they look like.

    Args:
        settings: any value; what JSON does not know is told by its ``repr``.
        key: the key that holds it.
        depth: how deep it lies; deeper than ``DEEPEST`` nothing is told, since settings may hold themselves.
    """
    if SECRET_KEY.search(re.sub(r"[_-]", " ", key)):
        return REDACTED
    if depth > DEEPEST:
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
    """A string, or the ``repr`` of what JSON does not know."""
    try:
        text = value if isinstance(value, str) else repr(value)
    except Exception as error:
        return f"<{type(value).__name__}: its repr raised {type(error).__name__}>"
    return REDACTED if SECRET_VALUE.search(text) else text
