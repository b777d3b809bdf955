"""Timers of an app: locks, invalid bindings, and manual runs."""

from __future__ import annotations

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
from tests.bindings.timer.simulation import NOON, UNREACHABLE, Simulation, stop_hosts, timer_function

MINUTELY = "0 * * * * *"


async def test_one_of_two_hosts_runs_a_timer_until_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    """The other host logs that once, and takes over within a minute."""
    with caplog.at_level(logging.INFO):
        simulation = Simulation()
        first, calls = await simulation.host(schedule=MINUTELY)
        second, others = await simulation.host(schedule=MINUTELY)
        await simulation.clock.advance(minutes=5)
        assert (len(calls.times), len(others.times)) == (5, 0)
        await stop_hosts(first)
        await simulation.clock.advance(minutes=3)
        assert len(calls.times) == 5
        assert others.clock_times() == ["12:06:00", "12:07:00", "12:08:00"]
        await stop_hosts(second)
    said = [record.getMessage() for record in caplog.records if "Another process" in record.getMessage()]
    assert said == ["Another process runs 'Tick' on schedule; every 00:01:00 this one checks whether it has ended."]


async def test_each_timer_has_its_own_lock_with_azures_name() -> None:
    """Two functions can run in two hosts."""
    simulation = Simulation()
    one, _ = await simulation.host(timer_function("One", schedule=MINUTELY))
    both, calls = await simulation.host(
        timer_function("One", schedule=MINUTELY), timer_function("Two", schedule=MINUTELY)
    )
    assert sorted(simulation.storage.leases) == [
        "locks/host/Host.Functions.One.Listener",
        "locks/host/Host.Functions.Two.Listener",
    ]
    await simulation.clock.advance(minutes=2)
    assert len(calls.times) == 2
    await stop_hosts(one, both)


async def test_timer_stops_when_its_lease_is_lost() -> None:
    """It leaves the stored status to the new holder."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule="0 */5 * * * *")
    calls.seconds = 30
    await simulation.clock.advance(minutes=5, seconds=1)
    stored = dict(simulation.storage.texts)
    simulation.storage.lose_leases()
    await simulation.clock.advance(30)
    assert (calls.ended, simulation.storage.texts) == (1, stored)
    path = "locks/host/Host.Functions.Tick.Listener"
    assert path not in simulation.storage.leases
    await simulation.storage.lock(path)  # held by another process
    await simulation.clock.advance(minutes=20)
    assert calls.ended == 1
    simulation.storage.leases.clear()
    await simulation.clock.advance(minutes=6)
    assert calls.data[1]["IsPastDue"] is True
    await stop_hosts(host)


async def test_poll_interval_of_host_json_is_used() -> None:
    """The setting has Azure's name."""
    simulation = Simulation()
    first, _ = await simulation.host(schedule=MINUTELY)
    host_json = {"singleton": {"listenerLockRecoveryPollingInterval": "00:00:05"}}
    second = simulation.provider(host_json)
    simulation.trigger(second, timer_function(schedule=MINUTELY)).attach(_unused)
    await second.start()
    await simulation.clock.advance(minutes=1)
    await stop_hosts(first)
    await simulation.clock.advance(5)
    assert len(simulation.storage.leases) == 1
    await stop_hosts(second)


@pytest.mark.parametrize("text", ["soon", "00:00:00", 5.5])
def test_invalid_poll_interval_is_a_warning(text: object) -> None:
    """A minute is used."""
    services = Services({"singleton": {"listenerLockRecoveryPollingInterval": text}}, {})
    TimerProvider(services)
    (problem,) = services.problems
    assert problem.severity == "warning"
    assert f"listenerLockRecoveryPollingInterval: expected a time span, found {text!r}" in problem.message


