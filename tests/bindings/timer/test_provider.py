"""Timers of an app: who of several hosts runs them, what is wrong with a binding, and running one by hand."""

from __future__ import annotations

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from azure.functions.timer import TimerRequest

from hosting.bindings import Services
from hosting.bindings.timer.call import TimerCall
from hosting.bindings.timer.provider import TimerProvider
from hosting.core import Retry
from hosting.errors import FunctionLoadError
from tests.bindings.timer.simulation import AWAY, NOON, World, stopped, timer_function

MINUTELY = "0 * * * * *"


def test_one_host_runs_a_timer(caplog: pytest.LogCaptureFixture) -> None:
    """Of two hosts one runs it, whichever came first; the other says so once, and takes over within a minute."""

    async def run() -> None:
        world = World()
        first, calls = await world.host(schedule=MINUTELY)
        second, others = await world.host(schedule=MINUTELY)
        await world.clock.pass_(minutes=5)
        assert (len(calls.times), len(others.times)) == (5, 0)
        await stopped(first)
        await world.clock.pass_(minutes=3)
        assert len(calls.times) == 5
        assert others.hands() == ["12:06:00", "12:07:00", "12:08:00"]
        await stopped(second)

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    said = [record.getMessage() for record in caplog.records if "Another process" in record.getMessage()]
    assert said == ["Another process runs 'Tick' on schedule; every 00:01:00 this one checks whether it has ended."]


def test_each_timer_has_its_own_lock() -> None:
    """Two functions may run in two hosts, under the names of Azure's locks."""

    async def run() -> None:
        world = World()
        one, _ = await world.host(timer_function("One", schedule=MINUTELY))
        both, calls = await world.host(
            timer_function("One", schedule=MINUTELY), timer_function("Two", schedule=MINUTELY)
        )
        assert sorted(world.storage.leases) == [
            "locks/host/Host.Functions.One.Listener",
            "locks/host/Host.Functions.Two.Listener",
        ]
        await world.clock.pass_(minutes=2)
        assert len(calls.times) == 2
        await stopped(one, both)

    asyncio.run(run())


def test_a_lost_lease_stops_the_timer() -> None:
    """Who has lost the lock does not run the timer any more, and what it remembers is left to who has it."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule="0 */5 * * * *")
        calls.takes = 30
        await world.clock.pass_(minutes=5, seconds=1)
        stored = dict(world.storage.texts)
        world.storage.lose()
        await world.clock.pass_(30)
        assert (calls.ended, world.storage.texts) == (1, stored)
        path = "locks/host/Host.Functions.Tick.Listener"
        assert path not in world.storage.leases
        await world.storage.lock(path)  # somebody else's
        await world.clock.pass_(minutes=20)
        assert calls.ended == 1
        world.storage.leases.clear()
        await world.clock.pass_(minutes=6)
        assert calls.told[1]["IsPastDue"] is True
        await stopped(host)

    asyncio.run(run())


def test_how_often_other_hosts_try() -> None:
    """host.json may say, under Azure's name for it."""

    async def run() -> None:
        world = World()
        first, _ = await world.host(schedule=MINUTELY)
        host_json = {"singleton": {"listenerLockRecoveryPollingInterval": "00:00:05"}}
        second = world.provider(host_json)
        world.trigger(second, timer_function(schedule=MINUTELY)).attach(_unused)
        await second.start()
        await world.clock.pass_(minutes=1)
        await stopped(first)
        await world.clock.pass_(5)
        assert len(world.storage.leases) == 1
        await stopped(second)

    asyncio.run(run())


@pytest.mark.parametrize("text", ["soon", "00:00:00", 5.5])
def test_how_often_other_hosts_try_cannot_be_read(text: object) -> None:
    """What is no time span is told, and a minute is used."""
    services = Services({"singleton": {"listenerLockRecoveryPollingInterval": text}}, {})
    TimerProvider(services)
    (problem,) = services.problems
    assert problem.severity == "warning"
    assert f"listenerLockRecoveryPollingInterval: expected a time span, found {text!r}" in problem.message


