"""One timer in one host: its runs, the data of its function, and its stored status."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hosting.bindings import Services
from hosting.bindings.storage import FileStorage
from hosting.bindings.timer.status import Status
from hosting.bindings.timer.status_store import StatusStore
from tests.bindings.timer.simulation import NOON, UNREACHABLE, Simulation, settle, stop_hosts

NEVER = "0001-01-01T00:00:00+00:00"


async def test_timer_runs_once_at_each_time() -> None:
    """The reason is that of Azure's host."""
    simulation = Simulation(NOON + timedelta(seconds=7))
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    await simulation.clock.advance(minutes=16)
    assert calls.clock_times() == ["12:05:00", "12:10:00", "12:15:00"]
    assert calls.reasons[0] == "Timer fired at 2024-05-01T12:05:00.0000000+00:00"
    assert calls.details == ["", "", ""]
    await stop_hosts(host)
    await simulation.clock.advance(hours=1)
    assert len(calls.times) == 3


async def test_function_gets_schedule_and_status_in_local_time() -> None:
    """They are as before this run, in the form of Azure's host."""
    simulation = Simulation(WEBSITE_TIME_ZONE="Europe/Paris")
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    await simulation.clock.advance(minutes=11)
    first, second = calls.data
    assert first == {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": {"Last": NEVER, "Next": "2024-05-01T14:05:00+02:00", "LastUpdated": NEVER},
        "IsPastDue": False,
    }
    assert second["ScheduleStatus"] == {
        "Last": "2024-05-01T14:05:00+02:00",
        "Next": "2024-05-01T14:10:00+02:00",
        "LastUpdated": "2024-05-01T14:05:00+02:00",
    }
    await stop_hosts(host)


async def test_status_is_stored_at_start_and_after_each_run() -> None:
    """It has the next time."""
    simulation = Simulation()
    host, _ = await simulation.host(schedule="0 */5 * * * *")
    assert list(simulation.storage.texts) == ["timers/host/Host.Functions.Tick/status"]
    assert simulation.storage.status() == {
        "Last": NEVER,
        "Next": "2024-05-01T12:05:00+00:00",
        "LastUpdated": "2024-05-01T12:00:00+00:00",
    }
    await simulation.clock.advance(minutes=6)
    assert simulation.storage.status() == {
        "Last": "2024-05-01T12:05:00+00:00",
        "Next": "2024-05-01T12:10:00+00:00",
        "LastUpdated": "2024-05-01T12:05:00+00:00",
    }
    await stop_hosts(host)


@pytest.mark.parametrize(
    "properties",
    [
        {"schedule": "0 */5 * * * *", "useMonitor": False},
        {"schedule": "0 */5 * * * *", "USEMONITOR": "False"},
        {"schedule": "*/20 * * * * *"},
        {"schedule": "00:00:20"},
    ],
)
async def test_status_is_not_stored_without_a_monitor_or_for_a_frequent_schedule(properties: dict[str, object]) -> None:
    """The function gets no status."""
    simulation = Simulation()
    host, calls = await simulation.host(**properties)
    await simulation.clock.advance(minutes=6)
    assert simulation.storage.texts == {}
    assert calls.data[-1]["ScheduleStatus"] is None
    await stop_hosts(host)


async def test_time_span_runs_first_one_span_after_the_start() -> None:
    """The function gets that clock changes do not matter."""
    simulation = Simulation(NOON + timedelta(seconds=7))
    host, calls = await simulation.host(schedule="00:10:00")
    await simulation.clock.advance(minutes=25)
    assert calls.clock_times() == ["12:10:07", "12:20:07"]
    assert calls.data[0]["Schedule"] == {"AdjustForDST": False}
    await stop_hosts(host)


async def test_missed_times_are_made_up_for_by_one_run_at_start() -> None:
    """The run is late."""
    simulation = Simulation()
    host, _ = await simulation.host(schedule="0 0 * * * *")
    await stop_hosts(host)
    simulation.clock.set(NOON + timedelta(hours=5, minutes=30))
    host, calls = await simulation.host(schedule="0 0 * * * *", runOnStartup=True)
    await simulation.clock.advance(hours=1)
    assert calls.clock_times() == ["17:30:00", "18:00:00"]
    assert [data["IsPastDue"] for data in calls.data] == [True, False]
    assert calls.data[0]["ScheduleStatus"]["Next"] == "2024-05-01T13:00:00+00:00"
    due = "2024-05-01T13:00:00.0000000+00:00"
    assert calls.details == [f"UnscheduledInvocationReason: IsPastDue, OriginalSchedule: {due}", ""]
    await stop_hosts(host)


async def test_run_on_startup_runs_at_every_start() -> None:
    """It is in addition to the schedule, and is not late."""
    simulation = Simulation(NOON + timedelta(minutes=3))
    for _ in range(2):
        host, calls = await simulation.host(schedule="0 0 * * * *", runOnStartup="true")
        assert (len(calls.times), calls.data[0]["IsPastDue"]) == (1, False)
        assert calls.details == ["UnscheduledInvocationReason: RunOnStartup"]
        await stop_hosts(host)
    assert simulation.storage.status()["Last"] == "2024-05-01T12:03:00+00:00"


