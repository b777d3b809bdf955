"""The fields of a CRON expression, read as strictly as NCrontab reads them in Azure's host, and as loosely."""

from __future__ import annotations

import re
from typing import NamedTuple

_NUMBER = re.compile(r"[0-9]+")
_STEP = re.compile(r"[+-]?[0-9]+")
_HINTS = {
    "?": "Write * for any day.",
    "L": "The last day of a month cannot be written; run on 28-31, and let the function look at the date.",
    "W": "The nearest weekday cannot be written; name days of the week instead.",
    "#": "The n-th weekday of a month is written as days and a day of the week, which must both fit: 8-14 and MON.",
    "7": "Write 0 for Sunday.",
}


class FieldError(ValueError):
    """A field is none; ``hint`` says what to write instead, where that is known."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class FieldKind(NamedTuple):
    """What a field stands for, and which values it may have."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()


def field_kinds() -> tuple[FieldKind, ...]:
    """The six of an expression, in order."""
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
    """The values that a field has, and what about its text may surprise who wrote it."""

    kind: FieldKind
    values: frozenset[int]
    warnings: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        return len(self.values) > self.kind.high - self.kind.low

    @property
    def has_neighbours(self) -> bool:
        """Whether two values follow one another."""
        return any(value + 1 in self.values for value in self.values)

    @property
    def text(self) -> str:
        """The field as any reader of CRON expressions understands it."""
        return "*" if self.is_any else ",".join(map(str, sorted(self.values)))


def read_field(text: str, kind: FieldKind) -> Field:
    """Read one field.

    Args:
        text: without spaces, not empty.
        kind: which one of the six it is.

    Raises:
        FieldError: NCrontab takes it for none.
    """
    values: set[int] = set()
    warnings: list[str] = []
    for part in text.split(","):
        values.update(_part(part, kind, warnings))
    return Field(kind, frozenset(values), tuple(warnings))


def _part(text: str, kind: FieldKind, warnings: list[str]) -> range:
    """``*``, ``5``, ``1-5``, a name for a number, and each of them with ``/STEP``."""
    body, slash, step = text.partition("/")
    every = _step(step, text, kind, warnings) if slash else 1
    if body == "*":
        return range(kind.low, kind.high + 1, every)
    if "-" not in body:
        first = _value(body, text, kind)
        return range(first, (kind.high if slash else first) + 1, every)
    ends = [_value(end, text, kind) for end in body.split("-", 1)]
    if ends[0] > ends[1]:
        warnings.append(f"'{body}' means {min(ends)} to {max(ends)}: a range does not go around")
    return range(min(ends), max(ends) + 1, every)


def _step(step: str, text: str, kind: FieldKind, warnings: list[str]) -> int:
    if not _STEP.fullmatch(step):
        raise FieldError(f"'{text}' is no {kind.name}: a step is a whole number")
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
    raise FieldError(f"'{text}' is no {kind.name}: expected {kind.low} to {kind.high}{names}", _hint(text, kind))


def _hint(text: str, kind: FieldKind) -> str:
    """What people write who know other kinds of CRON."""
    if not kind.name.startswith("day"):
        return ""
    upper = text.upper()
    return next((hint for mark, hint in _HINTS.items() if mark in upper and (mark != "7" or text == "7")), "")
