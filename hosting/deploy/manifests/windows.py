"""Windows of time in which a host runs timers, for KEDA's cron scaler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hosting.bindings.timer.fields import Field, FieldError, field_kinds, read_field

BEFORE_MINUTES, AFTER_MINUTES = 5, 5
"""The time for a host to start before a timer is due, and for the timer to start after it is due."""
_MAX_MINUTES_OF_EACH_HOUR = 30
_HOUR, _DAY = 60, 24
_FIELDS = 6


class Window(NamedTuple):
    """When a window begins and ends: CRON expressions of five fields, without the second."""

    start: str
    end: str


class NoWindowError(ValueError):
    """A schedule has no window; the text says why, as a part of a sentence."""


def find_window(schedule: str) -> Window:
    """Return the window around each time at which a timer is due.

    Args:
        schedule: the schedule of a timer, in the syntax of Azure's host.

    Raises:
        NoWindowError: it has none: it is a time span, is due too often, or cannot be said in KEDA's syntax.
    """
    _, minutes, hours, *days = _fields(schedule)
    if not any(field.is_any for field in (days[0], days[2])):
        raise NoWindowError("KEDA would take its day of the month or its day of the week, not both")
    first, last = min(minutes.values) - BEFORE_MINUTES, max(minutes.values) + AFTER_MINUTES
    limit = _MAX_MINUTES_OF_EACH_HOUR if hours.is_any else 2 * _HOUR if len(hours.values) == 1 else _HOUR - 1
    if last - first > limit:
        raise NoWindowError("it is due too often for its host to stop in between")
    every_day = all(field.is_any for field in days)
    return Window(*(_expression(minute, hours, days, every_day) for minute in (first, last)))


def _fields(schedule: str) -> list[Field]:
    parts = schedule.split()
    if len(parts) not in (_FIELDS - 1, _FIELDS):
        raise NoWindowError("its schedule is a time span, not a time of day")
    six = ["0", *parts] if len(parts) < _FIELDS else parts
    try:
        return [read_field(text, kind) for text, kind in zip(six, field_kinds(), strict=True)]
    except FieldError as error:
        raise NoWindowError(f"its schedule is not valid: {error}") from error


def _expression(minute: int, hours: Field, days: Iterable[Field], every_day: bool) -> str:
    shift, minute = divmod(minute, _HOUR)
    shifted = {hour + shift for hour in hours.values}
    if not every_day and not hours.is_any and not shifted <= set(range(_DAY)):
        raise NoWindowError("its window would begin or end on another day")
    if not every_day and hours.is_any and shift:
        raise NoWindowError("its window would begin or end on another day")
    text = "*" if hours.is_any else ",".join(map(str, sorted(hour % _DAY for hour in shifted)))
    return " ".join([str(minute), text, *(field.text for field in days)])
