"""One timer in one host: when it runs, what its function is told, and what is remembered."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hosting.bindings import Services
from hosting.bindings.storage import FileStorage
from hosting.bindings.timer.status import Status
from hosting.bindings.timer.status_store import StatusStore
from tests.bindings.timer.simulation import AWAY, NOON, World, settle, stopped

NEVER = "0001-01-01T00:00:00+00:00"


def test_it_runs_at_its_times() -> None:
    """Each time comes once, and the reason is Azure's."""

    async def run() -> None:
        world = World(NOON + timedelta(seconds=7))
        host, calls = await world.host(schedule="0 */5 * * * *")
        await world.clock.pass_(minutes=16)
        assert calls.hands() == ["12:05:00", "12:10:00", "12:15:00"]
        assert calls.reasons[0] == "Timer fired at 2024-05-01T12:05:00.0000000+00:00"
        assert calls.details == ["", "", ""]
        await stopped(host)
        await world.clock.pass_(hours=1)
        assert len(calls.times) == 3

    asyncio.run(run())


def test_what_the_function_is_told() -> None:
    """The schedule and the status before this run, in local time, as Azure's host sends them."""

    async def run() -> None:
        world = World(WEBSITE_TIME_ZONE="Europe/Paris")
        host, calls = await world.host(schedule="0 */5 * * * *")
        await world.clock.pass_(minutes=11)
        first, second = calls.told
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
        await stopped(host)

    asyncio.run(run())


def test_what_is_remembered() -> None:
    """The next time is stored at the start, and each run with the one after it."""

    async def run() -> None:
        world = World()
        host, _ = await world.host(schedule="0 */5 * * * *")
        assert list(world.storage.texts) == ["timers/host/Host.Functions.Tick/status"]
        assert world.storage.status() == {
            "Last": NEVER,
            "Next": "2024-05-01T12:05:00+00:00",
            "LastUpdated": "2024-05-01T12:00:00+00:00",
        }
        await world.clock.pass_(minutes=6)
        assert world.storage.status() == {
            "Last": "2024-05-01T12:05:00+00:00",
            "Next": "2024-05-01T12:10:00+00:00",
            "LastUpdated": "2024-05-01T12:05:00+00:00",
        }
        await stopped(host)

    asyncio.run(run())


@pytest.mark.parametrize(
    "properties",
    [
        {"schedule": "0 */5 * * * *", "useMonitor": False},
        {"schedule": "0 */5 * * * *", "USEMONITOR": "False"},
        {"schedule": "*/20 * * * * *"},
        {"schedule": "00:00:20"},
    ],
)
def test_what_is_not_remembered(properties: dict[str, object]) -> None:
    """Without a monitor, and with a schedule of less than a minute, nothing is stored or told."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(**properties)
        await world.clock.pass_(minutes=6)
        assert world.storage.texts == {}
        assert calls.told[-1]["ScheduleStatus"] is None
        await stopped(host)

    asyncio.run(run())


def test_a_time_span() -> None:
    """The first run is one span after the start; the clocks do not matter to it, as the function is told."""

    async def run() -> None:
        world = World(NOON + timedelta(seconds=7))
        host, calls = await world.host(schedule="00:10:00")
        await world.clock.pass_(minutes=25)
        assert calls.hands() == ["12:10:07", "12:20:07"]
        assert calls.told[0]["Schedule"] == {"AdjustForDST": False}
        await stopped(host)

    asyncio.run(run())


def test_a_missed_time_is_made_up_for() -> None:
    """A host that starts after a time has passed runs the timer at once, once, and says that it is late."""

    async def run() -> None:
        world = World()
        host, _ = await world.host(schedule="0 0 * * * *")
        await stopped(host)
        world.clock.set(NOON + timedelta(hours=5, minutes=30))
        host, calls = await world.host(schedule="0 0 * * * *", runOnStartup=True)
        await world.clock.pass_(hours=1)
        assert calls.hands() == ["17:30:00", "18:00:00"]
        assert [told["IsPastDue"] for told in calls.told] == [True, False]
        assert calls.told[0]["ScheduleStatus"]["Next"] == "2024-05-01T13:00:00+00:00"
        due = "2024-05-01T13:00:00.0000000+00:00"
        assert calls.details == [f"UnscheduledInvocationReason: IsPastDue, OriginalSchedule: {due}", ""]
        await stopped(host)

    asyncio.run(run())


def test_run_on_startup() -> None:
    """It runs at every start of a host, besides its times, and is not late."""

    async def run() -> None:
        world = World(NOON + timedelta(minutes=3))
        for _ in range(2):
            host, calls = await world.host(schedule="0 0 * * * *", runOnStartup="true")
            assert (len(calls.times), calls.told[0]["IsPastDue"]) == (1, False)
            assert calls.details == ["UnscheduledInvocationReason: RunOnStartup"]
            await stopped(host)
        assert world.storage.status()["Last"] == "2024-05-01T12:03:00+00:00"

    asyncio.run(run())


def test_an_edited_schedule_is_not_late() -> None:
    """What another schedule would have missed is not made up for."""

    async def run() -> None:
        world = World()
        host, _ = await world.host(schedule="0 0 * * * *")
        await stopped(host)
        world.clock.set(NOON + timedelta(hours=5, minutes=30))
        host, calls = await world.host(schedule="0 15 * * * *")
        assert calls.times == []
        assert world.storage.status()["Next"] == "2024-05-01T18:15:00+00:00"
        await world.clock.pass_(hours=1)
        assert calls.hands() == ["18:15:00"]
        await stopped(host)

    asyncio.run(run())


def test_runs_do_not_overlap() -> None:
    """Times that come during a run are made up for by one run right after it."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 */5 * * * *")
        calls.takes = 12 * 60
        await world.clock.pass_(minutes=18)
        assert (calls.hands(), calls.ended) == (["12:05:00", "12:17:00"], 1)
        calls.takes = 0
        await world.clock.pass_(minutes=20)
        assert calls.hands() == ["12:05:00", "12:17:00", "12:29:00", "12:30:00", "12:35:00"]
        await stopped(host)

    asyncio.run(run())


