"""A backend of the Durable Task protocol as the engine: shown with the one in memory that durabletask brings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest
from durable_support.hosts import HostFolder
from durable_support.sdk2 import make_app
from durabletask.client import AsyncTaskHubGrpcClient
from durabletask.internal.orchestrator_service_pb2_grpc import add_TaskHubSidecarServiceServicer_to_server
from durabletask.testing import InMemoryOrchestrationBackend

from hosting.bindings import Services
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError, SettingsError
from hosting_durable.errors import InstanceExists, StoreError, UnknownInstance, WrongState
from hosting_durable.http import ApiRequest, DurableApi
from hosting_durable.hub import TaskHub
from hosting_durable.hubs import make_hub
from hosting_durable.model import EntityId, EntityQuery, InstanceQuery
from hosting_durable.protocol.backend import Connection, read_connection
from hosting_durable.protocol.remote_hub import RemoteTaskHub
from hosting_durable.protocol.server import ProxyServer
from hosting_durable.provider import DurableProvider
from hosting_durable.settings import read_settings
from hosting_durable.status import Status

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions :DeprecationWarning")
SETTINGS = {"storageProvider": {"type": "azureManaged", "connectionStringName": "DTS"}}


@pytest.fixture(scope="module")
def backend() -> Iterator[str]:
    """The connection string of durabletask's backend, on a port of this machine that is free."""
    backend, server = InMemoryOrchestrationBackend(), grpc.server(ThreadPoolExecutor(10))
    add_TaskHubSidecarServiceServicer_to_server(backend, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"Endpoint=http://127.0.0.1:{port};TaskHub=default;Authentication=None"
    backend.stop()
    server.stop(None).wait()


@pytest.fixture(scope="module")
async def provider(backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DurableProvider]:
    """A host whose engine is the backend."""
    folder = HostFolder(tmp_path_factory.mktemp("host") / "app")
    folder._environ["DTS"] = backend
    async with folder.open(make_app(), SETTINGS) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "value", "output"),
    [
        ("chain", 3, 12),
        ("fan_out", 20, 380),
        ("retries", "backend", 3),
        ("catches", "missing", ["KeyError", "'missing'"]),
        ("catches_unknown", None, "no_such_activity"),
        ("parent", 1, [4, "below"]),
        ("counts", None, [3, True, 3]),
        ("transfers", 5, 5),
    ],
)
async def test_a_backend_runs_the_functions_of_the_app(
    provider: DurableProvider, name: str, value: Any, output: Any
) -> None:
    """The host takes work items as its worker, and the results are those of the engine of this package."""
    identity = await provider.hub.start_orchestration(name, None if value is None else json.dumps(value))
    instance = await provider.hub.wait_for_completion(identity, 60)
    assert (instance.status, json.loads(instance.output or "null")) == (Status.COMPLETED, output)


async def test_the_task_hub_is_that_of_the_backend(provider: DurableProvider) -> None:
    """What clients, commands, the page and the management API do is done by the methods of the protocol."""
    hub = provider.hub
    assert await hub.start_orchestration("waits", None, "hub-1") == "hub-1"
    with pytest.raises(InstanceExists, match="already exists"):
        await hub.start_orchestration("chain", "1", "hub-1")
    await _until_status(hub, "below", Status.RUNNING)
    assert (await provider.backlog())["orchestrations"] >= 2
    await hub.suspend("hub-1", "so")
    await _until_status(hub, "hub-1", Status.SUSPENDED)
    with pytest.raises(WrongState, match="is already suspended"):
        await hub.suspend("hub-1")
    await hub.resume("hub-1")
    await _until_status(hub, "hub-1", Status.RUNNING)
    await hub.raise_event("below", "Approved", '"yes"')
    instance = await hub.wait_for_completion("hub-1", 60)
    assert instance.output == '[true, "yes"]'
    history = (await hub.get_instance("below", with_history=True)).history
    assert [(one["Name"], one["Input"]) for one in history if "Input" in one and one["EventType"] == 15] == [
        ("Approved", '"yes"')
    ]
    with pytest.raises(WrongState, match="is gone"):
        await hub.terminate("hub-1")
    other = await hub.restart("below")
    await hub.terminate(other, '"enough"')
    assert (await hub.wait_for_completion(other, 60)).status is Status.TERMINATED
    assert [await hub.purge("below"), await hub.purge("below"), await hub.purge_by(InstanceQuery()) > 0] == [
        True,
        False,
        True,
    ]


