"""Values as .NET writes them for the invariant culture: what stands behind the colon of ``{name:format}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID

DEFAULT_TIME = "yyyy-MM-ddTHH-mm-ssK"
"""Has no colon in its time, so that it may be part of a name."""

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
    """Give the text that Azure's host makes of a value; nothing for an object, a list or None.

    Args:
        value: text is taken as it is.
        form: a .NET format, for a time or a GUID; others ignore it.

    Raises:
        ValueError: there is no such format.
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
    """Format as .NET's ``Guid.ToString`` does: ``N``, ``D`` (without a format), ``B``, ``P`` or ``X``.

    Raises:
        ValueError: there is no such format.
    """
    given = (form or "").strip() or "D"
    if given.lower() not in _GUIDS:
        raise ValueError(f"'{given}' is no format of a GUID: there are N, D, B, P and X")
    return _GUIDS[given.lower()](value)


def format_time(value: datetime, form: str | None = None) -> str:
    """Format as .NET's ``DateTime.ToString`` does: a standard format of one letter, or a custom one.

    Args:
        value: one without a zone has no offset to show.
        form: ``yyyy-MM-ddTHH-mm-ssK`` when blank.

    Raises:
        ValueError: the format is a letter that stands for nothing, or cannot be read.
    """
    given = form if form and form.strip() else DEFAULT_TIME
    if len(given) == 1:
        given = _standard(given)
    written = ""
    for token in _TOKEN.finditer(given):
        run = token["run"] or token["one"]
        if token["wrong"]:
            raise ValueError(f"'{given}' is no format of a time: nothing completes the {token[0]} in it")
        piece = (
            _specified(value, run)
            if run
            else token["single"] or token["double"] or token["escaped"] or token["literal"] or ""
        )
        # Of a fraction that vanishes its point goes too.
        written = written.removesuffix(".") if run and run[0] == "F" and not piece else written + piece
    return written


def _standard(letter: str) -> str:
    if letter not in _STANDARD:
        raise ValueError(f"'{letter}' is no format of a time: the letters that are one alone are {''.join(_STANDARD)}")
    return _STANDARD[letter]


def _specified(value: datetime, run: str) -> str:
    """Format one specifier, such as ``yyyy``."""
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
        raise ValueError(f"'{run}' is no format of a time: a fraction of a second has seven digits at most")
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
    # .NET changes to an exponent one digit earlier than Python does.
    if "e" not in text and abs(value) >= 1e15:
        text = f"{Decimal(text).normalize():e}"
    return text.replace("e", "E")