def test_a_failing_run_changes_nothing() -> None:
    """The schedule goes on, and the run counts."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 */5 * * * *")
        calls.fails = ZeroDivisionError()
        await world.clock.pass_(minutes=11)
        assert calls.hands() == ["12:05:00", "12:10:00"]
        assert world.storage.status()["Last"] == "2024-05-01T12:10:00+00:00"
        await stopped(host)

    asyncio.run(run())


@pytest.mark.parametrize("zone", ["Europe/Paris", "UTC"])
def test_where_the_clocks_change(zone: str) -> None:
    """A day has 23 hours in a zone that leaves one out."""

    async def run() -> None:
        world = World(datetime(2024, 3, 30, 23, 30, tzinfo=UTC), WEBSITE_TIME_ZONE=zone)
        host, calls = await world.host(schedule="0 30 4 * * *")
        await world.clock.pass_(hours=24)
        assert calls.hands() == (["02:30:00"] if zone == "Europe/Paris" else ["04:30:00"])
        await stopped(host)

    asyncio.run(run())


def test_the_clock_is_put_forward() -> None:
    """The timer is up as soon as the clock is looked at, once for all times that were left out."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 0 * * * *")
        await world.clock.pass_(minutes=10)
        world.clock.set(NOON + timedelta(hours=3, minutes=30))
        await world.clock.pass_(15)
        assert len(calls.times) == 1
        assert calls.told[0]["IsPastDue"] is False
        await world.clock.pass_(minutes=35)
        assert calls.hands()[1:] == ["16:00:00"]
        await stopped(host)

    asyncio.run(run())


def test_the_clock_is_put_back(caplog: pytest.LogCaptureFixture) -> None:
    """The schedule goes on from the new time, where a wrong clock would have had the timer wait for years."""

    async def run() -> None:
        world = World(datetime(2030, 1, 1, tzinfo=UTC))
        host, calls = await world.host(schedule="0 0 * * * *")
        await world.clock.pass_(minutes=10)
        world.clock.set(NOON + timedelta(minutes=50))
        await world.clock.pass_(minutes=11)
        assert calls.hands() == ["13:00:00"]
        assert world.storage.status()["Next"] == "2024-05-01T14:00:00+00:00"
        await stopped(host)

    asyncio.run(run())
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "The clock was set back" in record.getMessage()
    assert "timer 'Tick' continues from there" in record.getMessage()


def test_the_clock_is_put_back_during_a_run() -> None:
    """What is planned after the run is planned by the new time."""

    async def run() -> None:
        world = World(datetime(2030, 1, 1, 0, 59, tzinfo=UTC))
        host, calls = await world.host(schedule="0 0 * * * *")
        calls.takes = 600
        await world.clock.pass_(minutes=2)
        world.clock.set(NOON)
        await world.clock.pass_(minutes=61)
        assert calls.hands() == ["01:00:00", "13:00:00"]
        await stopped(host)

    asyncio.run(run())


