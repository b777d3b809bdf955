"""Changed code, odd payloads, a store that fails, wrong settings; and the hooks around durable functions."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import pytest
from durable_support.hosts import HostFolder

import hosting
from hosting.errors import HostingError
from hosting_durable import Status, TaskHub
from hosting_durable.engine import Engine, Functions
from hosting_durable.errors import StoreError
from hosting_durable.settings import DurableSettings, default_hub_name
from hosting_durable.stores import Rows, SqliteDatabase

SECONDS = 20.0
pytestmark = pytest.mark.filterwarnings("ignore:azure.functions df_loads", "ignore:Potential duplicate Task completion")


class Point:
    """A class of the app's own."""

    def __init__(self, x: int) -> None:
        self.x = x

    @staticmethod
    def to_json(point: Point) -> dict[str, int]:
        """Return what is sent."""
        return {"x": point.x}

    @staticmethod
    def from_json(data: dict[str, int]) -> Point:
        """Return what was sent."""
        return Point(data["x"])


def version_one(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("first", 1)
    yield context.wait_for_external_event("Go")
    yield context.call_activity("second", 1)


def without_first(context: Any) -> Generator[Any, Any, Any]:
    yield context.wait_for_external_event("Go")


def other_name(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("second", 1)
    yield context.wait_for_external_event("Go")


def other_kind(context: Any) -> Generator[Any, Any, Any]:
    yield context.create_timer(context.current_utc_datetime)
    yield context.wait_for_external_event("Go")


def same_in_capitals(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("FIRST", 1)
    yield context.wait_for_external_event("Go")


def custom_class(context: Any) -> Generator[Any, Any, Any]:
    point = yield context.call_activity("move", Point(1))
    return point.x


def large(context: Any) -> Generator[Any, Any, Any]:
    text = yield context.call_activity("echo", "x" * 5_000_000)
    return len(text)


def big_status(context: Any) -> Generator[Any, Any, Any]:
    context.set_custom_status("x" * 10_000)
    yield context.call_activity("first", 1)


def many(context: Any) -> Generator[Any, Any, Any]:
    results = yield context.task_all([context.call_activity("first", number) for number in range(200)])
    return len(results)


def calls_http(context: Any) -> Generator[Any, Any, Any]:
    found = yield context.call_http(
        "POST", context.get_input(), "text", is_raw_str=True, headers={"x-functions-key": "k"}
    )
    after = yield context.call_activity("first", 1)
    return [found["statusCode"], found["content"], after]


def unsendable(context: Any) -> Generator[Any, Any, Any]:
    yield context.call_activity("first", 1)
    return {1, 2}


def make_app(orchestrator: Any, name: str = "") -> Any:
    app: Any = df.DFApp()
    app.orchestration_trigger("context", orchestration=name or None)(orchestrator)

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def first(x: int) -> int:
        return x

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def second(x: int) -> int:
        return x

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def move(x: Any) -> Any:
        return Point(x.x + 1)

    @app.activity_trigger("x")  # type: ignore[untyped-decorator]
    def echo(x: str) -> str:
        return x

    return app


async def at_event(host: Any, instance: str) -> None:
    """Wait until an orchestration waits for its event."""
    while True:
        seen = host.hub.database.writes
        row = await host.hub.database.read(lambda rows: rows.one("SELECT waits FROM instances WHERE id = ?", instance))
        if row is not None and row[0]:
            return
        await host.hub.database.wait(seen, SECONDS)


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        (without_first, "an activity task with sequence ID 0 and name 'first' (version ''), but the current replay"),
        (other_name, "instead scheduled an activity task named 'second' with this sequence number."),
        (other_kind, "but the current orchestration replay instead produced a CreateTimer action"),
        (same_in_capitals, None),
    ],
)
async def test_code_that_was_changed_ends_in_azures_message(folder: HostFolder, changed: Any, text: str | None) -> None:
    """What the new code does not schedule again, or schedules otherwise, fails the orchestration; case is ignored."""
    async with folder.open(make_app(version_one, "Order")) as host:
        instance = await host.hub.start_orchestration("Order")
        await at_event(host, instance)
    async with folder.open(make_app(changed, "Order")) as host:
        await host.hub.raise_event(instance, "Go")
        found = await host.hub.wait_for_completion(instance, SECONDS)
    if text is None:
        assert found.status is Status.COMPLETED, found.output
    else:
        assert found.status is Status.FAILED
        assert (found.output or "").startswith("Non-Deterministic workflow detected: A previous execution of this")
        assert text in (found.output or "")


@pytest.mark.parametrize(
    ("orchestrator", "settings", "expected"),
    [
        (custom_class, {}, "2"),
        (large, {}, "5000000"),
        (many, {}, "200"),
        (many, {"maxOrchestrationActions": 100}, "Maximum amount of orchestration actions (100) has been reached."),
        (big_status, {}, "The UTF-16 size of the JSON-serialized payload must not exceed 16 KB."),
        (unsendable, {}, "Object of type set is not JSON serializable"),
    ],
)
async def test_odd_payloads_pass_or_fail_with_a_message(
    folder: HostFolder, orchestrator: Any, settings: Any, expected: str
) -> None:
    """Classes of the app, large texts and many tasks pass; what is over a limit fails the orchestration alone."""
    async with folder.open(make_app(orchestrator, "Order"), settings) as host:
        instance = await host.hub.start_orchestration("Order")
        found = await host.hub.wait_for_completion(instance, SECONDS)
    if found.status is Status.COMPLETED:
        assert found.output == expected
    else:
        assert expected in (found.output or "")


async def test_a_call_of_http_polls_until_the_work_is_done(folder: HostFolder) -> None:
    """The 202 leads to polls of its location without the key, and the orchestrator gets the last response."""
    seen: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.append(head.split(" HTTP")[0] + (" with the key" if "x-functions-key" in head else ""))
        is_done = len(seen) > 2
        line = "200 OK" if is_done else "202 Accepted\r\nLocation: /status\r\nRetry-After: 0"
        body = "done" if is_done else "later"
        writer.write(f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/work"
    async with server, folder.open(make_app(calls_http)) as host:
        instance = await host.hub.start_orchestration("calls_http", json.dumps(json.dumps(uri)))
        found = await host.hub.wait_for_completion(instance, SECONDS)
    assert found.output == '[200, "done", 1]'
    assert seen == ["POST /work with the key", "GET /status", "GET /status"]


class Watcher:
    """An extension that notes what runs."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bool]] = []

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: Any) -> None:
        """Note the function and whether it is a replay."""
        self.seen.append((invocation.function.name, invocation.is_replay))


async def test_hooks_run_once_for_each_turn_and_each_activity(folder: HostFolder) -> None:
    """A replay of the history calls no hook; the turns after the first say that they are replays."""
    watcher = Watcher()
    async with folder.open(make_app(version_one), extensions={"watcher": watcher}) as host:
        instance = await host.hub.start_orchestration("version_one")
        await at_event(host, instance)
        await host.hub.raise_event(instance, "Go")
        await host.hub.wait_for_completion(instance, SECONDS)
    name = "version_one"
    assert watcher.seen == [
        (name, False),
        ("first", False),
        (name, True),
        (name, True),
        ("second", False),
        (name, True),
    ]


async def test_a_locked_file_delays_and_a_wrong_one_is_an_error(tmp_path: Path) -> None:
    """A lock that another program holds for long is an error that says what to do, and later writes succeed."""
    settings = DurableSettings("Hub", 1, 1, 1)
    database = SqliteDatabase(tmp_path / "hub.sqlite3", busy_seconds=0.05)
    async with TaskHub(database, settings) as hub:
        other = sqlite3.connect(tmp_path / "hub.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"):
            await hub.start_orchestration("Order", instance_id="one")
        other.execute("ROLLBACK")
        other.close()
        assert await hub.start_orchestration("Order", instance_id="one") == "one"
    (tmp_path / "wrong").write_text("not a database, " * 100)
    with pytest.raises(StoreError, match="not a database"):
        await SqliteDatabase(tmp_path / "wrong").open()


async def test_a_store_that_is_not_open_is_an_error_and_can_be_closed(tmp_path: Path) -> None:
    """A host that ends before its start, or after one that failed, does not wait for the store."""
    settings = DurableSettings("Hub", 1, 1, 1)
    (tmp_path / "wrong").write_text("not a database, " * 100)
    for path in (None, tmp_path / "wrong"):
        database = SqliteDatabase(path)
        engine = Engine(TaskHub(database, settings), Functions.none())
        if path is not None:
            with pytest.raises(StoreError):
                await database.open()
        with pytest.raises(StoreError, match="is not open"):
            await database.write(lambda _rows: None)
        await engine.close()
        await database.close()


async def test_a_function_that_raises_undoes_only_its_own_rows() -> None:
    """Writes that share a transaction do not share an error."""
    database = SqliteDatabase(None)
    await database.open()

    def bad(rows: Rows) -> None:
        rows.run("INSERT INTO hosts (id, beat) VALUES ('bad', 1)")
        raise LookupError

    def good(rows: Rows) -> int:
        return rows.run("INSERT INTO hosts (id, beat) VALUES ('good', 1)")

    results = await asyncio.gather(database.write(bad), database.write(good), return_exceptions=True)
    assert isinstance(results[0], LookupError)
    assert results[1] == 1
    assert await database.read(lambda rows: rows.all("SELECT id FROM hosts")) == [("good",)]
    await database.close()


@pytest.mark.parametrize(
    ("site", "name"),
    [("", "TestHubName"), ("my-app", "myapp"), ("1x", "t1x"), ("a", "aHub"), ("---", "DefaultTaskHub")],
)
def test_hubs_without_a_name_are_called_as_in_azure(site: str, name: str) -> None:
    """The name is made of the site's name."""
    assert default_hub_name(site) == name


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"hubName": "a-b"}, "Task hub name 'a-b' should contain only alphanumeric characters"),
        ({"storageProvider": {"type": "oracle"}}, "expected sqlite, postgresql or durabletask, found 'oracle'"),
        ({"storageProvider": {"type": "postgresql"}}, "connectionStringName is not set"),
        ({"maxConcurrentActivityFunctions": 0}, "expected a whole number of at least 1, found 0"),
        ({"versionMatchStrategy": "Newer"}, "expected None, Strict or CurrentOrOlder, found 'Newer'"),
        ({"versionFailureStrategy": "Wait"}, "expected Reject or Fail, found 'Wait'"),
    ],
)
async def test_wrong_settings_stop_the_start(folder: HostFolder, settings: Any, text: str) -> None:
    """The message names the key, what is expected and the value."""
    with pytest.raises(HostingError) as caught:
        async with folder.open(make_app(version_one), settings):
            pass
    assert text in str(caught.value)