async def test_rewinding_and_lists_are_those_of_the_backend(provider: DurableProvider) -> None:
    """A failed orchestration goes on; lists have pages, and the failure of each with its type."""
    hub = provider.hub
    await hub.start_orchestration("fails_once", '"on the backend"', "list-1", version="2")
    failed = await hub.wait_for_completion("list-1", 60)
    assert failed.status is Status.FAILED
    assert (failed.output or "").startswith("durabletask.task.TaskFailedError: ")
    page = await hub.query(InstanceQuery(prefix="list-", statuses=frozenset({Status.FAILED}), name="FAILS_once"))
    assert [one.instance_id for one in page.instances] == ["list-1"]
    await hub.rewind("list-1", "repaired")
    assert (await hub.wait_for_completion("list-1", 60)).output == '"on the backend"'
    with pytest.raises(WrongState, match="only supported on failed"):
        await hub.rewind("list-1")
    with pytest.raises(UnknownInstance):
        await hub.raise_event("unknown", "x")


async def test_entities_are_those_of_the_backend(provider: DurableProvider) -> None:
    """They are signalled, read and listed; the function runs here."""
    hub, entity = provider.hub, EntityId("counter", "remote")
    assert await hub.read_entity(entity) is None
    await hub.signal_entity(entity, "add", "4")
    await _until(lambda: hub.read_entity(entity))
    found = await hub.read_entity(entity)
    assert found is not None
    assert found.state == "4"
    page = await hub.list_entities(EntityQuery(name="Counter"))
    assert "@counter@remote" in [str(one.id) for one in page.entities]


async def test_clients_of_the_sdk_reach_the_backend_through_the_host(provider: DurableProvider) -> None:
    """The host passes their calls on, with the name of the task hub; it keeps the methods of workers for itself."""
    assert isinstance(provider.hub, RemoteTaskHub)
    proxy = ProxyServer(provider.hub, provider.hub.backend)
    await proxy.start()
    async with AsyncTaskHubGrpcClient(host_address=proxy.address) as client:
        identity = await client.schedule_new_orchestration("chain", input=2)
        state = await client.wait_for_orchestration_completion(identity, timeout=60)
        assert state is not None
        assert state.get_output() == 8
        assert len(await client.get_orchestration_history(identity)) > 5
        with pytest.raises(grpc.RpcError, match="not found"):
            await client.get_orchestration_history("unknown")
        assert await client.get_orchestration_state("unknown") is None
    async with grpc.aio.insecure_channel(proxy.address) as channel:
        with pytest.raises(grpc.RpcError, match="work goes through the triggers"):
            await channel.unary_stream("/TaskHubSidecarService/GetWorkItems")(b"").read()
    await proxy.close()


