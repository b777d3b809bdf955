"""Orchestrations of five activities per second, the latency of a hop, and the cost of many instances.

``python tests/benchmark_speed.py`` prints the figures; with the package durabletask on the path it prints those of its
in-memory backend and worker beside them, measured in turns in the same process.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import azure.durable_functions as df  # type: ignore[import-untyped]
from durable_support.hosts import HostFolder

from hosting_durable import InstanceQuery, TaskHub
from hosting_durable.events import EventType
from hosting_durable.stores import Rows

STEPS = 5
COUNT = int(os.environ.get("COUNT", "200"))
ROUNDS = 3


def five(context: Any) -> Generator[Any, Any, Any]:
    """Call five activities."""
    total = 0
    for step in range(STEPS):
        total += yield context.call_activity("plus", step)
    return total


def make_app() -> Any:
    """Return the app."""
    app: Any = df.DFApp()
    app.orchestration_trigger("context")(five)

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    async def plus(x: int) -> int:
        return x + 1

    return app


class Speed(NamedTuple):
    """How fast something was.

    Args:
        rate: orchestrations per second, which depends on what else the machine does.
        cpu: milliseconds of a core for each orchestration, which hardly does.
    """

    rate: float
    cpu: float


def _speed(count: int, start: float, cpu: float) -> Speed:
    return Speed(count / (time.perf_counter() - start), (time.process_time() - cpu) / count * 1000)


def middle(speeds: list[Speed]) -> Speed:
    """Return the medians."""
    return Speed(median(one.rate for one in speeds), median(one.cpu for one in speeds))


async def throughput(hub: TaskHub, count: int) -> Speed:
    """Return the speed of orchestrations that are started at once."""
    start, cpu = time.perf_counter(), time.process_time()
    started = await asyncio.gather(*(hub.start_orchestration("five") for _ in range(count)))
    for one in started:
        await hub.wait_for_completion(one, 300)
    return _speed(count, start, cpu)


async def hops(hub: TaskHub, count: int) -> list[float]:
    """Return the milliseconds from one activity's result to the next one's, one orchestration at a time."""
    found = []
    for _ in range(count):
        one = await hub.start_orchestration("five")
        await hub.wait_for_completion(one, 60)
        history = (await hub.get_instance(one, with_history=True)).history
        times = [event["Timestamp"] for event in history if event["EventType"] == EventType.TASK_COMPLETED]
        seconds = [float(text[17:-1]) + 60 * int(text[14:16]) for text in times]
        found += [(after - before) % 3600 * 1000 for before, after in pairwise(seconds)]
    return found


async def idle(seconds: float) -> float:
    """Return the percentage of a core that an idle hub takes."""
    before = time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - before) / seconds * 100


def crowd(rows: Rows) -> None:
    """Add 100,000 finished orchestrations and 10,000 that wait for a timer, as copies of those that are there."""
    now = rows.now()
    far = now + 10**13
    rows.many(
        "INSERT INTO instances (id, entity, execution, name, status, created, updated) VALUES (?, 0, ?, ?, ?, ?, ?)",
        [(f"old-{number}", "e", "five", "Completed", now, now) for number in range(100_000)],
    )
    rows.many(
        """INSERT INTO instances (id, entity, execution, name, status, created, updated, ready_at)
        VALUES (?, 0, ?, ?, ?, ?, ?, ?)""",
        [(f"timer-{number}", "e", "five", "Running", now, now, far) for number in range(10_000)],
    )
    rows.many(
        """INSERT INTO inbox (instance, execution, due, timer, type, event_id, at, body)
        VALUES (?, 'e', ?, 0, 11, -1, ?, ?)""",
        [(f"timer-{number}", far, far, '{"TimerId":0}') for number in range(10_000)],
    )


def peer(count: int) -> Speed | None:
    """Return the speed of durabletask's in-memory backend; None without the package."""
    try:
        client = importlib.import_module("durabletask.client")
        worker = importlib.import_module("durabletask.worker")
        testing = importlib.import_module("durabletask.testing")
    except ImportError:
        return None
    port = 51051
    backend = testing.create_test_backend(port=port)
    work = worker.TaskHubGrpcWorker(host_address=f"localhost:{port}")

    def plus(_: Any, x: int) -> int:
        return x + 1

    def five_of_peer(context: Any, _: Any) -> Generator[Any, Any, Any]:
        total = 0
        for step in range(STEPS):
            total += yield context.call_activity(plus, input=step)
        return total

    work.add_orchestrator(five_of_peer)
    work.add_activity(plus)
    work.start()
    try:
        hub = client.TaskHubGrpcClient(host_address=f"localhost:{port}")
        start, cpu = time.perf_counter(), time.process_time()
        started = [hub.schedule_new_orchestration(five_of_peer) for _ in range(count)]
        for one in started:
            hub.wait_for_orchestration_completion(one, timeout=300)
        return _speed(count, start, cpu)
    finally:
        work.stop()
        backend.stop()


def beside(own: Speed, peers: list[Speed]) -> str:
    """Return what a line says about the peer; empty without it."""
    if not peers:
        return ""
    other = middle(peers)
    return (
        f"; durabletask in memory {other.rate:.0f}/s, {other.cpu:.1f} ms of a core, "
        f"ratio {own.rate / other.rate:.1f}, of cores {other.cpu / own.cpu:.1f}"
    )


async def measure(folder: HostFolder) -> None:
    """Print all figures."""
    async with folder.open(make_app()) as host:
        hub = host.hub
        await throughput(hub, 20)
        found, peers = [], []
        for _ in range(ROUNDS):
            found.append(await throughput(hub, COUNT))
            other = await asyncio.to_thread(peer, COUNT)
            peers += [] if other is None else [other]
        own = middle(found)
        print(f"orchestrations of {STEPS} activities: {own.rate:.0f}/s, {own.cpu:.1f} ms of a core{beside(own, peers)}")
        alone = await hops(hub, 20)
        print(f"hop from activity to activity: median {median(alone):.1f} ms")
        print(f"idle hub: {await idle(10):.2f} % of a core")
        await hub.database.write(crowd)
        await throughput(hub, 20)  # the log of the database is written into its file meanwhile
        crowded = middle([await throughput(hub, COUNT) for _ in range(ROUNDS)])
        print(
            f"with 100,000 finished and 10,000 timers: {crowded.rate:.0f}/s ({crowded.rate / own.rate * 100:.0f} %), "
            f"{crowded.cpu:.1f} ms of a core ({crowded.cpu / own.cpu * 100:.0f} %)"
        )
        print(f"instances: {len((await hub.query(InstanceQuery(limit=200_000))).instances)}")


def main() -> None:
    """Measure in a folder that is deleted."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with TemporaryDirectory() as name:
        os.environ["XDG_STATE_HOME"] = f"{name}/state"
        asyncio.run(measure(HostFolder(Path(name) / "app")))


if __name__ == "__main__":
    print(json.dumps({"python": sys.version.split()[0]}))
    main()
