"""What Azure's host makes of a ``str`` that a function returns: it reads it as JSON, and acts on what it finds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn


def parse_text(text: str) -> Any:
    """The JSON value of ``text``; the text itself if it is none."""
    if not text or text[0] not in '{["-0123456789tfn \t\r\n':
        return text
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def response_object(value: Any) -> Mapping[str, Any] | None:
    """``value`` by lower-case keys if it describes a response, that is an object with a ``body``; else None."""
    if not isinstance(value, dict):
        return None
    lowered = {key.lower(): item for key, item in reversed(value.items())}
    return lowered if "body" in lowered else None


def format_json_value(value: Any) -> str:
    """``value`` as .NET writes it: objects and arrays indented, ``True``, text bare, nothing for null."""
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
