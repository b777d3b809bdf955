"""A slow reference for schedules, which tries one time after the other."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache
from itertools import pairwise

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)

Fields = Sequence[Set[int]]
"""The values of second, minute, hour, day of the month, month, day of the week."""


def next_on_wall(fields: Fields, after: datetime) -> datetime | None:
    """Return the first local time after ``after`` that matches all fields; None if 41 years have no such time.

    The calendar repeats every 400 years, and the longest pause in it is 40 years: a 29 February on one day of the
    week.
    """
    seconds, minutes, hours, days, months, weekdays = fields
    date = after.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(41 * 366):
        if date.day in days and date.month in months and date.isoweekday() % 7 in weekdays:
            for hour in sorted(hours):
                for minute in sorted(minutes):
                    for second in sorted(seconds):
                        moment = date.replace(hour=hour, minute=minute, second=second)
                        if moment > after:
                            return moment
        date += DAY
    return None


def next_in_zone(fields: Fields, after: datetime, zone: tzinfo, hours: int) -> datetime | None:
    """Return the same for a time zone with clock changes, by trying each minute of the next ``hours`` hours.

    Clocks change on the minute, and the schedule has one second only.
    """
    (second,) = fields[0]
    repeats = any(_repeats(values, count) for values, count in zip(fields[1:3], (60, 24), strict=True))
    moment = after.replace(second=second, microsecond=0)
    before = after.astimezone(zone)
    for _ in range(hours * 60 + 1):
        local = moment.astimezone(zone)
        if moment > after:
            gap = local.replace(tzinfo=None) - before.replace(tzinfo=None) - MINUTE
            for minute in range(int(gap / MINUTE)):
                wall = before.replace(tzinfo=None) + (minute + 1) * MINUTE
                if _matches(fields, wall):
                    return moment + minute * MINUTE
            if _matches(fields, local) and (repeats or local.fold == 0):
                return moment
        before = local
        moment += MINUTE
    return None


def _repeats(values: Set[int], count: int) -> bool:
    return len(values) == count or any(value + 1 in values for value in values)


def _matches(fields: Fields, wall: datetime) -> bool:
    parts = (wall.second, wall.minute, wall.hour, wall.day, wall.month, wall.isoweekday() % 7)
    return all(value in values for value, values in zip(parts, fields, strict=True))


@cache
def changes(zone: tzinfo, year: int) -> list[datetime]:
    """Return the minutes of a year, in UTC, at which the clocks of a time zone change."""
    hour, instants = datetime(year, 1, 1, tzinfo=UTC), []
    while hour.year == year:
        if hour.astimezone(zone).utcoffset() != (hour + timedelta(hours=1)).astimezone(zone).utcoffset():
            minutes = [hour + minute * MINUTE for minute in range(61)]
            instants += [
                later
                for earlier, later in pairwise(minutes)
                if earlier.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset()
            ]
        hour += timedelta(hours=1)
    return instants
