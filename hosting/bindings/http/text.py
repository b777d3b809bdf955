"""Azure's rules for a ``str`` that an HTTP function returns: it is read as JSON, and may describe a whole response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn


def parse_text(text: str) -> Any:
    """Return the value of a JSON text, or the text itself if it is not JSON."""
    if not text or text[0] not in '{["-0123456789tfn \t\r\n':
        return text
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def response_object(value: Any) -> Mapping[str, Any] | None:
    """Return an object with its keys in lower case if it describes a response, that is, has a ``body``; else None."""
    if not isinstance(value, dict):
        return None
    lowered = {key.lower(): item for key, item in reversed(value.items())}
    return lowered if "body" in lowered else None


def format_json_value(value: Any) -> str:
    """Return a JSON value as .NET writes it: objects and arrays indented, ``True``, text without quotes, null empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, dict | list):
        return json.dumps(value, indent=2, ensure_ascii=False)
    return str(value)


def _number(value: float) -> str:
    mantissa, exponent, power = repr(value).partition("e")
    return mantissa.removesuffix(".0") + (f"E{power[0]}{power[1:]}" if exponent else "")


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
