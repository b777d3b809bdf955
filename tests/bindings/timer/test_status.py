"""What is remembered of a timer, and what follows from it when a host starts."""

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
def test_what_is_written_is_read_again(
    last: datetime | None, due: datetime | None, updated: datetime | None, name: str
) -> None:
    """A status comes back as it was, to the microsecond, in the hour that comes twice too."""
    status, zone = Status(last, due, updated), ZoneInfo(name)
    assert read_status(json.dumps(status.as_json(zone)), zone) == status


def test_the_form() -> None:
    """The three moments are in local time, with the offset; one that has not been is the first of all."""
    assert Status(None, at(12), at(10)).as_json(PARIS) == {
        "Last": "0001-01-01T00:00:00+00:00",
        "Next": "2024-05-01T14:00:00+02:00",
        "LastUpdated": "2024-05-01T12:00:00+02:00",
    }


@pytest.mark.parametrize("none", ["0001-01-01T00:00:00", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00-08:00"])
def test_what_azures_host_wrote(none: str) -> None:
    """Seven digits of a second, Z and no offset at all are read as they are meant."""
    text = f'{{"Last":"{none}","Next":"2024-05-01T12:00:00Z","LastUpdated":"2024-05-01T11:30:00.1234567+02:00"}}'
    assert read_status(text, PARIS) == Status(None, at(12), at(9, 30).replace(microsecond=123456))
    assert read_status('{"Next":"2024-05-01T14:00:00"}', PARIS) == Status(None, at(12), None)
    assert read_status('{"Next":"9999-12-31T23:59:59.9999999"}', PARIS).next is None


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', '{"Last": 3}', '{"Next": "soon"}'])
def test_what_is_no_status(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError):  # noqa: PT011 - json and datetime have words of their own
        read_status(text, UTC)


def test_nothing_is_stored() -> None:
    """A new timer is due at its next time, and not late."""
    assert initial_status(HOURLY, None, NOW) == (Status(None, at(13), NOW), False)


@pytest.mark.parametrize(("last", "updated"), [(at(12), at(12)), (at(12), at(9)), (None, at(12, 10))])
def test_nothing_was_missed(last: datetime | None, updated: datetime) -> None:
    """What is stored holds; the next time is reckoned from the last run, or from when the status was made."""
    stored = Status(last, at(13), updated)
    assert initial_status(HOURLY, stored, NOW) == (stored, False)
    assert initial_status(HOURLY, stored, at(13)) == (stored, False)


@pytest.mark.parametrize(("last", "updated"), [(at(9), at(9)), (None, at(9, 10))])
def test_a_time_was_missed(last: datetime | None, updated: datetime) -> None:
    """A stored time that is over makes the timer late, however many came after it."""
    stored = Status(last, at(10), updated)
    assert initial_status(HOURLY, stored, NOW) == (stored, True)


def test_the_schedule_was_edited() -> None:
    """Another schedule is not late: it is due when it would have been, or, where that is over, at its next time."""
    stored = Status(at(9), at(10), at(9))
    half_past = read_schedule("0 45 12 * * *", UTC)
    assert initial_status(half_past, stored, NOW) == (Status(None, at(12, 45), at(9)), False)
    quarter = read_schedule("0 15 * * * *", UTC)
    assert initial_status(quarter, stored, NOW) == (Status(None, at(13, 15), NOW), False)


def test_the_zone_was_changed() -> None:
    """The same expression in another zone is another schedule."""
    stored = Status(None, at(9), at(8))
    paris = read_schedule("0 0 9 * * *", PARIS)
    assert initial_status(paris, stored, NOW) == (Status(None, at(7) + 24 * HOUR, at(8)), False)


def test_nothing_can_be_reckoned_from() -> None:
    """A status without its moments is one of a schedule that was edited."""
    assert initial_status(HOURLY, Status(None, None, None), NOW) == (Status(None, at(13), NOW), False)
    assert initial_status(HOURLY, Status(None, at(10), None), NOW) == (Status(None, at(13), NOW), False)


def test_a_status_from_a_time_to_come() -> None:
    """What a wrong clock stored is forgotten, so that nothing waits for its time to come again."""
    later = NOW + timedelta(days=1000)
    assert initial_status(HOURLY, Status(later, later + HOUR, later), NOW) == (Status(None, at(13), NOW), False)
    little = Status(at(12, 30) + timedelta(seconds=30), at(13), at(12, 30) + timedelta(seconds=30))
    assert initial_status(HOURLY, little, NOW) == (little, False)


def test_never() -> None:
    """A schedule that never comes is never late."""
    never = read_schedule("0 0 0 30 2 *", UTC)
    status, late = initial_status(never, None, NOW)
    assert (status.next, late) == (None, False)
    assert initial_status(never, read_status(json.dumps(status.as_json(UTC)), UTC), NOW + HOUR) == (status, False)


@given(MOMENTS, MOMENTS, MOMENTS, st.sampled_from(["0 */7 * * * *", "30 2 * * *", "00:20:00", "0 0 0 29 2 *"]))
def test_starting_again_changes_nothing(
    last: datetime | None, due: datetime | None, updated: datetime | None, text: str
) -> None:
    """Whatever was stored, what a start makes of it holds for the next one; a timer is late if its time is over."""
    schedule = read_schedule(text, PARIS)
    status, late = initial_status(schedule, Status(last, due, updated), NOW)
    assert initial_status(schedule, status, NOW) == (status, late)
    assert late == (status.next is not None and status.next < NOW)
