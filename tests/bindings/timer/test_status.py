"""The stored status of a timer, and its effect when a host starts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.bindings.timer.schedule import read_schedule
from hosting.bindings.timer.status import Status, initial_status, read_status

PARIS = ZoneInfo("Europe/Paris")
HOURLY = read_schedule("0 0 * * * *", UTC)
NOW = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 5, 1, hour, minute, tzinfo=UTC)


MOMENTS = st.none() | st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))


@given(MOMENTS, MOMENTS, MOMENTS, st.sampled_from(["UTC", "Europe/Paris", "America/St_Johns"]))
def test_status_is_read_as_it_was_written(
    last: datetime | None, due: datetime | None, updated: datetime | None, name: str
) -> None:
    """It is exact to the microsecond, also in an hour that occurs twice."""
    status, zone = Status(last, due, updated), ZoneInfo(name)
    assert read_status(json.dumps(status.as_json(zone)), zone) == status


def test_status_has_local_times_with_offsets() -> None:
    """A time that does not exist is the first time of all."""
    assert Status(None, at(12), at(10)).as_json(PARIS) == {
        "Last": "0001-01-01T00:00:00+00:00",
        "Next": "2024-05-01T14:00:00+02:00",
        "LastUpdated": "2024-05-01T12:00:00+02:00",
    }


@pytest.mark.parametrize("none", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00-08:00"])
def test_status_of_azures_host_is_read(none: str) -> None:
    """It has seven digits of a second, Z, or no offset at all."""
    text = f'{{"Last":"{none}","Next":"2024-05-01T12:00:00Z","LastUpdated":"2024-05-01T11:30:00.1234567+02:00"}}'
    assert read_status(text, PARIS) == Status(None, at(12), at(9, 30).replace(microsecond=123456))
    assert read_status('{"Next":"2024-05-01T14:00:00"}', PARIS) == Status(None, at(12), None)
    assert read_status('{"Next":"9999-12-31T23:59:59.9999999"}', PARIS).next is None


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"Last": 3}', '{"Next": "soon"}'])
def test_other_text_is_an_error(text: str) -> None:
    """The text is not JSON, not an object, or has no times."""
    with pytest.raises(ValueError):  # noqa: PT011 - json and datetime have different messages
        read_status(text, UTC)


def test_new_timer_is_due_at_its_next_time() -> None:
    """It is not late."""
    assert initial_status(HOURLY, None, NOW) == (Status(None, at(13), NOW), False)


@pytest.mark.parametrize(("last", "updated"), [(at(12), at(12)), (at(12), at(9)), (None, at(12, 10))])
def test_stored_status_holds_if_nothing_was_missed(last: datetime | None, updated: datetime) -> None:
    """The next time is computed from the last run, or from the time of the status."""
    stored = Status(last, at(13), updated)
    assert initial_status(HOURLY, stored, NOW) == (stored, False)
    assert initial_status(HOURLY, stored, at(13)) == (stored, False)


@pytest.mark.parametrize(("last", "updated"), [(at(9), at(9)), (None, at(9, 10))])
def test_timer_is_late_if_its_stored_time_has_passed(last: datetime | None, updated: datetime) -> None:
    """It does not matter how many times have passed."""
    stored = Status(last, at(10), updated)
    assert initial_status(HOURLY, stored, NOW) == (stored, True)


def test_changed_schedule_is_not_late() -> None:
    """It is due when it would have been, or at its next time if that has passed."""
    stored = Status(at(9), at(10), at(9))
    half_past = read_schedule("0 45 12 * * *", UTC)
    assert initial_status(half_past, stored, NOW) == (Status(None, at(12, 45), at(9)), False)
    quarter = read_schedule("0 15 * * * *", UTC)
    assert initial_status(quarter, stored, NOW) == (Status(None, at(13, 15), NOW), False)


def test_changed_time_zone_counts_as_a_changed_schedule() -> None:
    """The expression is the same."""
    stored = Status(None, at(9), at(8))
    paris = read_schedule("0 0 9 * * *", PARIS)
    assert initial_status(paris, stored, NOW) == (Status(None, at(7) + 24 * HOUR, at(8)), False)


def test_status_without_times_counts_as_a_changed_schedule() -> None:
    """There is no time to compute from."""
    assert initial_status(HOURLY, Status(None, None, None), NOW) == (Status(None, at(13), NOW), False)
    assert initial_status(HOURLY, Status(None, at(10), None), NOW) == (Status(None, at(13), NOW), False)


def test_status_from_the_future_is_discarded() -> None:
    """A wrong clock stored it, and the timer must not wait for that time."""
    later = NOW + timedelta(days=1000)
    assert initial_status(HOURLY, Status(later, later + HOUR, later), NOW) == (Status(None, at(13), NOW), False)
    little = Status(at(12, 30) + timedelta(seconds=30), at(13), at(12, 30) + timedelta(seconds=30))
    assert initial_status(HOURLY, little, NOW) == (little, False)


def test_schedule_that_is_never_due_is_never_late() -> None:
    """The status has no next time."""
    never = read_schedule("0 0 0 30 2 *", UTC)
    status, late = initial_status(never, None, NOW)
    assert (status.next, late) == (None, False)
    assert initial_status(never, read_status(json.dumps(status.as_json(UTC)), UTC), NOW + HOUR) == (status, False)


@given(MOMENTS, MOMENTS, MOMENTS, st.sampled_from(["0 */7 * * * *", "30 2 * * *", "00:20:00", "0 0 0 29 2 *"]))
def test_second_start_does_not_change_the_status(
    last: datetime | None, due: datetime | None, updated: datetime | None, text: str
) -> None:
    """A timer is late if and only if its next time has passed."""
    schedule = read_schedule(text, PARIS)
    status, late = initial_status(schedule, Status(last, due, updated), NOW)
    assert initial_status(schedule, status, NOW) == (status, late)
    assert late == (status.next is not None and status.next < NOW)
