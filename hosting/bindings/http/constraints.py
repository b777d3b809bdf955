"""Route constraints of ASP.NET Core routing, such as ``{id:int}``, ``{name:length(1,9)}`` and ``{x:regex(…)}``."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation

Check = Callable[[str], bool]

_INTEGER = re.compile(r"\s*([+-]?)0*(\d{1,20})\s*", re.ASCII)
"""A number with more digits is beyond every limit, and ``int`` rejects one with thousands of digits."""
_REAL = re.compile(r"\s*[+-]?(\d[\d,]*(?:\.\d*)?|\.\d+)(e[+-]?\d+)?\s*|NaN|-?Infinity|-?∞", re.ASCII | re.IGNORECASE)
_DECIMAL = re.compile(r"\s*[+-]?(\d[\d,]*(?:\.\d*)?|\.\d+)\s*", re.ASCII)
_ALPHA = re.compile(r"[a-z]*", re.ASCII | re.IGNORECASE)
_DATES = ("%m/%d/%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d %b %Y", "%d %B %Y", "%B %d %Y", "%Y/%m/%d")


def constraint(name: str, argument: str | None) -> Check:
    """Return a function that tells whether a value satisfies a constraint.

    Args:
        name: the constraint's name, such as ``int`` or ``length``, ignoring case.
        argument: the text between the parentheses; None if there are none.

    Raises:
        ValueError: the constraint is unknown, or its argument is invalid.
    """
    key = name.lower()
    try:
        if argument is None and key in _PLAIN:
            return _PLAIN[key]
        if argument is not None and key in _WITH_ARGUMENT:
            return _WITH_ARGUMENT[key](argument)
    except (ValueError, re.error) as error:
        raise ValueError(f"constraint '{name}({argument})' is invalid: {error}") from error
    if key in _PLAIN or key in _WITH_ARGUMENT:
        raise ValueError(f"constraint '{name}' takes {'an argument' if argument is None else 'no argument'}")
    known = ", ".join(sorted({*_PLAIN, *_WITH_ARGUMENT}))
    raise ValueError(f"constraint '{name}' is unknown; expected one of {known}")


def _integer(bits: int) -> Check:
    limit = 1 << (bits - 1)
    return _between(-limit, limit - 1, _number)


def _decimal(value: str) -> bool:
    if _DECIMAL.fullmatch(value) is None:
        return False
    try:
        return abs(Decimal(value.replace(",", "").strip())) < Decimal(2) ** 96
    except InvalidOperation:
        return False


def _real(value: str) -> bool:
    return _REAL.fullmatch(value) is not None


def _guid(value: str) -> bool:
    try:
        uuid.UUID(value.strip())
    except ValueError:
        return False
    return not value.lower().startswith("urn:")


def _date(value: str) -> bool:
    text = value.strip()
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return any(_parses(text, form) for form in _DATES)
    return "-" in text


def _parses(text: str, form: str) -> bool:
    try:
        datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _is_file(value: str) -> bool:
    dot = value.rfind(".", value.rfind("/") + 1)
    return dot != -1 and dot + 1 < len(value)


def _length(argument: str) -> Check:
    low, _, high = argument.partition(",")
    return _between(int(low), int(high or low), len)


def _range(argument: str) -> Check:
    low, high = argument.split(",")
    return _between(int(low), int(high), _number)


def _between(low: int, high: int, measure: Callable[[str], int | None]) -> Check:
    if low > high:
        raise ValueError(f"{low} is greater than {high}")

    def check(value: str) -> bool:
        """Return whether the measure of a value is in the range."""
        measured = measure(value)
        return measured is not None and low <= measured <= high

    return check


def _number(value: str) -> int | None:
    match = _INTEGER.fullmatch(value)
    return int(match[1] + match[2]) if match else None


def _regex(argument: str) -> Check:
    pattern = re.compile(argument, re.IGNORECASE)
    return lambda value: pattern.search(value) is not None


_HUGE = 1 << 63
_PLAIN: Mapping[str, Check] = {
    "int": _integer(32),
    "long": _integer(64),
    "bool": lambda value: value.strip().lower() in ("true", "false"),
    "datetime": _date,
    "decimal": _decimal,
    "double": _real,
    "float": _real,
    "guid": _guid,
    "alpha": lambda value: _ALPHA.fullmatch(value) is not None,
    "required": bool,
    "file": _is_file,
    "nonfile": lambda value: not _is_file(value),
}
_WITH_ARGUMENT: Mapping[str, Callable[[str], Check]] = {
    "length": _length,
    "minlength": lambda argument: _between(int(argument), _HUGE, len),
    "maxlength": lambda argument: _between(0, int(argument), len),
    "min": lambda argument: _between(int(argument), _HUGE, _number),
    "max": lambda argument: _between(-_HUGE, int(argument), _number),
    "range": _range,
    "regex": _regex,
}