def test_the_clock_is_corrected() -> None:
    """A few seconds back do not bring the same time again, and do not have a time wait for another round."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 */5 * * * *")
        await world.clock.pass_(minutes=5)
        world.clock.set(world.clock.now() - timedelta(seconds=20))
        await world.clock.pass_(minutes=5)
        assert calls.hands() == ["12:05:00"]
        await world.clock.pass_(20)
        assert calls.hands() == ["12:05:00", "12:10:00"]
        await stopped(host)

    asyncio.run(run())


def test_an_idle_timer_only_looks_at_the_clock() -> None:
    """A timer that is due tomorrow wakes up four times a minute, to see whether the clock was set."""

    async def run() -> None:
        world = World(NOON + timedelta(seconds=1))
        host, calls = await world.host(schedule="0 0 12 * * *")
        await world.clock.pass_(hours=6)
        assert world.clock.waits <= 6 * 60 * 4 + 2
        await world.clock.pass_(hours=18)
        assert calls.hands() == ["12:00:00"]
        await stopped(host)

    asyncio.run(run())


def test_never() -> None:
    """A schedule that never comes is kept to, too."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 0 0 30 2 *", runOnStartup=True)
        await world.clock.pass_(hours=1)
        assert len(calls.times) == 1
        assert world.storage.status()["Next"] == "9999-12-31T23:59:59+00:00"
        await stopped(host)

    asyncio.run(run())


def test_the_status_cannot_be_stored(caplog: pytest.LogCaptureFixture) -> None:
    """The timer goes on, and the log has Azure's words and the remedy."""

    async def run() -> None:
        world = World()
        world.storage.trouble = {"write": AWAY}
        host, calls = await world.host(schedule="0 */5 * * * *")
        await world.clock.pass_(minutes=11)
        assert calls.hands() == ["12:05:00", "12:10:00"]
        await stopped(host)

    asyncio.run(run())
    assert "Function 'Tick' failed to update the timer trigger status. The store is away." in caplog.text
    assert "Bring it back." in caplog.text


@pytest.mark.parametrize("text", ['{"Last": ', "[" * 100_000], ids=["cut off", "nested"])
def test_the_status_is_garbled(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """A status that cannot be read is none: the timer starts anew, and the log says so."""

    async def run() -> None:
        world = World()
        path = "timers/host/Host.Functions.Tick/status"
        world.storage.texts[path] = text
        host, calls = await world.host(schedule="0 */5 * * * *")
        assert world.storage.status()["Next"] == "2024-05-01T12:05:00+00:00"
        assert calls.times == []
        await stopped(host)

    asyncio.run(run())
    assert "The status of timer 'Tick' in timers/host/Host.Functions.Tick/status cannot be parsed" in caplog.text


def test_the_status_is_no_text(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """A file that an editor saved in another encoding is no status either, and is replaced with the next one."""
    services = Services({}, {"AzureFunctionsWebHost__hostid": "host"})
    services.storage = FileStorage(tmp_path)
    monitor, status = StatusStore(services, "Tick", UTC), Status(NOON, NOON, NOON)
    asyncio.run(monitor.write(status))
    (file,) = tmp_path.rglob("status")
    file.write_text(file.read_text(), encoding="utf-16")
    assert asyncio.run(monitor.read()) is None
    assert "is not text in UTF-8. The timer starts without it." in caplog.text
    asyncio.run(monitor.write(status))
    assert asyncio.run(monitor.read()) == status


def test_what_is_said_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    """The next five times, local and in UTC; schedule, zone and status for who debugs."""

    async def run() -> None:
        world = World(WEBSITE_TIME_ZONE="America/Los_Angeles")
        host, _ = await world.host(schedule="0 0 */6 * * *", runOnStartup=True)
        await stopped(host)

    with caplog.at_level(logging.DEBUG, "hosting.triggers.timer"):
        asyncio.run(run())
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


def test_a_run_that_has_begun_is_finished() -> None:
    """When the host stops, nothing new begins, and what runs ends and is remembered."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 */5 * * * *")
        calls.takes = 30
        await world.clock.pass_(minutes=5, seconds=1)
        await host.stop()
        await world.clock.pass_(minutes=10)
        await host.close()
        assert (calls.hands(), calls.ended) == (["12:05:00"], 1)
        assert world.storage.status()["Last"] == "2024-05-01T12:05:00+00:00"
        assert world.storage.leases == {}

    asyncio.run(run())


def test_a_run_that_does_not_end_in_time() -> None:
    """It is cut off and not remembered, so that the next start makes up for it."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 */5 * * * *")
        calls.takes = 3600
        await world.clock.pass_(minutes=5, seconds=1)
        await stopped(host)
        assert (len(calls.times), calls.ended, world.storage.leases) == (1, 0, {})
        host, calls = await world.host(schedule="0 */5 * * * *")
        assert calls.told[0]["IsPastDue"] is True
        await stopped(host)

    asyncio.run(run())


def test_a_host_that_stops_at_once() -> None:
    """A host that is stopped before it has begun leaves no lock, and begins nothing."""

    async def run() -> None:
        world = World()
        host = world.provider()
        await stopped(host)
        host, calls = await world.host(schedule="* * * * * *", runOnStartup=True)
        await stopped(host)
        again, _ = await world.host(schedule="* * * * * *")
        await again.stop()
        await settle()
        await again.close()
        assert (len(calls.times), world.storage.leases) == (1, {})

    asyncio.run(run())