async def test_changed_schedule_does_not_run_at_start() -> None:
    """Times that it would have missed are not made up for."""
    simulation = Simulation()
    host, _ = await simulation.host(schedule="0 0 * * * *")
    await stop_hosts(host)
    simulation.clock.set(NOON + timedelta(hours=5, minutes=30))
    host, calls = await simulation.host(schedule="0 15 * * * *")
    assert calls.times == []
    assert simulation.storage.status()["Next"] == "2024-05-01T18:15:00+00:00"
    await simulation.clock.advance(hours=1)
    assert calls.clock_times() == ["18:15:00"]
    await stop_hosts(host)


async def test_times_during_a_run_are_made_up_for_by_one_run() -> None:
    """It begins when the first run ends."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    calls.seconds = 12 * 60
    await simulation.clock.advance(minutes=18)
    assert (calls.clock_times(), calls.ended) == (["12:05:00", "12:17:00"], 1)
    calls.seconds = 0
    await simulation.clock.advance(minutes=20)
    assert calls.clock_times() == ["12:05:00", "12:17:00", "12:29:00", "12:30:00", "12:35:00"]
    await stop_hosts(host)


async def test_failed_run_counts_as_a_run() -> None:
    """The schedule continues."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    calls.error = ZeroDivisionError()
    await simulation.clock.advance(minutes=11)
    assert calls.clock_times() == ["12:05:00", "12:10:00"]
    assert simulation.storage.status()["Last"] == "2024-05-01T12:10:00+00:00"
    await stop_hosts(host)


@pytest.mark.parametrize("zone", ["Europe/Paris", "UTC"])
async def test_daily_timer_runs_once_on_the_day_of_a_clock_change(zone: str) -> None:
    """That day has 23 hours."""
    simulation = Simulation(datetime(2024, 3, 30, 23, 30, tzinfo=UTC), WEBSITE_TIME_ZONE=zone)
    host, calls = await simulation.host(schedule="0 30 4 * * *")
    await simulation.clock.advance(hours=24)
    assert calls.clock_times() == (["02:30:00"] if zone == "Europe/Paris" else ["04:30:00"])
    await stop_hosts(host)


async def test_clock_set_forward_runs_the_timer_soon() -> None:
    """One run makes up for all skipped times."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 0 * * * *")
    await simulation.clock.advance(minutes=10)
    simulation.clock.set(NOON + timedelta(hours=3, minutes=30))
    await simulation.clock.advance(15)
    assert len(calls.times) == 1
    assert calls.data[0]["IsPastDue"] is False
    await simulation.clock.advance(minutes=35)
    assert calls.clock_times()[1:] == ["16:00:00"]
    await stop_hosts(host)


async def test_clock_set_back_continues_from_the_new_time(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise the timer could wait for years."""
    simulation = Simulation(datetime(2030, 1, 1, tzinfo=UTC))
    host, calls = await simulation.host(schedule="0 0 * * * *")
    await simulation.clock.advance(minutes=10)
    simulation.clock.set(NOON + timedelta(minutes=50))
    await simulation.clock.advance(minutes=11)
    assert calls.clock_times() == ["13:00:00"]
    assert simulation.storage.status()["Next"] == "2024-05-01T14:00:00+00:00"
    await stop_hosts(host)
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "The clock was set back" in record.getMessage()
    assert "timer 'Tick' continues from there" in record.getMessage()


async def test_clock_set_back_during_a_run_continues_from_the_new_time() -> None:
    """The next time is computed after the run."""
    simulation = Simulation(datetime(2030, 1, 1, 0, 59, tzinfo=UTC))
    host, calls = await simulation.host(schedule="0 0 * * * *")
    calls.seconds = 600
    await simulation.clock.advance(minutes=2)
    simulation.clock.set(NOON)
    await simulation.clock.advance(minutes=61)
    assert calls.clock_times() == ["01:00:00", "13:00:00"]
    await stop_hosts(host)


async def test_clock_corrected_by_seconds_does_not_repeat_a_time() -> None:
    """Nor does the next time wait for another round."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    await simulation.clock.advance(minutes=5)
    simulation.clock.set(simulation.clock.now() - timedelta(seconds=20))
    await simulation.clock.advance(minutes=5)
    assert calls.clock_times() == ["12:05:00"]
    await simulation.clock.advance(20)
    assert calls.clock_times() == ["12:05:00", "12:10:00"]
    await stop_hosts(host)


async def test_idle_timer_reads_the_clock_four_times_a_minute() -> None:
    """It is due the next day."""
    simulation = Simulation(NOON + timedelta(seconds=1))
    host, calls = await simulation.host(schedule="0 0 12 * * *")
    await simulation.clock.advance(hours=6)
    assert simulation.clock.waits <= 6 * 60 * 4 + 2
    await simulation.clock.advance(hours=18)
    assert calls.clock_times() == ["12:00:00"]
    await stop_hosts(host)


async def test_schedule_that_is_never_due_does_not_run() -> None:
    """The host starts and stops."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 0 0 30 2 *", runOnStartup=True)
    await simulation.clock.advance(hours=1)
    assert len(calls.times) == 1
    assert simulation.storage.status()["Next"] == "9999-12-31T23:59:59+00:00"
    await stop_hosts(host)


