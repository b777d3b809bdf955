"""When a schedule is due, and which texts are schedules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import chain
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hosting.bindings.timer.fields import FieldKind, field_kinds
from hosting.bindings.timer.schedule import Cron, Schedule, ScheduleError, read_schedule
from tests.bindings.timer.reference import changes, next_in_zone, next_on_wall

PACIFIC = ZoneInfo("America/Los_Angeles")
# Changes of half an hour, at midnight, on a Friday, in the other half of the year; and Ireland's, the other way round.
ZONES = [
    "America/Los_Angeles",
    "Europe/Paris",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Europe/Dublin",
    "Africa/Cairo",
    "America/St_Johns",
]


def following(schedule: Schedule, after: datetime, count: int) -> list[datetime]:
    found: list[datetime] = []
    while len(found) < count and (moment := schedule.next(found[-1] if found else after)):
        found.append(moment)
    return found


def part(kind: FieldKind) -> st.SearchStrategy[tuple[str, set[int]]]:
    """A part of a field, with its values."""
    number = st.integers(kind.low, kind.high)
    step = st.integers(1, kind.high)
    everything = range(kind.low, kind.high + 1)
    return st.one_of(
        number.map(lambda value: (str(value), {value})),
        step.map(lambda every: (f"*/{every}", set(everything[::every]))),
        st.tuples(number, step).map(lambda one: (f"{one[0]}/{one[1]}", set(range(one[0], kind.high + 1, one[1])))),
        st.tuples(number, number, step)
        .map(lambda one: (*sorted(one[:2]), one[2]))
        .map(lambda one: (f"{one[0]}-{one[1]}/{one[2]}", set(range(one[0], one[1] + 1, one[2])))),
    )


def field(kind: FieldKind) -> st.SearchStrategy[tuple[str, set[int]]]:
    several = st.lists(part(kind), min_size=1, max_size=3).map(
        lambda parts: (",".join(text for text, _ in parts), set(chain(*(values for _, values in parts))))
    )
    return st.one_of(st.just(("*", set(range(kind.low, kind.high + 1)))), several)


FIELDS = st.tuples(*(field(kind) for kind in field_kinds()))
MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2090, 1, 1))


@given(FIELDS, MOMENTS)
@example((("0", {0}), ("0", {0}), ("0", {0}), ("29", {29}), ("2", {2}), ("1", {1})), datetime(2072, 3, 1))
@example((("0", {0}), ("0", {0}), ("0", {0}), ("31", {31}), ("4", {4}), ("*", set(range(7)))), datetime(2024, 1, 1))
@example(
    (("59", {59}), ("59", {59}), ("23", {23}), ("31", {31}), ("12", {12}), ("0", {0})),
    datetime(2023, 12, 31, 23, 59, 59),
)
def test_any_expression_in_a_zone_without_changes(fields: tuple[tuple[str, set[int]], ...], after: datetime) -> None:
    """Three times in a row, the next moment is the one that a search day for day finds, days being joined by AND."""
    schedule = read_schedule(" ".join(text for text, _ in fields), UTC)
    for _ in range(3):
        expected = next_on_wall([values for _, values in fields], after)
        found = schedule.next(after.replace(tzinfo=UTC))
        assert found == (expected and expected.replace(tzinfo=UTC))
        if expected is None:
            break
        after = expected


ANY_DAY = (set(range(1, 32)), set(range(1, 13)), set(range(7)))
HOURS = 6


@given(
    st.sampled_from(ZONES),
    st.integers(2005, 2037),
    st.integers(0, 3),
    st.integers(-4 * 3600, 3 * 3600),
    *(field(kind) for kind in field_kinds()[1:3]),
    st.integers(0, 59),
)
@example("America/Los_Angeles", 2018, 1, -1800, ("30", {30}), ("1", {1}), 0)
@example("America/Los_Angeles", 2018, 1, 1740, ("30", {30}), ("1", {1}), 0)
@example("America/Los_Angeles", 2018, 1, -1800, ("0", {0}), ("9-17", set(range(9, 18))), 0)
@example("America/Los_Angeles", 2018, 0, -1800, ("30", {30}), ("2", {2}), 0)
@example("Australia/Lord_Howe", 2018, 1, -1800, ("*/15", {0, 15, 30, 45}), ("*", set(range(24))), 0)
def test_any_expression_where_the_clocks_change(
    name: str,
    year: int,
    which: int,
    offset: int,
    minute: tuple[str, set[int]],
    hour: tuple[str, set[int]],
    second: int,
) -> None:
    """Around a change of the clocks, the next moments are those that a search minute for minute of real time finds."""
    zone = ZoneInfo(name)
    found = changes(zone, year)
    if not found:
        return  # a year in which that country let its clocks be
    after = found[which % len(found)] + timedelta(seconds=offset)
    schedule = read_schedule(f"{second} {minute[0]} {hour[0]} * * *", zone)
    for _ in range(4):
        expected = next_in_zone(({second}, minute[1], hour[1], *ANY_DAY), after, zone, HOURS)
        actual = schedule.next(after)
        assert actual is not None
        if expected is None:
            assert actual > after + timedelta(hours=HOURS)
            break
        assert actual == expected
        after = expected


@given(FIELDS, st.sampled_from(ZONES), MOMENTS)
def test_the_next_moment_is_later(fields: tuple[tuple[str, set[int]], ...], name: str, after: datetime) -> None:
    """Whatever the clocks do, time goes forward."""
    schedule = read_schedule(" ".join(text for text, _ in fields), ZoneInfo(name))
    moments = following(schedule, after.replace(tzinfo=UTC), 5)
    assert all(earlier < later for earlier, later in zip([after.replace(tzinfo=UTC), *moments], moments, strict=False))


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        # The hour from one to two comes twice: every half hour goes on, half past one is once.
        (
            "0 */30 * * * *",
            "2018-11-04T00:10-07:00",
            ["00:30-07", "01:00-07", "01:30-07", "01:00-08", "01:30-08", "02:00-08"],
        ),
        ("0 30 1 * * *", "2018-11-03T01:00-07:00", ["01:30-07", "01:30-07", "01:30-08"]),
        ("0 30 1 * * *", "2018-11-04T01:29-08:00", ["01:30-08"]),
        ("0 30 1 4 11 *", "2017-12-01T00:00-08:00", ["01:30-07"]),
        ("0 0 9-17 * * *", "2018-11-04T01:30-07:00", ["09:00-08"]),
        # From two to three there is no hour.
        ("0 */30 * * * *", "2018-03-11T01:10-08:00", ["01:30-08", "03:00-07", "03:30-07"]),
        ("0 30 2 * * *", "2018-03-10T12:00-08:00", ["03:30-07", "02:30-07"]),
        ("0 30 3 * * *", "2018-03-10T12:00-08:00", ["03:30-07", "03:30-07"]),
    ],
)
def test_where_the_clocks_change(text: str, start: str, expected: list[str]) -> None:
    """As in Azure: what runs again and again goes on, a point in time comes once, and what is skipped is moved."""
    moments = following(read_schedule(text, PACIFIC), datetime.fromisoformat(start).astimezone(UTC), len(expected))
    assert [
        moment.astimezone(PACIFIC).isoformat()[11:16] + moment.astimezone(PACIFIC).isoformat()[19:22]
        for moment in moments
    ] == expected


def test_five_fields_have_second_zero() -> None:
    """Without seconds, an expression means the beginning of the minute."""
    after = datetime(2024, 5, 1, 12, 7, 30, tzinfo=UTC)
    five, six = read_schedule("*/5 * * * mon-fri", UTC), read_schedule("0 */5 * * * mon-fri", UTC)
    assert following(five, after, 5) == following(six, after, 5)


def test_fractions_of_seconds_are_later_than_their_second() -> None:
    """A timer that fires a moment late is not due again in the same second, nor a second later than it should be."""
    schedule = read_schedule("* * * * * *", UTC)
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    assert schedule.next(noon + timedelta(microseconds=1)) == noon + timedelta(seconds=1)
    assert schedule.next(noon - timedelta(microseconds=1)) == noon


@pytest.mark.parametrize(
    ("text", "seconds", "shown"),
    [
        ("00:05:00", 300, "Constant: 00:05:00"),
        ("01:30", 5400, "Constant: 01:30:00"),
        ("00:00:00.5", 0.5, "Constant: 00:00:00.5000000"),
        ("1.12:00:00", 129600, "Constant: 1.12:00:00"),
        ("1:12:00:00", 129600, "Constant: 1.12:00:00"),
        (" 00:01:00 ", 60, "Constant: 00:01:00"),
    ],
)
def test_time_spans(text: str, seconds: float, shown: str) -> None:
    """A time span is from the start of one run to the start of the next, whatever the clocks do."""
    schedule = read_schedule(text, PACIFIC)
    start = datetime(2018, 11, 4, 8, 59, 58, 7, tzinfo=UTC)
    assert schedule.next(start) == start + timedelta(seconds=seconds)
    assert (str(schedule), schedule.adjusts, schedule.warnings) == (shown, False, ())


@pytest.mark.parametrize(("text", "days"), [("5", 5), ("25:00:00", 25), ("24:30", None), ("48:00:00", 48)])
def test_time_spans_that_are_days(text: str, days: int | None) -> None:
    """A number alone and one above 23 in front are days, as .NET reads them, which is told."""
    if days is None:
        with pytest.raises(ScheduleError):
            read_schedule(text, UTC)
        return
    schedule = read_schedule(text, UTC)
    start = datetime(2024, 5, 1, tzinfo=UTC)
    assert schedule.next(start) == start + timedelta(days=days)
    assert schedule.warnings == (f"'{text}' means every {days} days",)


@pytest.mark.parametrize(
    ("text", "reason", "remedy"),
    [
        ("", ".", "six fields"),
        ("daily", ".", "six fields"),
        ("@daily", ".", "'0 0 0 * * *'"),
        ("* * * *", ": it has 4 fields.", "six fields"),
        ("0 0 0 * * * 2024", ": it has 7 fields.", "no field for years"),
        ("0 0 0 L * *", ": 'L' is not a valid day of the month: expected 1 to 31.", "28-31"),
        ("0 0 0 15W * *", ": '15W' is not a valid day of the month: expected 1 to 31.", "nearest weekday"),
        ("0 0 0 ? * MON", ": '?' is not a valid day of the month: expected 1 to 31.", "Write *"),
        ("0 0 * * 7", ": '7' is not a valid day of the week", "Write 0 for Sunday"),
        ("0 0 0 * * MON#2", ": 'MON#2' is not a valid day of the week", "8-14 and MON"),
        ("60 * * * *", ": '60' is not a valid minute: expected 0 to 59.", "six fields"),
        ("12:70:00", ".", "time span"),
        ("1.5", ".", "time span"),
        ("10675200", ".", "time span"),
        (f"{10**30}.00:00:00", ".", "time span"),
    ],
)
def test_what_is_no_schedule(text: str, reason: str, remedy: str) -> None:
    """The error has Azure's words, what is wrong, and what to write."""
    with pytest.raises(ScheduleError) as refused:
        read_schedule(text, UTC)
    beginning = f"The schedule expression '{text}' was not recognized as a valid cron expression or timespan string"
    assert str(refused.value).startswith(beginning + reason)
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("text", ["00:00:00", "0", "-00:05:00", "00:00:00.0000004"])
def test_no_time_between_runs(text: str) -> None:
    """A time span must be longer than zero: without a pause a timer would never let go."""
    with pytest.raises(ScheduleError, match="is not longer than zero"):
        read_schedule(text, UTC)


@pytest.mark.parametrize(
    ("text", "frequent"),
    [
        ("*/10 * * * * *", True),
        ("* * * * * *", True),
        ("0,59 * * * * *", True),
        ("0 * * * * *", False),
        ("*/10 * * * * 1-5", False),
        ("*/10 0 * * * *", False),
        ("* * * * *", False),
        ("00:00:59", True),
        ("00:01:00", False),
    ],
)
def test_what_is_more_often_than_once_a_minute(text: str, frequent: bool) -> None:
    """Only what comes in every minute, and more than once, is not remembered."""
    assert read_schedule(text, UTC).is_frequent is frequent


def test_never() -> None:
    """A day that no month has never comes, and neither does the end of a very long time."""
    after = datetime(2024, 5, 1, tzinfo=UTC)
    assert read_schedule("0 0 0 31 4 *", UTC).next(after) is None
    assert read_schedule("9999999", UTC).next(after) is None


def test_what_is_shown() -> None:
    """An expression is shown as it was written."""
    schedule = read_schedule(" 0  */5 * * * * ", UTC)
    assert isinstance(schedule, Cron)
    assert (str(schedule), schedule.adjusts) == ("Cron: '0 */5 * * * *'", True)
