"""Time zones, and times in the formats of Azure's host."""

from __future__ import annotations

import time
import zoneinfo
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hosting.app_settings import AppSettings
from hosting.bindings.timer.zone import MachineZone, format_for_log, format_precise, read_zone
from hosting.errors import SettingsError

PARIS = ZoneInfo("Europe/Paris")


def test_setting_has_a_name_of_the_iana_database() -> None:
    """The setting's own name ignores case."""
    assert read_zone(AppSettings({"website_time_zone": " Europe/Paris "})) is PARIS


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("Europe/Pariss", "did you mean Europe/Paris?"),
        ("america/new york", "did you mean America/New_York?"),
        ("Eastern Standard Time", "such as Europe/Paris or America/New_York."),
        ("../../etc/passwd", "IANA"),
        ("/etc/localtime", "IANA"),
        ("America", "IANA"),
        ("\0", "IANA"),
    ],
)
def test_unknown_zone_is_an_error_with_a_suggestion(name: str, remedy: str) -> None:
    """The suggestion is a similar name."""
    with pytest.raises(SettingsError, match=r"WEBSITE_TIME_ZONE is .*, which is not a time zone") as refused:
        read_zone(AppSettings({"WEBSITE_TIME_ZONE": name}))
    assert remedy in refused.value.remedy


def test_machine_without_a_zone_database_has_the_remedy_to_install_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name would work there."""
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    with pytest.raises(SettingsError) as refused:
        read_zone(AppSettings({"WEBSITE_TIME_ZONE": "Europe/Nowhere"}))
    assert "pip install tzdata" in refused.value.remedy


@pytest.fixture(scope="module")
def machine() -> Iterator[ZoneInfo]:
    """Make the machine's zone Los Angeles."""
    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be changed for one process")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/Los_Angeles")
        time.tzset()
        yield ZoneInfo("America/Los_Angeles")
    time.tzset()


@given(moment=st.datetimes(datetime(2008, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC)))
@example(moment=datetime(2018, 11, 4, 8, 30, tzinfo=UTC))
@example(moment=datetime(2018, 11, 4, 9, 30, tzinfo=UTC))
@example(moment=datetime(2018, 3, 11, 10, 0, tzinfo=UTC))
def test_machines_zone_is_used_without_the_setting(machine: ZoneInfo, moment: datetime) -> None:
    """It converts in both directions, also in an hour that occurs twice."""
    zone = read_zone(AppSettings({}))
    assert isinstance(zone, MachineZone)
    here, there = moment.astimezone(zone), moment.astimezone(machine)
    assert (here.replace(tzinfo=None), here.fold) == (there.replace(tzinfo=None), there.fold)
    assert (here.utcoffset(), here.tzname()) == (there.utcoffset(), there.tzname())
    assert here.astimezone(UTC) == moment


@given(wall=st.datetimes(datetime(2008, 1, 1), datetime(2036, 1, 1)), fold=st.sampled_from([0, 1]))
@example(wall=datetime(2018, 3, 11, 2, 30), fold=0)
@example(wall=datetime(2018, 11, 4, 1, 30), fold=1)
def test_local_time_of_the_machines_zone_is_the_same_moment(machine: ZoneInfo, wall: datetime, fold: int) -> None:
    """This holds for a skipped time too."""
    wall = wall.replace(fold=fold)
    assert wall.replace(tzinfo=MachineZone()).astimezone(UTC) == wall.replace(tzinfo=machine).astimezone(UTC)


def test_machines_zone_has_the_name_of_the_operating_system(machine: ZoneInfo) -> None:
    """It is for the log."""
    assert str(MachineZone()) in ("the machine's (PST)", "the machine's (PDT)")
    assert [ask(None) for ask in (MachineZone().utcoffset, MachineZone().tzname, MachineZone().dst)] == [None] * 3


def test_times_are_formatted_as_dotnet_does_or_for_the_log() -> None:
    """The first format has seven digits of a second."""
    moment = datetime(2024, 5, 1, 4, 0, tzinfo=UTC) + timedelta(microseconds=123456)
    assert format_precise(moment, PARIS) == "2024-05-01T06:00:00.1234560+02:00"
    assert format_precise(datetime(2024, 5, 1, tzinfo=UTC), UTC) == "2024-05-01T00:00:00.0000000+00:00"
    assert format_for_log(moment, PARIS) == "05/01/2024 06:00:00+02:00 (05/01/2024 04:00:00Z)"
    assert format_for_log(moment, ZoneInfo("Etc/UTC")) == "05/01/2024 04:00:00Z"
