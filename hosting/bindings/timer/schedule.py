"""Schedules: when a timer is due next.

Moments are in UTC; "wall" is what a clock on the wall shows, without a zone.
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
_SHORTEST, _LONGEST = 1e-6, 10_675_199 * 86400.0  # the clock counts in microseconds; .NET knows no longer span
_DAYS = re.compile(r"(\d+):(\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,7})?)?)")


class ScheduleError(ValueError):
    """A text is no schedule; ``remedy`` says what to write."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Cron:
    """A CRON expression in a time zone; day of the month and day of the week must both fit.

    Where the clocks change it follows Azure's host. In the hour that comes twice, a schedule that runs again and again
    (any second, minute or hour, or two that follow one another) goes on, and any other one runs in the first pass only.
    A time that the clocks skip is moved by what they skip.

    Args:
        text: the expression, for people.
        fields: its six fields.
        zone: where the clock hangs.
    """

    adjusts = True
    """Whether it follows the clocks when they change, as functions are told."""

    def __init__(self, text: str, fields: tuple[Field, ...], zone: tzinfo) -> None:
        self._text = text
        self._fields = fields
        self._zone = zone
        expression = " ".join(field.text for field in fields)
        start = datetime(2000, 1, 1)
        self._times = croniter(expression, start, day_or=False, second_at_beginning=True)
        self._goes_on = any(field.is_any or field.has_neighbours for field in fields[:3])

    def __str__(self) -> str:
        return f"Cron: '{self._text}'"

    @property
    def is_frequent(self) -> bool:
        """Whether it is due more often than once a minute."""
        return len(self._fields[0].values) > 1 and all(field.is_any for field in self._fields[1:])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What about its text may mean something else than who wrote it thinks."""
        return tuple(surprise for field in self._fields for surprise in field.warnings)

    def next(self, after: datetime) -> datetime | None:
        """The first time after ``after``; None if there is none in the next 50 years."""
        local = after.astimezone(self._zone)
        wall = local.replace(tzinfo=None, microsecond=0, fold=0)
        found = self._following(wall)
        if not self._goes_on:
            while found is not None and self._moment(found) <= after:
                found = self._following(found)
            return found and self._moment(found)
        if local.fold == 0 and (back := self._moment(wall, 1) - self._moment(wall)) > timedelta():
            # The first of two passes: what is before this time on the wall comes again.
            again = self._following(self._begins_again(after, back) - timedelta(seconds=1))
            moments = [self._moment(again, 1)] if again else []
            return min([*moments, self._moment(found)] if found else moments, default=None)
        if found is None:
            return None
        return first if (first := self._moment(found)) > after else self._moment(found, 1)

    def _following(self, wall: datetime) -> datetime | None:
        """The next time on the wall's clock, as if it never changed."""
        try:
            found: datetime = self._times.get_next(datetime, start_time=wall)
        except CroniterBadDateError:
            return None
        return found

    def _moment(self, wall: datetime, fold: int = 0) -> datetime:
        return wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)

    def _begins_again(self, after: datetime, back: timedelta) -> datetime:
        """What the wall's clock shows when it is put back by ``back``, after ``after`` and within ``back`` of it."""
        before = after.astimezone(self._zone).utcoffset()
        start = after.replace(microsecond=0)

        def is_put_back(seconds: int) -> bool:
            return (start + timedelta(seconds=seconds)).astimezone(self._zone).utcoffset() != before

        seconds = bisect_left(range(int(back.total_seconds()) + 1), True, key=is_put_back)
        return (start + timedelta(seconds=seconds)).astimezone(self._zone).replace(tzinfo=None, fold=0)


class Interval:
    """The same time span again and again, from the start of one run to the start of the next.

    Args:
        seconds: more than zero.
        warnings: what about its text may mean something else than who wrote it thinks.
    """

    adjusts = False

    def __init__(self, seconds: float, warnings: tuple[str, ...] = ()) -> None:
        self._span = timedelta(seconds=seconds)
        self.warnings = warnings

    def __str__(self) -> str:
        return f"Constant: {format_timespan(self._span.total_seconds())}"

    @property
    def is_frequent(self) -> bool:
        return self._span < timedelta(minutes=1)

    def next(self, after: datetime) -> datetime | None:
        try:
            return after + self._span
        except OverflowError:
            return None


Schedule: TypeAlias = Cron | Interval


def read_schedule(text: str, zone: tzinfo) -> Schedule:
    """Read a ``schedule`` as Azure's host does: a CRON expression of six or five fields, else a time span.

    Raises:
        ScheduleError: it is neither.
    """
    parts = [part for part in text.split(" ") if part]
    if len(parts) in (5, 6):
        return _cron(text, parts, zone)
    if (every := _every(text)) is not None:
        return every
    found = f": it has {len(parts)} fields." if len(parts) > 1 else "."
    hint = "There is no field for years. " if len(parts) == 7 else ""
    if text.startswith("@"):
        hint = "There are no names for schedules: once a day is '0 0 0 * * *'. "
    raise ScheduleError(_UNKNOWN.format(text) + found, hint + _REMEDY)


def _cron(text: str, parts: list[str], zone: tzinfo) -> Cron:
    six = ["0", *parts] if len(parts) == 5 else parts
    try:
        fields = tuple(read_field(part, kind) for part, kind in zip(six, field_kinds(), strict=True))
    except FieldError as error:
        raise ScheduleError(f"{_UNKNOWN.format(text)}: {error}.", error.hint or _REMEDY) from error
    return Cron(" ".join(parts), fields, zone)


def _every(text: str) -> Interval | None:
    """A time span; None if it is none. As in .NET, a number alone means days, and so does one above 23 in front."""
    bare = text.strip().removeprefix("-")
    seconds, is_days = parse_timespan(bare), ":" not in bare
    if seconds is None and (found := _DAYS.fullmatch(bare)):
        seconds, is_days = parse_timespan(f"{found[1]}.{found[2]}"), bare.count(":") == 2
    if seconds is None or seconds > _LONGEST:
        return None
    if seconds < _SHORTEST or bare != text.strip():
        raise ScheduleError(f"The schedule expression '{text}' leaves no time between two runs.", _REMEDY)
    return Interval(seconds, (f"'{text}' means every {seconds / 86400:g} days",) if is_days else ())
