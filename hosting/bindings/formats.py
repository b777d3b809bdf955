"""Formatting values as .NET does for the invariant culture, for ``{name:format}`` in binding expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

DEFAULT_TIME = "yyyy-MM-ddTHH-mm-ssK"
"""The default format of a date and time; it has no colon, so that the result can be part of a file name."""

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_GUIDS: Mapping[str, Callable[[UUID], str]] = MappingProxyType(
    {
        "n": lambda value: value.hex,
        "d": str,
        "b": lambda value: f"{{{value}}}",
        "p": lambda value: f"({value})",
        "x": lambda value: _hexadecimal(value),
    }
)
_STANDARD: Mapping[str, str] = MappingProxyType(
    {
        "d": "MM/dd/yyyy",
        "D": "dddd, dd MMMM yyyy",
        "f": "dddd, dd MMMM yyyy HH:mm",
        "F": "dddd, dd MMMM yyyy HH:mm:ss",
        "g": "MM/dd/yyyy HH:mm",
        "G": "MM/dd/yyyy HH:mm:ss",
        "m": "MMMM dd",
        "M": "MMMM dd",
        "o": "yyyy-MM-ddTHH:mm:ss.fffffffK",
        "O": "yyyy-MM-ddTHH:mm:ss.fffffffK",
        "r": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "R": "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        "s": "yyyy-MM-ddTHH:mm:ss",
        "t": "HH:mm",
        "T": "HH:mm:ss",
        "u": "yyyy-MM-dd HH:mm:ss'Z'",
        "U": "dddd, dd MMMM yyyy HH:mm:ss",
        "y": "yyyy MMMM",
        "Y": "yyyy MMMM",
    }
)
_TOKEN = re.compile(
    r"""(?P<run>K|(?P<letter>[dfFghHmMstyz])(?P=letter)*)
      | '(?P<single>[^']*)' | "(?P<double>[^"]*)" | \\(?P<escaped>.) | %(?P<one>[dfFghHKmMstyz])
      | (?P<wrong>['"\\%]) | (?P<literal>.)""",
    re.VERBOSE | re.DOTALL,
)


def format_value(value: Any, form: str | None = None) -> str:
    """Return the text of a value as Azure's host writes it; empty for an object, a list or None.

    Args:
        value: the value; text is returned unchanged.
        form: a .NET format string for a ``datetime`` or a ``UUID``; ignored for other types.

    Raises:
        ValueError: the format is invalid.
    """
    match value:
        case str():
            return value
        case bool() | int() | Decimal():
            return str(value)
        case float():
            return _float(value)
        case datetime():
            return format_time(value, form)
        case UUID():
            return format_guid(value, form)
        case _:
            return ""


def format_guid(value: UUID, form: str | None = None) -> str:
    """Format a GUID as .NET's ``Guid.ToString`` does.

    Args:
        value: the GUID.
        form: ``N``, ``D``, ``B``, ``P`` or ``X``, ignoring case; ``D`` if it is blank or None.

    Raises:
        ValueError: the format is invalid.
    """
    form = (form or "").strip() or "D"
    if form.lower() not in _GUIDS:
        raise ValueError(f"'{form}' is not a format of a GUID: expected N, D, B, P or X")
    return _GUIDS[form.lower()](value)


def format_time(value: datetime, form: str | None = None) -> str:
    """Format a date and time as .NET's ``DateTime.ToString`` does.

    Args:
        value: the date and time; without a time zone, its offset is empty.
        form: a standard format of one letter, or a custom format; ``yyyy-MM-ddTHH-mm-ssK`` if it is blank or None.

    Raises:
        ValueError: the format is invalid.
    """
    form = form if form and form.strip() else DEFAULT_TIME
    if len(form) == 1:
        form = _standard_format(form)
    text = ""
    for token in _TOKEN.finditer(form):
        specifier = token["run"] or token["one"]
        if token["wrong"]:
            raise ValueError(f"'{form}' is not a format of a date and time: the {token[0]} in it is incomplete")
        literal = token["single"] or token["double"] or token["escaped"] or token["literal"] or ""
        piece = _format_part(value, specifier) if specifier else literal
        # .NET omits the decimal point before an empty fraction.
        text = text.removesuffix(".") if specifier and specifier[0] == "F" and not piece else text + piece
    return text


def _standard_format(letter: str) -> str:
    if letter not in _STANDARD:
        letters = "".join(_STANDARD)
        raise ValueError(f"'{letter}' is not a format of a date and time: a single letter must be one of {letters}")
    return _STANDARD[letter]


def _format_part(value: datetime, run: str) -> str:
    """Format the part of a date and time that a specifier such as ``yyyy`` names."""
    letter, count = run[0], len(run)
    match letter:
        case "y":
            return _padded(value.year % 100 if count < 3 else value.year, count)
        case "M" | "d" if count > 2:
            name = _MONTHS[value.month - 1] if letter == "M" else _DAYS[value.weekday()]
            return name[:3] if count == 3 else name
        case "f" | "F":
            return _fraction(value, run)
        case "g":
            return "A.D."
        case "t":
            return ("AM" if value.hour < 12 else "PM")[:count]
        case "K" | "z":
            return _offset(value, run)
    numbers = {"d": value.day, "M": value.month, "h": value.hour % 12 or 12, "H": value.hour, "m": value.minute}
    return _padded(numbers.get(letter, value.second), min(count, 2))


def _padded(number: int, width: int) -> str:
    return str(number).zfill(width)


def _fraction(value: datetime, run: str) -> str:
    if len(run) > 7:
        raise ValueError(f"'{run}' is not a format of a date and time: a fraction has seven digits at most")
    digits = f"{value.microsecond:06}0"[: len(run)]
    return digits.rstrip("0") if run[0] == "F" else digits


def _offset(value: datetime, run: str) -> str:
    offset = value.utcoffset()
    if run == "K" and not offset:
        return "" if offset is None else "Z"
    hours, minutes = divmod(abs(offset or timedelta()) // timedelta(minutes=1), 60)
    sign = "-" if offset and offset < timedelta() else "+"
    if run in ("z", "zz"):
        return f"{sign}{_padded(hours, len(run))}"
    return f"{sign}{hours:02}:{minutes:02}"


def _hexadecimal(value: UUID) -> str:
    rest = ",".join(f"0x{byte:02x}" for byte in value.bytes[8:])
    return f"{{0x{value.time_low:08x},0x{value.time_mid:04x},0x{value.time_hi_version:04x},{{{rest}}}}}"


def _float(value: float) -> str:
    text = repr(value).removesuffix(".0")
    # .NET switches to an exponent one digit earlier than Python.
    if "e" not in text and abs(value) >= 1e15:
        text = f"{Decimal(text).normalize():e}"
    return text.replace("e", "E")
