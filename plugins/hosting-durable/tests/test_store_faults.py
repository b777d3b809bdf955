"""A store that is full, locked, slow or gone for a while: a clear message, nothing lost, and work goes on after."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import pytest
from durable_support.hosts import HostFolder

from hosting_durable import EntityId, Status
from hosting_durable.errors import StoreError
from hosting_durable.stores import Rows, SqliteDatabase

SECONDS = 60
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads")
ORDERS = 6


class Faulty(SqliteDatabase):
    """A file with faults that a test switches on and off."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(path, busy_seconds=0.02)
        self.path = path
        self.pages = 0
        """The most pages of the file: a disk that is full; 0 for any number."""
        self.is_gone = False
        self.commits: threading.Semaphore | None = None
        """How many transactions may still be committed: a disk that is slow; None for any number."""
        self.waits = 0
        """How many commits have waited."""

    def _trace(self, statement: str) -> None:
        if self.commits is not None and statement.startswith("COMMIT"):
            self.waits += 1
            assert self.commits.acquire(timeout=SECONDS)

    def _open(self) -> sqlite3.Connection:
        if self.is_gone:
            raise sqlite3.OperationalError("unable to open database file")
        connection = super()._open()
        if self.pages:
            connection.execute(f"PRAGMA max_page_count={self.pages}")
        connection.set_trace_callback(self._trace)
        return connection

    async def fill(self, free_pages: int) -> None:
        """Leave only some pages, in this connection and in those that follow."""

        def limit(rows: Rows) -> int:
            pages: int = rows.all("PRAGMA page_count")[0][0] + free_pages
            rows.all(f"PRAGMA max_page_count={pages}")
            return pages

        self.pages = await self.write(limit, quiet=True)


def order(context: Any) -> Any:
    """Call activities with large results, and an entity."""
    sizes = []
    for step in range(3):
        sizes.append(len((yield context.call_activity("large", step))))
    total = yield context.call_entity(df.EntityId("counter", "k"), "add", 1)
    return [sizes, total > 0]


def make_app() -> Any:
    """Return the app."""
    app: Any = df.DFApp()
    app.orchestration_trigger("context")(order)

    @app.activity_trigger("step")  # type: ignore[untyped-decorator]
    def large(step: int) -> str:
        return "x" * (3000 + step)

    @app.entity_trigger("context")  # type: ignore[untyped-decorator]
    def counter(context: Any) -> None:
        value = context.get_state(lambda: 0) + context.get_input()
        context.set_state(value)
        context.set_result(value)

    return app


@pytest.fixture
def faulty(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Faulty]:
    """Return the database that hosts make."""
    made: list[Faulty] = []

    def make(path: Path | None) -> Faulty:
        made.append(Faulty(path))
        return made[-1]

    monkeypatch.setattr("hosting_durable.hubs.SqliteDatabase", make)
    for name, seconds in (("_RETRY_SECONDS", 0.02), ("BEAT_SECONDS", 0.1), ("SILENT_SECONDS", 0.5)):
        monkeypatch.setattr(f"hosting_durable.engine.engine.{name}", seconds)
    return lambda: made[-1]


@pytest.mark.parametrize("free_pages", [0, 2, 5, 13])
async def test_full_disk_delays_and_loses_nothing(
    folder: HostFolder, faulty: Callable[[], Faulty], caplog: pytest.LogCaptureFixture, free_pages: int
) -> None:
    """It may be full at any statement: each step is there as a whole or not at all, and runs when there is space."""
    async with folder.open(make_app()) as host:
        database = faulty()
        await database.fill(free_pages)
        starts = [host.hub.start_orchestration("order", None, f"order-{number}") for number in range(ORDERS)]
        results = await asyncio.gather(*starts, return_exceptions=True)
        started = [one for one in results if isinstance(one, str)]
        refused = [one for one in results if isinstance(one, StoreError)]
        assert len(started) + len(refused) == ORDERS
        assert all("database or disk is full" in one.message and "disk has space" in one.remedy for one in refused)
        while not refused and not any("database or disk is full" in one for one in caplog.messages):
            await database.wait(database.writes, 0.02)
        database.pages = 0
        await _lift(database)
        for number in range(ORDERS):
            if f"order-{number}" not in started:
                started.append(await host.hub.start_orchestration("order", None, f"order-{number}"))
        await _check(host, started)


@pytest.mark.parametrize("fault", ["locked", "gone"])
async def test_locked_or_vanished_file_delays_and_loses_nothing(
    folder: HostFolder, faulty: Callable[[], Faulty], caplog: pytest.LogCaptureFixture, fault: str
) -> None:
    """Work goes on when another program releases the file, or the volume is there again."""
    async with folder.open(make_app()) as host:
        database = faulty()
        started = [await host.hub.start_orchestration("order", None, f"order-{one}") for one in range(ORDERS)]
        assert database.path is not None
        other = sqlite3.connect(database.path, isolation_level=None, timeout=30)
        if fault == "locked":
            other.execute("BEGIN IMMEDIATE")
        else:
            database.is_gone = True
            with pytest.raises(StoreError, match="closed database"):
                await database.write(lambda rows: rows._connection.close())  # type: ignore[attr-defined]
        text = "database is locked" if fault == "locked" else "unable to open database file"
        while not any(text in one for one in caplog.messages):
            with pytest.raises(StoreError, match=text):
                await host.hub.start_orchestration("order", None, "refused")
        database.is_gone = False
        other.close()
        await _check(host, started)
        assert "refused" not in [one.instance_id for one in (await host.hub.query()).instances]


async def test_slow_disk_delays_and_leaves_the_event_loop_alone(
    folder: HostFolder, faulty: Callable[[], Faulty]
) -> None:
    """Each commit waits until the event loop lets it go on, which it could not do if the commit held it."""
    async with folder.open(make_app()) as host:
        database = faulty()
        database.commits = threading.Semaphore(0)
        work = asyncio.gather(*(host.hub.start_orchestration("order", None, f"order-{one}") for one in range(ORDERS)))
        check: asyncio.Task[None] | None = None
        while check is None or not check.done():
            await asyncio.sleep(0.005)
            database.commits.release()
            if check is None and work.done():
                check = asyncio.create_task(_check(host, work.result()))
        database.commits = None
        await check
        assert database.waits > ORDERS


async def _lift(database: Faulty) -> None:
    """Give the connection all pages, whether or not it was made anew meanwhile."""
    try:
        await database.write(lambda rows: rows.all("PRAGMA max_page_count=1073741823"), quiet=True)
    except StoreError:
        await _lift(database)


async def _check(host: Any, started: list[str]) -> None:
    """Check that each ends with the right result, and that everything counts once."""
    for one in started:
        found = await host.hub.wait_for_completion(one, SECONDS)
        assert (found.status, found.output) == (Status.COMPLETED, "[[3000, 3001, 3002], true]")
        history = (await host.hub.get_instance(one, with_history=True)).history
        numbers = [event["EventId"] for event in history if event["EventId"] >= 0]
        assert len(numbers) == len(set(numbers)) == 4
    entity = await host.hub.read_entity(EntityId("counter", "k"))
    assert entity is not None
    assert entity.state == str(len(started))
