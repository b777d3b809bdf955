"""Nothing is lost and nothing counted twice: two hosts on one file, killed at random moments.

``HOSTING_DURABLE_ORDERS=500 HOSTING_DURABLE_KILLS=30`` makes it long; the default is short.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from random import Random

import pytest
from durable_support.installed import HostProcess, copy_app, environment

from hosting.bindings import Services
from hosting_durable import EntityId, Status, TaskHub, make_hub
from hosting_durable.events import EventType

ORDERS = int(os.environ.get("HOSTING_DURABLE_ORDERS", "30"))
KILLS = int(os.environ.get("HOSTING_DURABLE_KILLS", "2"))
_PAUSE_SECONDS = 3.0
SECONDS = 60.0 + ORDERS + KILLS * 15
IS_1 = version("azure-functions-durable").startswith("1.")


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param("orders", marks=pytest.mark.skipif(not IS_1, reason="needs the SDK 1.x")), "orders_2"]
)
async def test_hosts_that_are_killed_lose_nothing(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each orchestration ends with the right result, histories and entities count once, activities at least once."""
    app = copy_app(Path(__file__).parent / "durable_support" / name, tmp_path / "app")
    environ = {**environment(tmp_path), "RUNS": str(tmp_path / "runs.txt")}
    hosts = [HostProcess(app, environ, tmp_path / f"host{number}.log") for number in range(2)]
    os.environ["XDG_STATE_HOME"] = environ["XDG_STATE_HOME"]
    try:
        hub = make_hub(Services(json.loads((app / "host.json").read_text()), environ, app))
    finally:
        del os.environ["XDG_STATE_HOME"]
    async with hub:
        for host in hosts:
            host.start()
        try:
            async with asyncio.timeout(SECONDS):
                await _run(hub, hosts, _json_of_json if name == "orders" else json.dumps)
                results = [await hub.wait_for_completion(f"order-{number}") for number in range(ORDERS)]
        finally:
            for host in hosts:
                host.kill()
        for number, found in enumerate(results):
            assert found.status is Status.COMPLETED, f"{found.output}\n{hosts[0].output}\n{hosts[1].output}"
            assert json.loads(found.output or "") == {
                "parts": 12,
                "paid": number,
                "has_total": True,
                "retried": 9,
                "packed": number + 20,
            }
        await _check_once(hub, again=0 if name == "orders" else 1)
    runs = Counter((tmp_path / "runs.txt").read_text().split("\n")[:-1])
    expected = ORDERS * 4 + ORDERS * 1 + ORDERS  # parts, the part of the sub-orchestration, one more attempt each
    assert len(runs) == ORDERS * 6
    again = sum(runs.values()) - expected - ORDERS
    with capsys.disabled():
        print(f"\n{ORDERS} orchestrations, {KILLS} kills: {sum(runs.values())} runs of activities, {again} repeated")
    assert again >= 0


def _json_of_json(value: object) -> str:
    """Return an input as the client of the SDK 1.x sends it."""
    return json.dumps(json.dumps(value))


async def _run(hub: TaskHub, hosts: list[HostProcess], encode: Callable[[object], str]) -> None:
    """Start orchestrations and send their events, while hosts are killed and started again."""
    random = Random(ORDERS)

    async def feed() -> None:
        for number in range(ORDERS):
            await hub.start_orchestration("order", encode(number), f"order-{number}")
            await hub.raise_event(f"order-{number}", "Paid", json.dumps(number))
            await asyncio.sleep(KILLS * _PAUSE_SECONDS / ORDERS)

    async def kill() -> None:
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.5, 2 * _PAUSE_SECONDS - 0.5))
            host = random.choice(hosts)
            await asyncio.to_thread(host.kill)
            host.start()

    await asyncio.gather(feed(), kill())


async def _check_once(hub: TaskHub, *, again: int) -> None:
    """Check that no number is twice in a history, and that entities have counted each call once.

    Args:
        hub: the hub.
        again: the most numbers that may be twice: the SDK 2.x gives another attempt the number of the first one.
    """
    for number in range(ORDERS):
        history = (await hub.get_instance(f"order-{number}", with_history=True)).history
        scheduled = [one["EventId"] for one in history if one["EventId"] >= 0]
        assert len(scheduled) - len(set(scheduled)) <= again
        assert [one["EventType"] for one in history].count(EventType.EXECUTION_STARTED) == 1
    totals = [await hub.read_entity(EntityId("ledger", f"k{key}")) for key in range(5)]
    assert sum(int(one.state or 0) for one in totals if one is not None) == ORDERS
