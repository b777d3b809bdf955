"""Redaction: settings as JSON, without secrets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hosting._exceptions import as_repr, as_text
from hosting._redaction import redact
from hosting._secret_shapes import REDACTED, is_secret_setting

MAX_DEPTH = 32
"""Settings may contain themselves: below this depth the result is ``...``."""


def redacted(settings: Any, key: str = "", depth: int = 0) -> Any:
    """Return settings as JSON, with ``***`` in place of secrets, which their key or their text gives away.

    Args:
        settings: any value; one that is not JSON becomes its ``repr``.
        key: its key.
        depth: the number of objects and lists around it.
    """
    if is_secret_setting(key, settings):
        return REDACTED
    if depth > MAX_DEPTH:
        return "..."
    if isinstance(settings, Mapping):
        return {as_text(name): redacted(value, as_text(name), depth + 1) for name, value in settings.items()}
    if isinstance(settings, list | tuple | set | frozenset):
        return [redacted(value, depth=depth + 1) for value in settings]
    if settings is None or isinstance(settings, bool | int):
        return settings
    if isinstance(settings, float) and math.isfinite(settings):
        return settings
    return _text(settings)


def _text(value: Any) -> str:
    """Return a text, or the ``repr`` of a value that is not JSON; a text with a secret is replaced as a whole."""
    text = value if isinstance(value, str) else as_repr(value)
    is_secret = text[:7].lower().startswith(("bearer ", "basic ")) or redact(text) != text
    return REDACTED if is_secret else text
