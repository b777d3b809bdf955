"""The task hub as clients see it, without an engine: starts, reads, queries, messages, entities and purges."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hosting_durable import (
    EntityId,
    InstanceExists,
    InstanceQuery,
    InvalidInstanceId,
    Status,
    TaskHub,
    UnknownInstance,
    WrongState,
)
from hosting_durable.events import Event, EventType
from hosting_durable.settings import DurableSettings
from hosting_durable.stores import Database, SqliteDatabase
from hosting_durable.stores.messages import put, take

LATER = datetime(2999, 1, 1, tzinfo=UTC)
SETTINGS = DurableSettings("Hub", 10, 10, 10)


@pytest.fixture
async def hub(make_database: Callable[[], Database]) -> AsyncIterator[TaskHub]:
    """A hub in each kind of database."""
    async with TaskHub(make_database(), SETTINGS) as hub:
        yield hub


async def test_a_started_orchestration_is_pending_with_its_input_as_it_was_given(hub: TaskHub) -> None:
    """The text of the input, the name and the version come back, and the ID is made where none is given."""
    instance_id = await hub.start_orchestration("Chain", '"{}"', version="1.0")
    found = await hub.get_instance(instance_id)
    assert (found.name, found.status, found.input, found.version) == ("Chain", Status.PENDING, '"{}"', "1.0")
    assert len(instance_id) == len(found.execution_id) == 32
    assert abs(datetime.now(UTC) - found.created_at) < timedelta(minutes=1)


async def test_an_id_that_runs_is_refused_and_one_of_a_wrong_form_too(hub: TaskHub) -> None:
    """Both errors say what is wrong, in the words of Azure's extension."""
    await hub.start_orchestration("Chain", instance_id="one")
    with pytest.raises(InstanceExists, match="with the status Pending already exists"):
        await hub.start_orchestration("Chain", instance_id="one")
    for wrong in ("@a", "a/b", "a\\b", "a#b", "a?b", "a\nb", "x" * 257):
        with pytest.raises(InvalidInstanceId, match="nstance"):
            await hub.start_orchestration("Chain", instance_id=wrong)


async def test_messages_keep_their_order_when_the_clock_is_set_back() -> None:
    """Events come in the order in which they were sent, and a timer where its time falls."""
    times = iter([100, 100, 30, 500])
    async with TaskHub(SqliteDatabase(None, clock=lambda: next(times, 500)), SETTINGS) as hub:
        await hub.start_orchestration("Any", instance_id="one")
        for name in "AB":
            await hub.raise_event("one", name)
        timer = Event(EventType.TIMER_FIRED, -1, 300)
        await hub.database.write(lambda rows: put(rows, "one", timer, due=300, timer=0))
        await hub.raise_event("one", "C")
        found = await hub.database.read(lambda rows: take(rows, "one", 1000))
    kinds = [message.event.content().get("Name", "timer") for message in found]
    assert kinds == ["Any", "A", "B", "timer", "C"]


async def test_requests_about_unknown_instances_say_so(hub: TaskHub) -> None:
    """Every method with an ID raises UnknownInstance; purge returns False."""
    calls = (hub.get_instance, hub.terminate, hub.suspend, hub.resume, hub.rewind, hub.restart, hub.wait_for_completion)
    for call in calls:
        with pytest.raises(UnknownInstance, match="'none'"):
            await call("none")
    with pytest.raises(UnknownInstance):
        await hub.raise_event("none", "go")
    assert not await hub.purge("none")


async def test_requests_that_a_state_does_not_allow_are_refused(hub: TaskHub) -> None:
    """A pending orchestration can be neither resumed nor rewound nor purged."""
    await hub.start_orchestration("Chain", instance_id="one")
    for call in (hub.resume, hub.rewind, hub.purge):
        with pytest.raises(WrongState):
            await call("one")


