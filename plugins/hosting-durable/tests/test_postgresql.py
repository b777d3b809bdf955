"""What is particular to PostgreSQL: connections that end, schemas of hubs, and hosts that meet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from durable_support.hosts import HostFolder
from test_control import make_app, until, value

from hosting_durable import Status, TaskHub
from hosting_durable.settings import DurableSettings
from hosting_durable.stores.postgresql import PostgresDatabase

psycopg = pytest.importorskip("psycopg")
SECONDS = 30.0
SETTINGS = DurableSettings("Hub", 1, 1, 1)
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:azure.functions df_loads")]


async def test_connections_that_the_server_ends_are_made_anew(
    postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All orchestrations end right, although all connections end while they run, writing and listening."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = HostFolder(tmp_path / "app", postgres)
    async with folder.open(make_app(), {"hubName": "Drops"}) as host:
        started = [await host.hub.start_orchestration("two_events") for _ in range(5)]
        for one in started:
            await until(host.hub, one, Status.RUNNING)
        for data in ("1", "2"):
            with psycopg.connect(postgres, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )
            for one in started:
                await host.hub.raise_event(one, "Go", data)
        for one in started:
            assert value(await host.hub.wait_for_completion(one, SECONDS)) == [1, 2]


async def test_hubs_in_one_database_are_apart_and_created_once(postgres: str) -> None:
    """Hosts that start at once create the tables of a hub together, and other hubs see nothing of it."""
    hubs = [TaskHub(PostgresDatabase(postgres, "Apart"), SETTINGS) for _ in range(4)]
    await asyncio.gather(*(hub.open() for hub in hubs))
    instance = await hubs[0].start_orchestration("Any")
    assert (await hubs[3].get_instance(instance)).name == "Any"
    async with TaskHub(PostgresDatabase(postgres, "Other"), SETTINGS) as other:
        assert (await other.query()).instances == ()
    await asyncio.gather(*(hub.close() for hub in hubs))
