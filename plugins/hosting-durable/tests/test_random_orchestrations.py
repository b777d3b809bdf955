"""Random orchestrations against a simple reference: any order of completions, any batch, any crash point."""

from __future__ import annotations

import asyncio
import json
import warnings
from collections import Counter
from collections.abc import Callable, Generator
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

import azure.durable_functions as df  # type: ignore[import-untyped]
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hosting.bindings import Result
from hosting_durable import Status, TaskHub
from hosting_durable.engine import Engine, Functions
from hosting_durable.engine.functions import ActivityData, TurnData
from hosting_durable.errors import StoreError
from hosting_durable.settings import DurableSettings
from hosting_durable.stores import Database, Rows, SqliteDatabase, work

T = TypeVar("T")
Step = list[Any]

SETTINGS = DurableSettings("Hub", 10, 10, 10, max_entity_batch=2)
ALWAYS = 99
FAILED = "failed"

# Programs: a list of steps, each a list with its kind first. Leaves can stand in a fan-out or beside a timer.

number = st.integers(0, 99)
leaf = st.one_of(
    st.tuples(st.just("activity"), number),
    st.tuples(st.just("broken"), number),
    st.tuples(st.just("retry"), number, st.sampled_from([0, 1, 2, ALWAYS]), st.integers(1, 3)),
    st.tuples(st.just("timer"), st.integers(0, 500)),
)
simple = st.one_of(
    leaf,
    st.tuples(st.just("all"), st.lists(leaf, min_size=1, max_size=4)),
    st.tuples(st.just("race"), leaf),
    st.tuples(st.just("event"), st.sampled_from("AB")),
    st.tuples(st.just("call"), number),
    st.tuples(st.just("signal"), number),
)
inner = st.lists(simple, max_size=3)
program = st.lists(st.one_of(simple, st.tuples(st.just("sub"), inner), st.just(("again",))), max_size=5)