async def test_queries_filter_and_go_page_by_page(hub: TaskHub) -> None:
    """Pages follow each other without gaps, in the order of the starts, and conditions combine."""
    for number in range(5):
        await hub.start_orchestration("Even" if number % 2 == 0 else "Odd", instance_id=f"i{number}")
    seen, continuation = [], ""
    while True:
        page = await hub.query(InstanceQuery(limit=2, continuation=continuation))
        seen += [one.instance_id for one in page.instances]
        continuation = page.continuation
        if not continuation:
            break
    assert seen == ["i0", "i1", "i2", "i3", "i4"]
    now = datetime.now(UTC)
    for query, expected in (
        (InstanceQuery(prefix="i4"), ["i4"]),
        (InstanceQuery(prefix="%"), []),
        (InstanceQuery(name="odd"), ["i1", "i3"]),
        (InstanceQuery(statuses=frozenset({Status.FAILED})), []),
        (InstanceQuery(created_from=now + timedelta(hours=1)), []),
        (InstanceQuery(created_to=now + timedelta(hours=1), name="Even"), ["i0", "i2", "i4"]),
    ):
        assert [one.instance_id for one in (await hub.query(query)).instances] == expected


async def test_a_signal_waits_for_an_entity_that_does_not_exist_yet(hub: TaskHub) -> None:
    """Until its operation has run, the entity is not there for readers."""
    entity = EntityId.of("Counter", "k1")
    await hub.signal_entity(entity, "add", '"1"')
    assert str(entity) == "@counter@k1"
    assert await hub.read_entity(entity) is None
    assert (await hub.list_entities()).entities == ()


@pytest.mark.parametrize(("text", "expected"), [("@a@b", ("a", "b")), ("@A@b@c", ("a", "b@c")), ("@a@", ("a", ""))])
def test_ids_of_entities_are_read_back(text: str, expected: tuple[str, str]) -> None:
    """The key is all behind the second @."""
    found = EntityId.parse(text)
    assert (found.name, found.key) == expected


@pytest.mark.parametrize("text", ["", "a", "@a", "@@b", "a@b@c", "@a@b/c", "@a@b\n"])
def test_other_texts_are_no_ids_of_entities(text: str) -> None:
    """They are refused, and not taken for something else."""
    with pytest.raises(InvalidInstanceId):
        EntityId.parse(text)


async def test_backlog_counts_what_is_due_and_what_waits_for_a_time(hub: TaskHub) -> None:
    """An orchestration that only waits for an event is none of it, nor is one that is finished."""
    for name in ("Due", "Held", "Finished", "Timer"):
        await hub.start_orchestration(name, instance_id=name, due=LATER if name == "Timer" else None)
    await hub.signal_entity(EntityId("counter", "k"), "add")
    await hub.database.write(
        lambda rows: [
            rows.run("UPDATE instances SET ready_at = NULL WHERE id IN ('Held', 'Finished')"),
            rows.run("INSERT INTO activities (instance, execution, task, name) VALUES ('Due', '', 0, 'Add')"),
        ]
    )
    expected = {
        ("orchestrator", "due"): 1,
        ("orchestrator", "timer"): 1,
        ("entity", "counter"): 1,
        ("activity", "add"): 1,
    }
    assert await hub.waiting() == expected


async def test_finished_orchestrations_are_deleted_in_portions(hub: TaskHub, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pages are deleted, each portion in a transaction with everything that belongs to it, and nothing else."""
    monkeypatch.setattr("hosting_durable.hub._PURGE_BATCH", 3)
    for number in range(8):
        await hub.start_orchestration("Chain", instance_id=f"i{number}")
    await hub.database.write(lambda rows: rows.run("UPDATE instances SET status = 'Completed' WHERE id < 'i7'"))
    writes: list[int] = []
    original = hub.database.write

    async def counted(function: Any, **options: bool) -> Any:
        value = await original(function, **options)
        writes.append(value)
        return value

    monkeypatch.setattr(hub.database, "write", counted)
    assert await hub.purge_by(InstanceQuery(limit=1)) == 7
    assert writes == [3, 3, 1]
    left = await hub.database.read(lambda rows: rows.all("SELECT DISTINCT instance FROM inbox"))
    assert [tuple(row) for row in left] == [("i7",)]
    assert [one.instance_id for one in (await hub.query()).instances] == ["i7"]
