"""What clients do with running orchestrations: events, suspending, terminating, rewinding, restarting, purging."""

from __future__ import annotations

import json
from collections.abc import Generator
from datetime import timedelta
from functools import partial
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import pytest
from durable_support.hosts import HostFolder

from hosting_durable import EntityId, Instance, InstanceQuery, Status, TaskHub, UnknownInstance, WrongState
from hosting_durable.events import EventType
from hosting_durable.stores.instances import Start, insert

SECONDS = 20.0
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")


def two_events(context: Any) -> Generator[Any, Any, Any]:
    first = yield context.wait_for_external_event("Go")
    second = yield context.wait_for_external_event("Go")
    return [first, second]


def approval(context: Any) -> Generator[Any, Any, Any]:
    context.set_custom_status("waiting")
    timer = context.create_timer(context.current_utc_datetime + timedelta(hours=context.get_input()))
    event = context.wait_for_external_event("Approve")
    winner = yield context.task_any([event, timer])
    if winner == event:
        timer.cancel()
        return event.result
    return "too late"


def collects(context: Any) -> Generator[Any, Any, Any]:
    found = context.get_input() or []
    found.append((yield context.wait_for_external_event("Item")))
    if len(found) < 3:
        context.continue_as_new(found)
        return None
    return found


def works(context: Any) -> Generator[Any, Any, Any]:
    yield context.wait_for_external_event("Begin")
    first = yield context.call_activity("broken", "first")
    second, third = yield context.task_all([context.call_activity("broken", one) for one in ("second", "third")])
    return [first, second, third]


def outer(context: Any) -> Generator[Any, Any, Any]:
    result = yield context.call_sub_orchestrator("works", None, "inner")
    return result


class Switch:
    """What activities fail by."""

    is_broken = True


def make_app(switch: Switch | None = None) -> df.DFApp:
    app: Any = df.DFApp()
    for one in (two_events, approval, collects, works, outer):
        app.orchestration_trigger("context")(one)
    calls: list[str] = []

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def broken(x: str) -> str:
        calls.append(x)
        if switch is not None and switch.is_broken and x != "first":
            raise ValueError(x)
        return x.upper()

    @app.entity_trigger("context", entity_name="Keeper")  # type: ignore[untyped-decorator]
    def keeper(context: Any) -> None:
        if context.operation_name == "delete":
            context.destruct_on_exit()
        else:
            context.set_state(context.get_input())

    return app


async def until(hub: TaskHub, instance_id: str, *statuses: Status, custom: str | None = None) -> Instance:
    """Return an orchestration when it has one of these states."""
    while True:
        seen = hub.database.writes
        found = await hub.get_instance(instance_id)
        if found.status in statuses and (custom is None or found.custom_status == custom):
            return found
        await hub.database.wait(seen, SECONDS)


def value(instance: Instance) -> Any:
    assert instance.status is Status.COMPLETED, instance.output
    return json.loads(instance.output or "null")


async def test_events_are_delivered_once_and_in_order(each_store: HostFolder) -> None:
    """Events before the wait are kept, each is for one wait, and other spellings of a name are for the only wait."""
    async with each_store.open(make_app(), {"hubName": "Events"}) as host:
        hub = host.hub
        one = await hub.start_orchestration("two_events")
        for data in ("1", "2"):
            await hub.raise_event(one, "Go", data)
        assert value(await hub.wait_for_completion(one, SECONDS)) == [1, 2]
        two = await hub.start_orchestration("approval", json.dumps("72"))
        await until(hub, two, Status.RUNNING, custom='"waiting"')
        await hub.raise_event(two, "Other", "1")
        await hub.raise_event(two, "approve", json.dumps("{}"))
        assert value(await hub.wait_for_completion(two, SECONDS)) == "{}"
        three = await hub.start_orchestration("collects")
        for data in ("1", "2", "3"):
            await hub.raise_event(three, "Item", data)
        assert value(await hub.wait_for_completion(three, SECONDS)) == [1, 2, 3]
        for finished in (hub.raise_event(one, "Go"), hub.terminate(one), hub.suspend(one), hub.resume(one)):
            with pytest.raises(WrongState, match="is gone"):
                await finished