@pytest.mark.parametrize("method", ["lock", "read"])
@pytest.mark.parametrize("error", [AWAY, OSError("gone")])
def test_the_storage_is_away(method: str, error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """Timers wait for it: that is said once, with the remedy, and when it is over; then they run."""

    async def run() -> None:
        world = World()
        world.storage.trouble = {method: error}
        host, calls = await world.host(
            timer_function("One", schedule=MINUTELY), timer_function("Two", schedule=MINUTELY)
        )
        await world.clock.pass_(minutes=10)
        assert calls.times == []
        world.storage.trouble = {}
        await world.clock.pass_(minutes=2)
        assert calls.hands() == ["12:12:00"] * 2
        await stopped(host)

    with caplog.at_level(logging.INFO):
        asyncio.run(run())
    said = [record for record in caplog.records if record.name == "hosting.triggers.timer"]
    errors = [record.getMessage() for record in said if record.levelno == logging.ERROR]
    told = "The store is away.\n  Bring it back." if error is AWAY else "OSError: gone"
    assert errors == [f"Timers are waiting for the host's storage; trying again: {told}"]
    assert [record.getMessage() for record in said].count("The host's storage can be used again.") == 1
    assert "Another process" not in caplog.text


def test_the_storage_goes_while_timers_run(caplog: pytest.LogCaptureFixture) -> None:
    """A timer whose lock is held goes on, and what could not be stored is stored with the next run."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule=MINUTELY)
        world.storage.trouble = {"write": AWAY, "read": AWAY, "lock": AWAY}
        await world.clock.pass_(minutes=3)
        world.storage.trouble = {}
        await world.clock.pass_(minutes=1)
        assert len(calls.times) == 4
        assert world.storage.status()["Last"] == "2024-05-01T12:04:00+00:00"
        await stopped(host)

    asyncio.run(run())
    assert "Traceback" not in caplog.text


def test_a_policy_that_is_cut_short_is_made_up_for() -> None:
    """A run with a retry policy that still fails when the host stops is not remembered."""

    async def run() -> None:
        world = World()
        policy = Retry("fixedDelay", 3, delay=10)
        host, calls = await world.host(timer_function(schedule=MINUTELY, retry=policy))
        calls.takes, calls.fails = 5, ValueError()
        await world.clock.pass_(62)
        await host.stop()
        await world.clock.pass_(5)
        await host.close()
        assert calls.ended == 1
        host, calls = await world.host(timer_function(schedule=MINUTELY, retry=policy))
        assert calls.told[0]["IsPastDue"] is True
        await stopped(host)

    asyncio.run(run())


def test_a_function_that_nothing_was_attached_to() -> None:
    """A disabled function, or one that could not be loaded, holds no lock."""

    async def run() -> None:
        world = World()
        host = world.provider()
        world.trigger(host, timer_function(schedule=MINUTELY))
        await host.start()
        await world.clock.pass_(minutes=2)
        assert world.storage.leases == {}
        await stopped(host)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        (
            {"schedule": "0 0 L * *"},
            "The schedule expression '0 0 L * *' was not recognized as a valid cron expression",
        ),
        ({"schedule": "00:00:00"}, "is not longer than zero"),
        ({}, "'schedule' of its timer: expected a text, found nothing"),
        ({"schedule": ""}, "'schedule' of its timer: expected a text, found ''"),
        ({"schedule": 5}, "'schedule' of its timer: expected a text, found 5"),
        ({"schedule": MINUTELY, "useMonitor": "no"}, "'useMonitor' of its timer: expected true or false, found 'no'"),
        ({"schedule": MINUTELY, "runOnStartup": []}, "'runOnStartup' of its timer: expected true or false, found []"),
    ],
)
def test_a_bad_property(properties: dict[str, Any], message: str) -> None:
    """It puts that function in error, with its name, its file, and what to write."""
    with pytest.raises(FunctionLoadError) as refused:
        World().provider().trigger(function := timer_function(**properties), function.trigger)
    assert refused.value.message.startswith("Function 'Tick': ")
    assert message in refused.value.message
    assert refused.value.remedy
    assert refused.value.file == "/app/function_app.py"


@pytest.mark.parametrize(
    ("given", "monitored", "at_startup"),
    [(None, True, False), (True, True, True), ("True", True, True), (1, True, True), ("false", False, False)],
)
def test_switches(given: object, monitored: bool, at_startup: bool) -> None:
    """They are read as .NET reads them; one that is null has its default."""
    function = timer_function(schedule=MINUTELY, useMonitor=given, runOnStartup=given)
    options = World().provider().trigger(function, function.trigger).options
    assert (options.status_store is not None, options.run_on_startup) == (monitored, at_startup)


def test_a_bad_time_zone() -> None:
    """It puts every timer in error: at the wrong time of day none of them should run."""
    function = timer_function(schedule=MINUTELY)
    with pytest.raises(
        FunctionLoadError, match="'Tick': WEBSITE_TIME_ZONE is 'Mars/Olympus', which is not a time zone"
    ):
        World(WEBSITE_TIME_ZONE="Mars/Olympus").provider().trigger(function, function.trigger)


@pytest.mark.parametrize(
    ("schedule", "surprise"),
    [
        ("0 0 22-2 * * *", "'22-2' means 2 to 22: a range does not wrap around"),
        ("30:00:00", "'30:00:00' means every 30 days"),
        ("0 0 0 31 9 *", "the timer is never due"),
    ],
)
def test_surprises(schedule: str, surprise: str) -> None:
    """A schedule that may mean something else than who wrote it thinks is told, and runs as in Azure."""
    world = World()
    provider = world.provider()
    world.trigger(provider, timer_function(schedule=schedule))
    (problem,) = provider.services.problems
    assert (problem.severity, problem.function) == ("warning", "Tick")
    assert problem.message == f"Function 'Tick': its schedule may not mean what you expect: {surprise}."


def test_the_sdks_object() -> None:
    """A function gets the SDK's own TimerRequest; text and bytes are what Azure sends for it."""
    world = World()
    call = TimerCall(
        '{"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": true}', "05/01/2024 12:00:00"
    )
    trigger = world.trigger(world.provider(), timer_function(schedule=MINUTELY))
    request = trigger.decode(call)
    assert isinstance(request, TimerRequest)
    assert (request.past_due, request.schedule_status, request.schedule) == (True, {}, {"AdjustForDST": True})
    for annotation, expected in ((str, call.text), (bytes, call.text.encode())):
        function = timer_function(schedule=MINUTELY)
        function.annotations = {"timer": annotation}
        assert world.trigger(world.provider(), function).decode(call) == expected


def test_binding_expressions() -> None:
    """``{timerTrigger}`` is the time on the wall."""

    async def run() -> None:
        world = World(WEBSITE_TIME_ZONE="Europe/Paris")
        trigger = world.trigger(world.provider(), timer_function(schedule=MINUTELY))
        assert trigger.binding_data(await trigger.by_hand(None)) == {"timerTrigger": "05/01/2024 14:00:00"}

    asyncio.run(run())


def test_by_hand() -> None:
    """It is told what is remembered, and that it is not late; the text is ignored, and the schedule goes on."""

    async def run() -> None:
        world = World()
        host, calls = await world.host(schedule=MINUTELY)
        await world.clock.pass_(minutes=1)
        stored = world.storage.status()
        world.clock.set(NOON + timedelta(hours=3))
        trigger = world.trigger(world.provider(), timer_function(schedule=MINUTELY))
        told = json.loads((await trigger.by_hand("whatever")).text)
        assert told == {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": stored, "IsPastDue": False}
        assert (world.storage.status(), len(calls.times)) == (stored, 1)
        await stopped(host)

    asyncio.run(run())


@pytest.mark.parametrize("schedule", [MINUTELY, "* * * * * *"])
def test_by_hand_without_a_status(schedule: str, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing is remembered, or the storage is away, there is no status."""

    async def run() -> None:
        world = World()
        world.storage.trouble = {"read": AWAY}
        trigger = world.trigger(world.provider(), timer_function(schedule=schedule))
        assert json.loads((await trigger.by_hand(None)).text)["ScheduleStatus"] is None

    asyncio.run(run())
    assert ("runs without its status: The store is away." in caplog.text) is (schedule == MINUTELY)


async def _unused(*args: Any, **options: Any) -> Any:
    raise AssertionError("it does not run")