async def test_the_management_api_works_on_a_backend(provider: DurableProvider) -> None:
    """It starts an orchestration and shows its history, of whichever store."""
    api = DurableApi(provider.hub)
    links = provider._clients.links()

    async def call(method: str, *segments: str, body: bytes = b"", **query: str) -> Any:
        request = ApiRequest(
            method, list(segments), query, {"content-type": "application/json"}, body, "http://x", links
        )
        reply = await api.answer(request)
        return reply.status, json.loads(reply.body)

    status, started = await call("POST", "orchestrators", "chain", "api-1", body=b"5")
    assert (status, started["id"]) == (202, "api-1")
    await provider.hub.wait_for_completion("api-1", 60)
    status, found = await call("GET", "instances", "api-1", showhistory="true", showhistoryoutput="true")
    assert (status, found["output"], found["input"]) == (200, 20, 5)
    kinds = [one["EventType"] for one in found["historyEvents"]]
    assert kinds[0] == "ExecutionStarted"
    assert kinds.count("TaskCompleted") == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Endpoint=http://localhost:8080;Authentication=None", Connection("localhost:8080", False)),
        ("endpoint = https://x.durabletask.io ; TaskHub=orders", Connection("x.durabletask.io:443", True, "orders")),
        ("localhost:4001", Connection("localhost:4001", False)),
        ("grpcs://host", Connection("host:443", True)),
    ],
)
def test_a_connection_string_says_how_to_reach_the_backend(text: str, expected: Connection) -> None:
    """As for the Durable Task Scheduler; the endpoint alone is enough."""
    assert read_connection(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("TaskHub=x", "has no endpoint: found ['taskhub']"),
        ("", "has no endpoint"),
        (
            "Endpoint=https://x;Authentication=ManagedIdentity",
            "Authentication=ManagedIdentity, which is not known here",
        ),
    ],
)
def test_a_connection_string_that_cannot_be_used_is_refused(text: str, message: str) -> None:
    """The message says what was found, and what to write."""
    with pytest.raises(SettingsError) as caught:
        read_connection(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "environ", "store", "problems"),
    [
        ("azureManaged", {"DTS": "localhost:1"}, "durabletask", 0),
        ("durabletask-scheduler", {"DTS": "localhost:1"}, "durabletask", 0),
        ("durabletask", {"DTS": "localhost:1"}, "durabletask", 0),
        ("azureManaged", {}, "sqlite", 1),
        ("mssql", {"DTS": "localhost:1"}, "sqlite", 1),
    ],
)
def test_the_type_of_the_store_chooses_the_engine(
    kind: str, environ: Mapping[str, str], store: str, problems: int, tmp_path: Path
) -> None:
    """Azure's names need their app setting; without it the app runs on SQLite, with a warning."""
    section = {"storageProvider": {"type": kind, "connectionStringName": "DTS"}}
    services = Services({"extensions": {"durableTask": section}}, environ, tmp_path)
    assert (read_settings(services).store_type, len(services.problems)) == (store, problems)


def test_a_backend_without_its_app_setting_is_refused(tmp_path: Path) -> None:
    """The message has an example of what belongs there."""
    section = {"storageProvider": {"type": "durabletask", "connectionStringName": "DTS"}}
    services = Services({"extensions": {"durableTask": section}}, {}, tmp_path)
    with pytest.raises(SettingsError, match="is durabletask, but the app setting 'DTS' is not set"):
        make_hub(services)


@pytest.mark.parametrize(("kind", "method"), [("activityTrigger", "trigger"), ("durableClient", "input")])
def test_functions_of_the_sdk_1_are_refused_with_a_backend(kind: str, method: str, tmp_path: Path) -> None:
    """Their actions have no numbers, which the protocol needs."""
    provider = DurableProvider(Services({"extensions": {"durableTask": SETTINGS}}, {"DTS": "localhost:1"}, tmp_path))
    function = Function("old", str(tmp_path), str(tmp_path / "function_app.py"), "v2", print, True)
    with pytest.raises(FunctionLoadError, match=r"'old' is of azure-functions-durable 1\.x, and the engine"):
        getattr(provider, method)(function, Binding("value", kind, "in", {}))


async def test_a_backend_that_is_away_is_asked_again_and_says_where_it_was_looked_for(
    folder: HostFolder, caplog: pytest.LogCaptureFixture
) -> None:
    """The host starts all the same, and connects when the backend comes."""
    folder._environ["DTS"] = "127.0.0.1:1"
    async with folder.open(make_app(), SETTINGS) as provider:
        with pytest.raises(StoreError, match=r"127\.0\.0\.1:1 cannot be used: UNAVAILABLE"):
            await provider.hub.start_orchestration("chain", "1")

        async def is_logged() -> bool:
            return "Trying again in 2 s." in caplog.text

        await _until(is_logged)


async def _until_status(hub: TaskHub, instance_id: str, status: Status) -> None:
    """Wait for a state of an orchestration, which may not have begun yet."""

    async def is_so() -> bool:
        try:
            return (await hub.get_instance(instance_id)).status is status
        except UnknownInstance:
            return False

    await _until(is_so)


async def _until(is_so: Callable[[], Awaitable[Any]]) -> None:
    """Wait for a condition; a backend does not report changes."""
    async with asyncio.timeout(60):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.01)