async def test_a_suspended_orchestration_takes_no_turn_until_it_is_resumed(folder: HostFolder) -> None:
    """Events that come meanwhile are delivered afterwards, and the history has both changes."""
    async with folder.open(make_app()) as host:
        hub = host.hub
        one = await hub.start_orchestration("two_events")
        await until(hub, one, Status.RUNNING)
        await hub.suspend(one, "pause")
        await until(hub, one, Status.SUSPENDED)
        with pytest.raises(WrongState):
            await hub.suspend(one)
        for data in ("1", "2"):
            await hub.raise_event(one, "Go", data)
        await hub.signal_entity(EntityId("keeper", "other"), "set", '"1"')  # a turn of another instance
        assert (await hub.get_instance(one)).status is Status.SUSPENDED
        await hub.resume(one, "on")
        assert value(await hub.wait_for_completion(one, SECONDS)) == [1, 2]
        history = (await hub.get_instance(one, with_history=True)).history
    kinds = [event["EventType"] for event in history]
    assert kinds.count(EventType.EXECUTION_SUSPENDED) == kinds.count(EventType.EXECUTION_RESUMED) == 1
    assert kinds[:2] == [EventType.ORCHESTRATOR_STARTED, EventType.EXECUTION_STARTED]


async def test_a_terminated_orchestration_ends_with_the_reason(folder: HostFolder) -> None:
    """Its output is the text, and a suspended one can be terminated as well."""
    async with folder.open(make_app()) as host:
        hub = host.hub
        for suspends in (False, True):
            one = await hub.start_orchestration("two_events")
            await until(hub, one, Status.RUNNING)
            if suspends:
                await hub.suspend(one)
                await until(hub, one, Status.SUSPENDED)
            await hub.terminate(one, "no longer needed")
            found = await hub.wait_for_completion(one, SECONDS)
            assert (found.status, found.output) == (Status.TERMINATED, "no longer needed")


async def test_a_failed_orchestration_goes_on_where_it_failed(each_store: HostFolder) -> None:
    """After a rewind, only what failed runs again, in its sub-orchestration too."""
    switch = Switch()
    async with each_store.open(make_app(switch), {"hubName": "Rewinds"}) as host:
        hub = host.hub
        one = await hub.start_orchestration("outer")
        await until(hub, "inner", Status.RUNNING) if await _exists(hub, "inner") else None
        await hub.raise_event("inner", "Begin")
        assert (await hub.wait_for_completion(one, SECONDS)).status is Status.FAILED
        switch.is_broken = False
        await hub.rewind(one, "repaired")
        assert value(await hub.wait_for_completion(one, SECONDS)) == ["FIRST", "SECOND", "THIRD"]
        with pytest.raises(WrongState, match="only supported on failed"):
            await hub.rewind(one)


async def _exists(hub: TaskHub, instance_id: str) -> bool:
    while True:
        seen = hub.database.writes
        try:
            await hub.get_instance(instance_id)
        except UnknownInstance:
            await hub.database.wait(seen, SECONDS)
        else:
            return True


async def test_orchestrations_are_restarted_and_purged(folder: HostFolder) -> None:
    """A restart has the name and the input of the first; a purge leaves nothing."""
    async with folder.open(make_app()) as host:
        hub = host.hub
        one = await hub.start_orchestration("approval", json.dumps("-1"), "one")
        assert value(await hub.wait_for_completion(one, SECONDS)) == "too late"
        two = await hub.restart(one)
        assert two != one
        assert await hub.restart(one, with_new_id=False) == one
        for instance in (one, two):
            assert value(await hub.wait_for_completion(instance, SECONDS)) == "too late"
        assert await hub.purge(one)
        assert await hub.purge_by(InstanceQuery(statuses=frozenset({Status.COMPLETED}))) == 1
        assert (await hub.query()).instances == ()
        left = await hub.database.read(lambda rows: rows.all("SELECT instance FROM history"))
    assert left == []


async def test_entities_are_signalled_read_listed_and_deleted(each_store: HostFolder) -> None:
    """Signals run in order, and an entity without state is not there."""
    async with each_store.open(make_app(), {"hubName": "Entities"}) as host:
        hub, entity = host.hub, EntityId.of("Keeper", "k")
        for text in ("1", "2"):
            await hub.signal_entity(entity, "set", json.dumps(text))
        while (found := await hub.read_entity(entity)) is None or found.state != "2":
            await hub.database.wait(hub.database.writes, 0.1)
        assert [str(one.id) for one in (await hub.list_entities()).entities] == ["@keeper@k"]
        await hub.signal_entity(entity, "delete")
        while await hub.read_entity(entity) is not None:
            await hub.database.wait(hub.database.writes, 0.1)


async def test_state_outlives_the_host(folder: HostFolder) -> None:
    """Another host goes on where one has stopped, from the history alone."""
    async with folder.open(make_app()) as host:
        one = await host.hub.start_orchestration("two_events")
        await until(host.hub, one, Status.RUNNING)
        await host.hub.raise_event(one, "Go", "1")
    async with folder.open(make_app()) as host:
        await host.hub.raise_event(one, "Go", "2")
        assert value(await host.hub.wait_for_completion(one, SECONDS)) == [1, 2]


