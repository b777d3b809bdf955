"""Schedules: when they are due, and which texts are valid."""

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
# Changes by half an hour, at midnight, on a Friday, in the southern hemisphere; and in Ireland: winter is the change.
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
    times: list[datetime] = []
    while len(times) < count and (moment := schedule.next(times[-1] if times else after)):
        times.append(moment)
    return times


def part(kind: FieldKind) -> st.SearchStrategy[tuple[str, set[int]]]:
    """Generate a part of a field, with its values."""
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
def test_next_times_equal_a_search_day_by_day(fields: tuple[tuple[str, set[int]], ...], after: datetime) -> None:
    """Both kinds of days must match, three times in a row."""
    schedule = read_schedule(" ".join(text for text, _ in fields), UTC)
    for _ in range(3):
        expected = next_on_wall([values for _, values in fields], after)
        moment = schedule.next(after.replace(tzinfo=UTC))
        assert moment == (expected and expected.replace(tzinfo=UTC))
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
def test_next_times_around_a_clock_change_equal_a_search_minute_by_minute(
    name: str,
    year: int,
    which: int,
    offset: int,
    minute: tuple[str, set[int]],
    hour: tuple[str, set[int]],
    second: int,
) -> None:
    """The search uses real time."""
    zone = ZoneInfo(name)
    changes_of_year = changes(zone, year)
    if not changes_of_year:
        return  # the clocks of that country do not change in that year
    after = changes_of_year[which % len(changes_of_year)] + timedelta(seconds=offset)
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
def test_next_time_is_always_later(fields: tuple[tuple[str, set[int]], ...], name: str, after: datetime) -> None:
    """This holds in every zone and at every change."""
    schedule = read_schedule(" ".join(text for text, _ in fields), ZoneInfo(name))
    moments = following(schedule, after.replace(tzinfo=UTC), 5)
    assert all(earlier < later for earlier, later in zip([after.replace(tzinfo=UTC), *moments], moments, strict=False))


@pytest.mark.parametrize(
    ("text", "start", "expected"),
    [
        # The hour from one to two occurs twice: the half hours continue, and half past one occurs once.
        (
            "0 */30 * * * *",
            "2018-11-04T00:10-07:00",
            ["00:30-07", "01:00-07", "01:30-07", "01:00-08", "01:30-08", "02:00-08"],
        ),
        ("0 30 1 * * *", "2018-11-03T01:00-07:00", ["01:30-07", "01:30-07", "01:30-08"]),
        ("0 30 1 * * *", "2018-11-04T01:29-08:00", ["01:30-08"]),
        ("0 30 1 4 11 *", "2017-12-01T00:00-08:00", ["01:30-07"]),
        ("0 0 9-17 * * *", "2018-11-04T01:30-07:00", ["09:00-08"]),
        # The hour from two to three does not exist.
        ("0 */30 * * * *", "2018-03-11T01:10-08:00", ["01:30-08", "03:00-07", "03:30-07"]),
        ("0 30 2 * * *", "2018-03-10T12:00-08:00", ["03:30-07", "02:30-07"]),
        ("0 30 3 * * *", "2018-03-10T12:00-08:00", ["03:30-07", "03:30-07"]),
    ],
)
def test_clock_change_is_handled_as_in_azure(text: str, start: str, expected: list[str]) -> None:
    """Repeating schedules continue, other times occur once, and skipped times are moved."""
    moments = following(read_schedule(text, PACIFIC), datetime.fromisoformat(start).astimezone(UTC), len(expected))
    assert [
        moment.astimezone(PACIFIC).isoformat()[11:16] + moment.astimezone(PACIFIC).isoformat()[19:22]
        for moment in moments
    ] == expected


def test_expression_with_five_fields_has_second_zero() -> None:
    """It means the beginning of a minute."""
    after = datetime(2024, 5, 1, 12, 7, 30, tzinfo=UTC)
    five, six = read_schedule("*/5 * * * mon-fri", UTC), read_schedule("0 */5 * * * mon-fri", UTC)
    assert following(five, after, 5) == following(six, after, 5)


def test_fraction_of_a_second_is_later_than_its_second() -> None:
    """A late timer is not due again in the same second, and the next time is exact."""
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
def test_time_span_is_added_to_the_last_run(text: str, seconds: float, shown: str) -> None:
    """Clock changes do not matter."""
    schedule = read_schedule(text, PACIFIC)
    start = datetime(2018, 11, 4, 8, 59, 58, 7, tzinfo=UTC)
    assert schedule.next(start) == start + timedelta(seconds=seconds)
    assert (str(schedule), schedule.adjusts, schedule.warnings) == (shown, False, ())


@pytest.mark.parametrize(("text", "days"), [("5", 5), ("25:00:00", 25), ("24:30", None), ("48:00:00", 48)])
def test_time_span_that_means_days_has_a_warning(text: str, days: int | None) -> None:
    """A number alone and a first number above 23 mean days in .NET."""
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
def test_invalid_schedule_is_an_error_with_azures_words_and_a_remedy(text: str, reason: str, remedy: str) -> None:
    """It also has the reason."""
    with pytest.raises(ScheduleError) as refused:
        read_schedule(text, UTC)
    beginning = f"The schedule expression '{text}' was not recognized as a valid cron expression or timespan string"
    assert str(refused.value).startswith(beginning + reason)
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("text", ["00:00:00", "0", "-00:05:00", "00:00:00.0000004"])
def test_time_span_of_zero_is_an_error(text: str) -> None:
    """Without a pause the timer would run all the time."""
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
def test_schedule_is_frequent_if_due_more_than_once_in_every_minute(text: str, frequent: bool) -> None:
    """Its status is not stored."""
    assert read_schedule(text, UTC).is_frequent is frequent


def test_schedule_that_is_never_due_has_no_next_time() -> None:
    """The month does not have the day, or the time is beyond the last year."""
    after = datetime(2024, 5, 1, tzinfo=UTC)
    assert read_schedule("0 0 0 31 4 *", UTC).next(after) is None
    assert read_schedule("9999999", UTC).next(after) is None


def test_schedule_is_shown_as_it_was_written() -> None:
    """The text is for the log."""
    schedule = read_schedule(" 0  */5 * * * * ", UTC)
    assert isinstance(schedule, Cron)
    assert (str(schedule), schedule.adjusts) == ("Cron: '0 */5 * * * *'", True)