class Reference:
    """What a program gives, computed without an engine."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()

    def run(self, steps: list[Step]) -> list[Any]:
        """Return the results of a program."""
        self.events, self.total = Counter(), 0
        return [self._step(step) for step in steps]

    def _step(self, step: Step) -> Any:
        match step:
            case ["all", leaves]:
                results = [self._step(one) for one in leaves]
                return FAILED if FAILED in results else results
            case ["race", one]:
                return self._step(one)
            case ["event", name]:
                self.events[name] += 1
                return self.events[name]
            case ["call", value]:
                self.total += value
                return self.total
            case ["signal", value]:
                self.total += value
                return None
            case ["sub", steps]:
                return Reference().run(steps)
            case ["activity", value]:
                return value * 2
            case ["retry", value, failures, attempts]:
                return value * 2 if failures < attempts else FAILED
            case ["broken", _]:
                return FAILED
            case _:
                return None


def interpret(context: Any) -> Generator[Any, Any, Any]:
    """Run a program as an orchestrator of the SDK."""
    data = context.get_input()
    steps, results, place = data["steps"], list(data["results"]), data["place"]
    for index in range(place, len(steps)):
        step = steps[index]
        if step == ["again"]:
            context.continue_as_new({**data, "results": [*results, None], "place": index + 1})
            return None
        if step[0] == "signal":
            context.signal_entity(entity(data), "add", step[1])
            results.append(None)
            continue
        try:
            value = yield from waited(context, step, f"{data['key']}.{index}", data)
        except Exception:  # noqa: BLE001 - the SDK raises plain exceptions
            value = FAILED
        results.append(value)
    return results


def entity(data: Any) -> Any:
    return df.EntityId("Sum", data["key"])


def waited(context: Any, step: Step, key: str, data: Any) -> Generator[Any, Any, Any]:
    match step:
        case ["all", leaves]:
            tasks = [task(context, one, f"{key}.{place}") for place, one in enumerate(leaves)]
            return (yield context.task_all(tasks))
        case ["race", one]:
            timer = context.create_timer(context.current_utc_datetime + timedelta(days=30))
            awaited = task(context, one, key)
            winner = yield context.task_any([timer, awaited])
            timer.cancel()
            if isinstance(winner.result, Exception):
                raise winner.result
            return winner.result
        case ["event", name]:
            return (yield context.wait_for_external_event(name))
        case ["call", value]:
            return (yield context.call_entity(entity(data), "add", value))
        case ["sub", steps]:
            child = {"steps": steps, "results": [], "place": 0, "key": key}
            return (yield context.call_sub_orchestrator("interpret", child, f"child-{key}"))
        case _:
            return (yield task(context, step, key))


def task(context: Any, step: Step, key: str) -> Any:
    match step:
        case ["activity", value]:
            return context.call_activity("double", [key, value, 0])
        case ["broken", value]:
            return context.call_activity("double", [key, value, ALWAYS])
        case ["retry", value, failures, attempts]:
            return context.call_activity_with_retry("double", df.RetryOptions(7, attempts), [key, value, failures])
        case ["timer", milliseconds]:
            return context.create_timer(context.current_utc_datetime + timedelta(milliseconds=milliseconds))
    raise AssertionError(step)


def add(context: Any) -> None:
    total = context.get_state(lambda: 0) + context.get_input()
    context.set_state(total)
    context.set_result(total)


class Clock:
    """A clock that stands until nothing happens, and goes back an hour now and then."""

    def __init__(self, random: Random) -> None:
        self.now = 1_800_000_000_000_000
        self._random = random

    def read(self) -> int:
        """Return the time."""
        return self.now - (3_600_000_000 if self._random.random() < 0.1 else 0)

    def skip(self, time: int | None) -> bool:
        """Go on to a time; return whether there is one."""
        if time is None:
            return False
        self.now = max(self.now, time)
        return True


class Host(Database):
    """The database as one host sees it, until it crashes: before or after a write, so that it does not know which.

    Args:
        database: the database of all hosts.
        writes: how many writes it survives; None for all.
        is_lost: whether the last one is written.
    """

    def __init__(self, database: SqliteDatabase, writes: int | None, *, is_lost: bool) -> None:
        self._database, self._left, self._is_lost = database, writes, is_lost
        self.crashed = asyncio.Event()

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    async def write(self, function: Callable[[Rows], T], *, quiet: bool = False) -> T:
        """Write, or crash."""
        if self._left == 0:
            if not self._is_lost and not self.crashed.is_set():
                await self._database.write(function)
            self.crashed.set()
            raise StoreError("crashed")
        if self._left is not None:
            self._left -= 1
        if self.crashed.is_set():
            raise StoreError("crashed")
        return await self._database.write(function, quiet=quiet)

    async def read(self, function: Callable[[Rows], T]) -> T:
        """Read."""
        return await self._database.read(function)

    async def wait(self, seen: int, seconds: float) -> None:
        """Wait."""
        await self._database.wait(seen, seconds)

    def wake(self) -> None:
        """Wake all."""
        self._database.wake()

    @property
    def writes(self) -> int:  # type: ignore[override]
        """The count of writes."""
        return self._database.writes


def functions(random: Random) -> Functions:
    """Return the functions of the programs; activities end in any order."""
    found = Functions.none()
    orchestrator, keeper = df.Orchestrator.create(interpret), df.Entity.create(add)
    runs: Counter[str] = Counter()

    async def orchestrate(data: TurnData, *_: str, **__: str) -> Result:
        try:
            return Result(orchestrator(data.text))
        except Exception as error:  # noqa: BLE001 - as a host does
            return Result(exception=error)

    async def operate(data: TurnData, *_: str, **__: str) -> Result:
        return Result(keeper(data.text))

    async def double(data: ActivityData, *_: str, **__: str) -> Result:
        for _turn in range(random.randrange(4)):
            await asyncio.sleep(0)
        key, value, failures = json.loads(data.text or "")
        runs[key] += 1
        if runs[key] <= failures:
            return Result(exception=ValueError(key))
        return Result(json.dumps(value * 2))

    found.orchestrators.add("interpret", orchestrate)
    found.entities.add("Sum", operate)
    found.activities.add("double", double)
    return found


async def execute(steps: list[Step], seed: int, crashes: list[tuple[int, bool]]) -> Any:
    """Run a program on one host after the other, and return its result."""
    random = Random(seed)
    clock = Clock(random)
    database = SqliteDatabase(None, clock=clock.read)
    hub = TaskHub(database, SETTINGS)
    async with asyncio.timeout(30), hub:
        given = {"steps": steps, "results": [], "place": 0, "key": "k"}
        instance = await hub.start_orchestration("interpret", json.dumps(json.dumps(given)))
        table = functions(random)
        feeding = asyncio.create_task(feed(hub, random))
        ended = asyncio.create_task(hub.wait_for_completion(instance))
        lives: list[tuple[int | None, bool]] = [*crashes, (None, False)]
        for writes, is_lost in lives:
            host = Host(database, writes, is_lost=is_lost)
            engine = Engine(TaskHub(host, SETTINGS), table, skip=clock.skip)
            engine.start()
            crashed = asyncio.create_task(host.crashed.wait())
            await asyncio.wait({ended, crashed}, return_when=asyncio.FIRST_COMPLETED)
            crashed.cancel()
            await engine.close()
            if ended.done():
                break
            await database.write(give_up)
        feeding.cancel()
        found = await hub.get_instance(instance)
    assert found.status is Status.COMPLETED, found.output
    return json.loads(found.output or "[]")


def always_failing(steps: Any) -> Any:
    """Return a program in which retried activities fail always or never."""
    match steps:
        case ["retry", value, failures, attempts]:
            return ["retry", value, ALWAYS if failures else 0, attempts]
        case list():
            return [always_failing(one) for one in steps]
    return steps


def give_up(rows: Rows) -> None:
    """Do what another host does when one is silent for long."""
    found = rows.all("SELECT owner FROM instances WHERE owner IS NOT NULL UNION SELECT owner FROM activities")
    for row in found:
        work.leave(rows, row[0])


async def feed(hub: TaskHub, random: Random) -> None:
    """Send to each orchestration the events that it waits for, some before it waits for them."""
    sent: Counter[tuple[str, str]] = Counter()
    while True:
        seen = hub.database.writes
        for one in (await hub.query()).instances:
            steps = json.loads(json.loads(one.input or ""))["steps"]
            for name in "AB":
                key = (one.instance_id, name)
                if sent[key] < steps.count(["event", name]) and random.random() < 0.7:
                    sent[key] += 1
                    await hub.raise_event(one.instance_id, name, json.dumps(sent[key]))
        await hub.database.wait(seen, 0.01)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(program, st.integers(0, 2**32), st.lists(st.tuples(st.integers(0, 30), st.booleans()), max_size=3))
def test_a_random_orchestration_gives_what_the_reference_gives(
    steps: list[Any], seed: int, crashes: list[tuple[int, bool]]
) -> None:
    """Whatever the order of completions, and wherever hosts crash."""
    plain = json.loads(json.dumps(steps))
    if crashes:  # an activity may run again, and would not fail as often as it was asked to
        plain = always_failing(plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert asyncio.run(execute(plain, seed, crashes)) == Reference().run(plain)