async def test_two_hosts_share_a_hub(each_store: HostFolder) -> None:
    """Each orchestration ends once, whichever host runs its turns, and waits see what the other host has written."""
    async with (
        each_store.open(make_app(), {"hubName": "Shared"}) as first,
        each_store.open(make_app(), {"hubName": "Shared"}) as second,
    ):
        started = [await first.hub.start_orchestration("two_events") for _ in range(10)]
        for one in started:
            await second.hub.raise_event(one, "Go", "1")
            await first.hub.raise_event(one, "Go", "2")
        for one in started:
            found = value(await second.hub.wait_for_completion(one, SECONDS))
            assert sorted(found) == [1, 2]


@pytest.mark.anyio
async def test_orchestrations_that_go_on_are_left_to_do_for_a_host_until_idle(folder: HostFolder) -> None:
    """One that waits for an event goes on; a suspended one, a finished one and an entity without messages do not."""
    app: Any = df.DFApp()
    app.orchestration_trigger("context")(two_events)
    async with folder.open(app) as provider:
        hub = provider.hub
        assert await provider.backlog() == {"orchestrations": 0, "entities": 0}
        await hub.start_orchestration("two_events", instance_id="one")
        while (await hub.get_instance("one")).status is not Status.RUNNING:
            await hub.database.wait(hub.database.writes, 0.05)
        assert (await provider.backlog())["orchestrations"] == 1
        await hub.suspend("one")
        while (await provider.backlog())["orchestrations"]:
            await hub.database.wait(hub.database.writes, 0.05)
        await hub.resume("one")
        while not (await provider.backlog())["orchestrations"]:
            await hub.database.wait(hub.database.writes, 0.05)
        await hub.terminate("one")
        while (await provider.backlog())["orchestrations"]:
            await hub.database.wait(hub.database.writes, 0.05)
        await hub.signal_entity(EntityId("Nothing", "e"), "add")
        assert (await provider.backlog())["entities"] == 1, "no function takes its message"


def says_version(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("anything")
    return context.version


@pytest.mark.parametrize(
    ("own", "match", "runs"),
    [
        ("", "", "none 1.0 2.0 10.0 beta"),
        ("2.0", "", "none 1.0 2.0"),
        ("2.0", "CurrentOrOlder", "none 1.0 2.0"),
        ("", "currentorolder", "none"),
        ("beta", "", "none 1.0 2.0 10.0 beta"),
        ("2.0", "STRICT", "2.0"),
        ("", "Strict", "none"),
        ("2.0", "None", "none 1.0 2.0 10.0 beta"),
    ],
)
async def test_host_runs_the_versions_that_its_strategy_allows(
    folder: HostFolder, own: str, match: str, runs: str
) -> None:
    """Numbers are compared as numbers, no version is the oldest; the others fail with Azure's words, or wait."""
    app: Any = df.DFApp()
    app.orchestration_trigger("context")(says_version)

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def anything(x: Any) -> None:
        pass

    names = ["none", "1.0", "2.0", "10.0", "beta"]
    settings = {"versionMatchStrategy": match, "defaultVersion": own}
    async with folder.open(app, {**settings, "versionFailureStrategy": "Fail"}) as host:
        for name in names:
            version = None if name == "none" else name
            await host.hub.database.write(partial(insert, start=Start(name, "e", "says_version", version)))
        found = {name: await host.hub.wait_for_completion(name, SECONDS) for name in names}
    assert [name for name, one in found.items() if one.status is Status.COMPLETED] == runs.split()
    for one in found.values():
        if one.status is not Status.COMPLETED:
            assert "Orchestration version did not comply with Worker Versioning" in (one.output or "")


async def test_rejected_version_waits_for_a_host_that_runs_it(
    folder: HostFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """The old host says once that it waits; the new one runs it when it comes."""
    app: Any = df.DFApp()
    app.orchestration_trigger("context")(two_events)
    async with folder.open(app, {"defaultVersion": "1.0"}) as old:
        for number in range(2):
            await old.hub.start_orchestration("two_events", None, f"new-{number}", "2.0")
        while not caplog.messages or not any("waits for another host" in one for one in caplog.messages):
            await old.hub.database.wait(old.hub.database.writes, 0.05)
        assert (await old.hub.get_instance("new-0")).status is Status.PENDING
    async with folder.open(app, {"defaultVersion": "2.0"}) as new:
        await new.hub.database.write(lambda rows: rows.run("UPDATE instances SET ready_at = 0"))
        for number in range(2):
            for _ in range(2):
                await new.hub.raise_event(f"new-{number}", "Go", "1")
            assert (await new.hub.wait_for_completion(f"new-{number}", SECONDS)).status is Status.COMPLETED
    assert len([one for one in caplog.messages if "waits for another host" in one]) == 1