@pytest.mark.parametrize("method", ["lock", "read"])
@pytest.mark.parametrize("error", [UNREACHABLE, OSError("gone")])
async def test_timers_wait_while_the_storage_is_unreachable(
    method: str, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """This is logged once, with the remedy; its end is logged too."""
    with caplog.at_level(logging.INFO):
        simulation = Simulation()
        simulation.storage.failures = {method: error}
        host, calls = await simulation.host(
            timer_function("One", schedule=MINUTELY), timer_function("Two", schedule=MINUTELY)
        )
        await simulation.clock.advance(minutes=10)
        assert calls.times == []
        simulation.storage.failures = {}
        await simulation.clock.advance(minutes=2)
        assert calls.clock_times() == ["12:12:00"] * 2
        await stop_hosts(host)
    said = [record for record in caplog.records if record.name == "hosting.triggers.timer"]
    errors = [record.getMessage() for record in said if record.levelno == logging.ERROR]
    message = "The storage is unreachable.\n  Start it." if error is UNREACHABLE else "OSError: gone"
    assert errors == [f"Timers are waiting for the host's storage; trying again: {message}"]
    assert [record.getMessage() for record in said].count("The host's storage can be used again.") == 1
    assert "Another process" not in caplog.text


async def test_running_timer_continues_while_the_storage_is_unreachable(caplog: pytest.LogCaptureFixture) -> None:
    """The status is stored with the next run."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule=MINUTELY)
    simulation.storage.failures = {"write": UNREACHABLE, "read": UNREACHABLE, "lock": UNREACHABLE}
    await simulation.clock.advance(minutes=3)
    simulation.storage.failures = {}
    await simulation.clock.advance(minutes=1)
    assert len(calls.times) == 4
    assert simulation.storage.status()["Last"] == "2024-05-01T12:04:00+00:00"
    await stop_hosts(host)
    assert "Traceback" not in caplog.text


async def test_run_with_unfinished_retries_is_not_stored() -> None:
    """The next start makes up for it."""
    simulation = Simulation()
    policy = Retry("fixedDelay", 3, delay=10)
    host, calls = await simulation.host(timer_function(schedule=MINUTELY, retry=policy))
    calls.seconds, calls.error = 5, ValueError()
    await simulation.clock.advance(62)
    await host.stop()
    await simulation.clock.advance(5)
    await host.close()
    assert calls.ended == 1
    host, calls = await simulation.host(timer_function(schedule=MINUTELY, retry=policy))
    assert calls.data[0]["IsPastDue"] is True
    await stop_hosts(host)


async def test_function_that_is_not_attached_holds_no_lock() -> None:
    """It is disabled, or could not be loaded."""
    simulation = Simulation()
    host = simulation.provider()
    simulation.trigger(host, timer_function(schedule=MINUTELY))
    await host.start()
    await simulation.clock.advance(minutes=2)
    assert simulation.storage.leases == {}
    await stop_hosts(host)


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
def test_invalid_property_is_a_load_error(properties: dict[str, Any], message: str) -> None:
    """The message has the function's name and file, and the remedy."""
    with pytest.raises(FunctionLoadError) as refused:
        Simulation().provider().trigger(function := timer_function(**properties), function.trigger)
    assert refused.value.message.startswith("Function 'Tick': ")
    assert message in refused.value.message
    assert refused.value.remedy
    assert refused.value.file == "/app/function_app.py"


@pytest.mark.parametrize(
    ("value", "monitored", "at_startup"),
    [(None, True, False), (True, True, True), ("True", True, True), (1, True, True), ("false", False, False)],
)
def test_switches_are_parsed_as_dotnet_does(value: object, monitored: bool, at_startup: bool) -> None:
    """A null means the default."""
    function = timer_function(schedule=MINUTELY, useMonitor=value, runOnStartup=value)
    options = Simulation().provider().trigger(function, function.trigger).options
    assert (options.status_store is not None, options.run_on_startup) == (monitored, at_startup)


def test_unknown_time_zone_is_a_load_error_of_every_timer() -> None:
    """No timer must run at the wrong time."""
    function = timer_function(schedule=MINUTELY)
    with pytest.raises(
        FunctionLoadError, match="'Tick': WEBSITE_TIME_ZONE is 'Mars/Olympus', which is not a time zone"
    ):
        Simulation(WEBSITE_TIME_ZONE="Mars/Olympus").provider().trigger(function, function.trigger)


@pytest.mark.parametrize(
    ("schedule", "surprise"),
    [
        ("0 0 22-2 * * *", "'22-2' means 2 to 22: a range does not wrap around"),
        ("30:00:00", "'30:00:00' means every 30 days"),
        ("0 0 0 31 9 *", "the timer is never due"),
    ],
)
def test_schedule_that_is_easily_misunderstood_is_a_warning(schedule: str, surprise: str) -> None:
    """The timer runs as in Azure."""
    simulation = Simulation()
    provider = simulation.provider()
    simulation.trigger(provider, timer_function(schedule=schedule))
    (problem,) = provider.services.problems
    assert (problem.severity, problem.function) == ("warning", "Tick")
    assert problem.message == f"Function 'Tick': its schedule may not mean what you expect: {surprise}."


def test_function_gets_the_sdks_object_or_azures_text() -> None:
    """A parameter of type str or bytes gets the text."""
    simulation = Simulation()
    call = TimerCall(
        '{"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": true}', "05/01/2024 12:00:00"
    )
    trigger = simulation.trigger(simulation.provider(), timer_function(schedule=MINUTELY))
    request = trigger.decode(call)
    assert isinstance(request, TimerRequest)
    assert (request.past_due, request.schedule_status, request.schedule) == (True, {}, {"AdjustForDST": True})
    for annotation, expected in ((str, call.text), (bytes, call.text.encode())):
        function = timer_function(schedule=MINUTELY)
        function.annotations = {"timer": annotation}
        assert simulation.trigger(simulation.provider(), function).decode(call) == expected


async def test_timer_trigger_expression_is_the_local_time() -> None:
    """Its name is that of Azure's host."""
    simulation = Simulation(WEBSITE_TIME_ZONE="Europe/Paris")
    trigger = simulation.trigger(simulation.provider(), timer_function(schedule=MINUTELY))
    assert trigger.binding_data(await trigger.by_hand(None)) == {"timerTrigger": "05/01/2024 14:00:00"}


async def test_manual_run_has_the_stored_status_and_is_not_late() -> None:
    """The text is ignored, and the schedule does not change."""
    simulation = Simulation()
    host, calls = await simulation.host(schedule=MINUTELY)
    await simulation.clock.advance(minutes=1)
    stored = simulation.storage.status()
    simulation.clock.set(NOON + timedelta(hours=3))
    trigger = simulation.trigger(simulation.provider(), timer_function(schedule=MINUTELY))
    message = json.loads((await trigger.by_hand("whatever")).text)
    assert message == {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": stored, "IsPastDue": False}
    assert (simulation.storage.status(), len(calls.times)) == (stored, 1)
    await stop_hosts(host)


@pytest.mark.parametrize("schedule", [MINUTELY, "* * * * * *"])
async def test_manual_run_has_no_status_without_storage(schedule: str, caplog: pytest.LogCaptureFixture) -> None:
    """There is no status either if the timer is not monitored."""
    simulation = Simulation()
    simulation.storage.failures = {"read": UNREACHABLE}
    trigger = simulation.trigger(simulation.provider(), timer_function(schedule=schedule))
    assert json.loads((await trigger.by_hand(None)).text)["ScheduleStatus"] is None
    assert ("runs without its status: The storage is unreachable." in caplog.text) is (schedule == MINUTELY)


async def _unused(*args: Any, **options: Any) -> Any:
    raise AssertionError("it does not run")


@pytest.mark.parametrize(
    ("schedule", "due"), [("0 0 14 * * *", NOON.replace(hour=14).isoformat()), ("0 0 0 31 2 *", "never")]
)
async def test_figures_of_a_trigger_say_when_it_is_due(schedule: str, due: str) -> None:
    """The next time is in ISO 8601, in UTC."""
    function = timer_function(schedule=schedule)
    provider = TimerProvider(Services({}, {}), Simulation().clock)
    found = await provider.trigger(function, function.trigger).figures()
    assert found == {"schedule": f"Cron: '{schedule}'", "next": due}