async def test_timer_continues_if_its_status_cannot_be_stored(caplog: pytest.LogCaptureFixture) -> None:
    """The log has Azure's words and the remedy."""
    simulation = Simulation()
    simulation.storage.failures = {"write": UNREACHABLE}
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    await simulation.clock.advance(minutes=11)
    assert calls.clock_times() == ["12:05:00", "12:10:00"]
    await stop_hosts(host)
    assert "Function 'Tick' failed to update the timer trigger status. The storage is unreachable." in caplog.text
    assert "Start it." in caplog.text


@pytest.mark.parametrize("text", ['{"Last": ', "[" * 100_000], ids=["cut off", "nested"])
async def test_unparsable_status_is_replaced_with_a_warning(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """The timer starts without it."""
    simulation = Simulation()
    path = "timers/host/Host.Functions.Tick/status"
    simulation.storage.texts[path] = text
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    assert simulation.storage.status()["Next"] == "2024-05-01T12:05:00+00:00"
    assert calls.times == []
    await stop_hosts(host)
    assert "The status of timer 'Tick' in timers/host/Host.Functions.Tick/status cannot be parsed" in caplog.text


async def test_status_that_is_not_utf8_is_replaced_with_a_warning(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """An editor may have saved it in another encoding."""
    services = Services({}, {"AzureFunctionsWebHost__hostid": "host"})
    services.storage = FileStorage(tmp_path)
    monitor, status = StatusStore(services, "Tick", UTC), Status(NOON, NOON, NOON)
    await monitor.write(status)
    (file,) = tmp_path.rglob("status")
    file.write_text(file.read_text(), encoding="utf-16")
    assert await monitor.read() is None
    assert "is not text in UTF-8. The timer starts without it." in caplog.text
    await monitor.write(status)
    assert await monitor.read() == status


async def test_start_logs_the_next_five_times(caplog: pytest.LogCaptureFixture) -> None:
    """They are local and in UTC; at debug level there are schedule, zone and status."""
    with caplog.at_level(logging.DEBUG, "hosting.triggers.timer"):
        simulation = Simulation(WEBSITE_TIME_ZONE="America/Los_Angeles")
        host, _ = await simulation.host(schedule="0 0 */6 * * *", runOnStartup=True)
        await stop_hosts(host)
    zone, status, times, startup = [record.getMessage() for record in caplog.records if record.name.endswith("timer")]
    assert zone == (
        "The 'Tick' timer is using the schedule 'Cron: '0 0 */6 * * *'' and the local time zone: 'America/Los_Angeles'"
    )
    assert status.startswith("Function 'Tick' initial status: ")
    assert times.splitlines() == [
        "The next 5 occurrences of the 'Tick' schedule (Cron: '0 0 */6 * * *') will be:",
        "05/01/2024 06:00:00-07:00 (05/01/2024 13:00:00Z)",
        "05/01/2024 12:00:00-07:00 (05/01/2024 19:00:00Z)",
        "05/01/2024 18:00:00-07:00 (05/02/2024 01:00:00Z)",
        "05/02/2024 00:00:00-07:00 (05/02/2024 07:00:00Z)",
        "05/02/2024 06:00:00-07:00 (05/02/2024 13:00:00Z)",
    ]
    assert startup == "Function 'Tick' is configured to run on startup. Executing now."


async def test_run_in_progress_is_finished_and_stored_when_the_host_stops() -> None:
    """No other run begins."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    calls.seconds = 30
    await simulation.clock.advance(minutes=5, seconds=1)
    await host.stop()
    await simulation.clock.advance(minutes=10)
    await host.close()
    assert (calls.clock_times(), calls.ended) == (["12:05:00"], 1)
    assert simulation.storage.status()["Last"] == "2024-05-01T12:05:00+00:00"
    assert simulation.storage.leases == {}


async def test_run_beyond_the_grace_period_is_cancelled_and_not_stored() -> None:
    """The next start makes up for it."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    calls.seconds = 3600
    await simulation.clock.advance(minutes=5, seconds=1)
    await stop_hosts(host)
    assert (len(calls.times), calls.ended, simulation.storage.leases) == (1, 0, {})
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    assert calls.data[0]["IsPastDue"] is True
    await stop_hosts(host)


async def test_host_that_stops_before_it_has_started_leaves_no_lock() -> None:
    """No run begins."""
    simulation = Simulation()
    host = simulation.provider()
    await stop_hosts(host)
    host, calls = await simulation.host(schedule="* * * * * *", runOnStartup=True)
    await stop_hosts(host)
    again, _ = await simulation.host(schedule="* * * * * *")
    await again.stop()
    await settle()
    await again.close()
    assert (len(calls.times), simulation.storage.leases) == (1, {})
