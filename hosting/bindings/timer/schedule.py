"""Schedules: computing when a timer is due next.

All times are in UTC, except those called ``wall``: they are local times, without a time zone.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeAlias

from croniter import CroniterBadDateError, croniter

from hosting.apps.timespans import format_timespan, parse_timespan
from hosting.bindings.timer.fields import Field, FieldError, field_kinds, read_field

_UNKNOWN = "The schedule expression '{}' was not recognized as a valid cron expression or timespan string"
_REMEDY = (
    "Write six fields (second, minute, hour, day of the month, month, day of the week) such as '0 */5 * * * *', five "
    "without the second, or a time span such as '00:05:00'."
)
_MIN_SECONDS = 1e-6  # the resolution of the clock
_MAX_SECONDS = 10_675_199 * 86400.0  # the longest time span of .NET
_DAYS = re.compile(r"(\d+):(\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,7})?)?)")


class ScheduleError(ValueError):
    """A text is not a valid schedule; ``remedy`` says what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Cron:
    """A CRON expression in a time zone; the day of the month and the day of the week must both match.

    Changes between standard and daylight saving time are handled as in Azure's host. A schedule that repeats (any
    second, minute or hour, or two consecutive ones) also runs in the second pass of an hour that occurs twice; others
    run in the first pass only. A time that the clocks skip is moved forward by the length of the gap.

    Args:
        text: the expression, for log lines.
        fields: its six fields.
        zone: the time zone.
    """

    adjusts = True
    """Whether it follows changes of the clocks, for the data that functions get."""

    def __init__(self, text: str, fields: tuple[Field, ...], zone: tzinfo) -> None:
        self._text = text
        self._fields = fields
        self._zone = zone
        expression = " ".join(field.text for field in fields)
        start = datetime(2000, 1, 1)
        self._times = croniter(expression, start, day_or=False, second_at_beginning=True)
        self._repeats = any(field.is_any or field.has_neighbours for field in fields[:3])

    def __str__(self) -> str:
        return f"Cron: '{self._text}'"

    @property
    def is_frequent(self) -> bool:
        """Whether it can be due more often than once a minute."""
        return len(self._fields[0].values) > 1 and all(field.is_any for field in self._fields[1:])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings about parts of its text that are easily misunderstood."""
        return tuple(warning for field in self._fields for warning in field.warnings)

    def next(self, after: datetime) -> datetime | None:
        """Return the first matching time after ``after``, both in UTC; None if the next 50 years have no such time."""
        local = after.astimezone(self._zone)
        wall = local.replace(tzinfo=None, microsecond=0, fold=0)
        next_wall = self._next_wall(wall)
        if not self._repeats:
            while next_wall is not None and self._to_utc(next_wall) <= after:
                next_wall = self._next_wall(next_wall)
            return next_wall and self._to_utc(next_wall)
        if local.fold == 0 and (gap := self._to_utc(wall, 1) - self._to_utc(wall)) > timedelta():
            # The first of two passes: local times before this one occur again.
            repeated = self._next_wall(self._second_pass_start(after, gap) - timedelta(seconds=1))
            times = [self._to_utc(repeated, 1)] if repeated else []
            return min([*times, self._to_utc(next_wall)] if next_wall else times, default=None)
        if next_wall is None:
            return None
        return first if (first := self._to_utc(next_wall)) > after else self._to_utc(next_wall, 1)

    def _next_wall(self, wall: datetime) -> datetime | None:
        """Return the next local time that matches, as if the clocks never changed."""
        try:
            following: datetime = self._times.get_next(datetime, start_time=wall)
        except CroniterBadDateError:
            return None
        return following

    def _to_utc(self, wall: datetime, fold: int = 0) -> datetime:
        return wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)

    def _second_pass_start(self, after: datetime, gap: timedelta) -> datetime:
        """Return the local time to which the clocks are set back by ``gap``, at most ``gap`` after ``after``."""
        before = after.astimezone(self._zone).utcoffset()
        start = after.replace(microsecond=0)

        def is_set_back(seconds: int) -> bool:
            """Return whether the clocks are set back by then."""
            return (start + timedelta(seconds=seconds)).astimezone(self._zone).utcoffset() != before

        seconds = bisect_left(range(int(gap.total_seconds()) + 1), True, key=is_set_back)
        return (start + timedelta(seconds=seconds)).astimezone(self._zone).replace(tzinfo=None, fold=0)


class Interval:
    """A constant time span, from the start of one run to the start of the next.

    Args:
        seconds: the length of the time span, more than zero.
        warnings: warnings about parts of its text that are easily misunderstood.
    """

    adjusts = False

    def __init__(self, seconds: float, warnings: tuple[str, ...] = ()) -> None:
        self._span = timedelta(seconds=seconds)
        self.warnings = warnings

    def __str__(self) -> str:
        return f"Constant: {format_timespan(self._span.total_seconds())}"

    @property
    def is_frequent(self) -> bool:
        """Whether it is due more often than once a minute."""
        return self._span < timedelta(minutes=1)

    def next(self, after: datetime) -> datetime | None:
        """Return the time of the next run; None if it is beyond the year 9999."""
        try:
            return after + self._span
        except OverflowError:
            return None


Schedule: TypeAlias = Cron | Interval


def read_schedule(text: str, zone: tzinfo) -> Schedule:
    """Parse a ``schedule`` as Azure's host does: a CRON expression of six or five fields, or else a time span.

    Args:
        text: the schedule.
        zone: the time zone of a CRON expression.

    Raises:
        ScheduleError: the text is neither.
    """
    parts = [part for part in text.split(" ") if part]
    if len(parts) in (5, 6):
        return _cron(text, parts, zone)
    if (interval := _interval(text)) is not None:
        return interval
    count = f": it has {len(parts)} fields." if len(parts) > 1 else "."
    hint = "There is no field for years. " if len(parts) == 7 else ""
    if text.startswith("@"):
        hint = "There are no names for schedules: once a day is '0 0 0 * * *'. "
    raise ScheduleError(_UNKNOWN.format(text) + count, hint + _REMEDY)


def _cron(text: str, parts: list[str], zone: tzinfo) -> Cron:
    six = ["0", *parts] if len(parts) == 5 else parts
    try:
        fields = tuple(read_field(part, kind) for part, kind in zip(six, field_kinds(), strict=True))
    except FieldError as error:
        raise ScheduleError(f"{_UNKNOWN.format(text)}: {error}.", error.hint or _REMEDY) from error
    return Cron(" ".join(parts), fields, zone)


def _interval(text: str) -> Interval | None:
    """Return the interval of a time span, or None if ``text`` is not a time span.

    As in .NET, a number alone means days, and so does a first number above 23.
    """
    unsigned = text.strip().removeprefix("-")
    seconds, is_days = parse_timespan(unsigned), ":" not in unsigned
    if seconds is None and (found := _DAYS.fullmatch(unsigned)):
        seconds, is_days = parse_timespan(f"{found[1]}.{found[2]}"), unsigned.count(":") == 2
    if seconds is None or seconds > _MAX_SECONDS:
        return None
    if seconds < _MIN_SECONDS or unsigned != text.strip():
        raise ScheduleError(f"The schedule expression '{text}' is not longer than zero.", _REMEDY)
    return Interval(seconds, (f"'{text}' means every {seconds / 86400:g} days",) if is_days else ())
