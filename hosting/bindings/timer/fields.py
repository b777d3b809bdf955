"""The fields of a CRON expression, with the rules of NCrontab, which Azure's host uses."""

from __future__ import annotations

import re
from typing import NamedTuple

_NUMBER = re.compile(r"[0-9]+")
_STEP = re.compile(r"[+-]?[0-9]+")
_HINTS = {
    "?": "Write * for any day.",
    "L": "There is no syntax for the last day of a month: run on 28-31, and check the date in the function.",
    "W": "There is no syntax for the nearest weekday: use days of the week.",
    "#": "For the n-th weekday of a month, write its days and the day of the week, for example 8-14 and MON.",
    "7": "Write 0 for Sunday.",
}


class FieldError(ValueError):
    """A text is not a valid field; ``hint`` says what to write instead, or is empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class FieldKind(NamedTuple):
    """One of the six fields of an expression, and the values that it may have."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


def field_kinds() -> tuple[FieldKind, ...]:
    """Return the six fields of an expression, in order."""
    months = "january february march april may june july august september october november december"
    days = "sunday monday tuesday wednesday thursday friday saturday"
    return (
        FieldKind("second", 0, 59),
        FieldKind("minute", 0, 59),
        FieldKind("hour", 0, 23),
        FieldKind("day of the month", 1, 31),
        FieldKind("month", 1, 12, tuple(months.split())),
        FieldKind("day of the week", 0, 6, tuple(days.split())),
    )


class Field(NamedTuple):
    """The values of a parsed field, and warnings about parts of its text that are easily misunderstood."""

    kind: FieldKind
    values: frozenset[int]
    warnings: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether it has every possible value."""
        return len(self.values) > self.kind.high - self.kind.low

    @property
    def has_neighbours(self) -> bool:
        """Whether two of its values are consecutive."""
        return any(value + 1 in self.values for value in self.values)

    @property
    def text(self) -> str:
        """The field in the common syntax of CRON expressions: ``*`` or a list of numbers."""
        return "*" if self.is_any else ",".join(map(str, sorted(self.values)))


def read_field(text: str, kind: FieldKind) -> Field:
    """Parse one field.

    Args:
        text: the text of the field, without spaces and not empty.
        kind: which of the six fields it is.

    Raises:
        FieldError: NCrontab does not accept the text.
    """
    values: set[int] = set()
    warnings: list[str] = []
    for part in text.split(","):
        values.update(_part(part, kind, warnings))
    return Field(kind, frozenset(values), tuple(warnings))


def _part(text: str, kind: FieldKind, warnings: list[str]) -> range:
    """Return the values of ``*``, ``5`` or ``1-5``, each optionally with ``/STEP``; names can replace numbers."""
    body, slash, step = text.partition("/")
    every = _step(step, text, kind, warnings) if slash else 1
    if body == "*":
        return range(kind.low, kind.high + 1, every)
    if "-" not in body:
        first = _value(body, text, kind)
        return range(first, (kind.high if slash else first) + 1, every)
    ends = [_value(end, text, kind) for end in body.split("-", 1)]
    if ends[0] > ends[1]:
        warnings.append(f"'{body}' means {min(ends)} to {max(ends)}: a range does not wrap around")
    return range(min(ends), max(ends) + 1, every)


def _step(step: str, text: str, kind: FieldKind, warnings: list[str]) -> int:
    if not _STEP.fullmatch(step):
        raise FieldError(f"'{text}' is not a valid {kind.name}: a step is a whole number")
    if int(step) < 1:
        warnings.append(f"the step of '{text}' counts as 1")
    return max(1, int(step))


def _value(value: str, text: str, kind: FieldKind) -> int:
    if _NUMBER.fullmatch(value):
        if kind.low <= int(value) <= kind.high:
            return int(value)
    elif value:
        for number, name in enumerate(kind.names, kind.low):
            if name.startswith(value.lower()):
                return number
    names = f", or {', '.join(name[:3].upper() for name in kind.names)}" if kind.names else ""
    raise FieldError(
        f"'{text}' is not a valid {kind.name}: expected {kind.low} to {kind.high}{names}", _hint(text, kind)
    )


def _hint(text: str, kind: FieldKind) -> str:
    """Return a hint for the syntax of other kinds of CRON; empty if there is none."""
    if not kind.name.startswith("day"):
        return ""
    upper = text.upper()
    return next((hint for mark, hint in _HINTS.items() if mark in upper and (mark != "7" or text == "7")), "")
