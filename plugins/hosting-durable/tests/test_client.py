"""The client of starters: its JSON, and what the real SDK does with the listener behind it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import azure.durable_functions as df  # type: ignore[import-untyped]
import azure.functions as func
import pytest

from hosting.bindings import Services
from hosting.bindings.http.request import HttpCall
from hosting.core import Binding, Function
from hosting_durable.client import ClientBindings
from hosting_durable.hub import TaskHub
from hosting_durable.settings import DurableSettings
from hosting_durable.stores import SqliteDatabase

STARTER = Function("start", "", "", "v2", print, True)


class Host:
    """A hub in memory with its clients."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.hub = TaskHub(SqliteDatabase(None), DurableSettings("Hub", 10, 10, 10))
        self.clients = ClientBindings(services, self.hub)

    async def client_json(self, data: object = None, **properties: str) -> dict[str, Any]:
        """Return what a starter gets for its trigger."""
        binding = Binding("client", "durableClient", "in", properties)
        text = await self.clients.input(STARTER, binding).read(data, {})
        return dict(json.loads(text))

    async def client(self) -> Any:
        """Return the SDK's client."""
        return df.DurableOrchestrationClient(json.dumps(await self.client_json()))

    async def call(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, Any]:
        """Send a request to the webhook."""
        url = f"http://localhost:7071/runtime/webhooks/DurableTask/{path}"
        handler = self.services.webhooks["durabletask"]
        reply = await handler(HttpCall(method, url, headers, path.partition("?")[2], {"rest": path}, body))
        return reply.status, json.loads(reply.body or "null")

    async def set_status(self, instance_id: str, status: str, output: str | None = None) -> None:
        """Have an orchestration in a state."""
        statement = "UPDATE instances SET status = ?, output = ? WHERE id = ?"
        await self.hub.database.write(lambda rows: rows.run(statement, status, output, instance_id))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    """A host with a starter, which listens."""
    host = Host(Services({}, {}, tmp_path))
    await host.client_json()
    async with host.hub:
        await host.clients.start()
        yield host
        await host.clients.close()


def call(url: str, **headers: str) -> HttpCall:
    """Return the request of a starter's caller."""
    return HttpCall("GET", url, headers, "", {}, b"")


@pytest.mark.parametrize(
    ("environ", "http", "data", "origin"),
    [
        ({}, {}, None, "http://localhost:7071"),
        ({"WEBSITE_HOSTNAME": "127.0.0.1:8080"}, {}, "a message", "http://127.0.0.1:8080"),
        ({"WEBSITE_HOSTNAME": "app.example"}, {}, None, "https://app.example"),
        ({"WEBSITE_HOSTNAME": "app.example"}, {}, call("http://me:1/api/x?y=http://z"), "http://me:1"),
        ({}, {}, call("http://me/api", **{"x-forwarded-host": "proxy.example"}), "http://me"),
        (
            {},
            {"useForwardedHost": True},
            call("http://me/api", **{"x-forwarded-host": "a.example, b", "x-forwarded-proto": "https"}),
            "https://a.example",
        ),
        ({}, {"UseForwardedHost": True}, call("http://me:1/api"), "http://me:1"),
        ({}, {}, call("http://[/api"), "http://["),
    ],
)
async def test_addresses_begin_with_what_callers_reach(
    environ: dict[str, str], http: dict[str, Any], data: object, origin: str, tmp_path: Path
) -> None:
    """That is the origin of the request; a proxy's if host.json trusts it; else the app's own address."""
    services = Services({"extensions": {"durableTask": {"httpSettings": http}}}, environ, tmp_path)
    document = await Host(services).client_json(data)
    assert document["managementUrls"]["statusQueryGetUri"] == (
        f"{origin}/runtime/webhooks/durabletask/instances/INSTANCEID?taskHub=Hub&connection=Storage"
    )


async def test_json_has_the_keys_that_the_sdk_reads(host: Host) -> None:
    """The key is in each address and in ``requiredQueryStringParameters``; placeholders stay as they are."""
    host.services.webhooks.find_key = lambda name: f"key+{name}"
    found = await host.client_json()
    base = "http://localhost:7071/runtime/webhooks/durabletask"
    code = "code=key%2Bdurabletask"
    assert found["taskHubName"] == "Hub"
    assert found["requiredQueryStringParameters"] == code
    assert found["creationUrls"] == {
        "createNewInstancePostUri": f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]?{code}",
        "createAndWaitOnNewInstancePostUri": f"{base}/orchestrators/{{functionName}}[/{{instanceId}}]"
        f"?timeout={{timeoutInSeconds}}&pollingInterval={{intervalInSeconds}}&{code}",
    }
    urls = found["managementUrls"]
    assert urls["id"] == "INSTANCEID"
    assert urls["rewindPostUri"] == (
        f"{base}/instances/INSTANCEID/rewind?reason={{text}}&taskHub=Hub&connection=Storage&{code}"
    )
    assert all(code in url for name, url in urls.items() if name != "id")
    assert found["rpcBaseUrl"].startswith("http://127.0.0.1:")
    assert found["rpcBaseUrl"].endswith("/durabletask/")


async def test_binding_that_names_another_hub_is_reported(host: Host) -> None:
    """It gets the hub of the app."""
    assert (await host.client_json(taskHub="Elsewhere"))["taskHubName"] == "Hub"
    assert (await host.client_json(taskHub="HUB"))["taskHubName"] == "Hub"
    (problem,) = host.services.problems
    assert "names the task hub 'Elsewhere'" in problem.message


async def test_sdk_starts_reads_and_controls_orchestrations(host: Host) -> None:
    """Each of its methods gets the status code that it knows."""
    client = await host.client()
    started = await client.start_new("Chain", "one", {"n": [1, "æ"]}, version="2")
    assert started == "one"
    assert len(await client.start_new("Chain")) == 32
    with pytest.raises(Exception, match="must not start with @"):
        await client.start_new("Chain", "@x@y")
    with pytest.raises(Exception, match="already exists"):
        await client.start_new("Chain", "one")
    status = await client.get_status("one", show_history=True, show_history_output=True, show_input=True)
    assert (status.instance_id, status.runtime_status) == ("one", df.OrchestrationRuntimeStatus.Pending)
    assert json.loads(status.input_) == {"n": [1, "æ"]}
    assert not await client.get_status("none")
    assert len(await client.get_status_all()) == 2
    statuses = [df.OrchestrationRuntimeStatus.Pending]
    assert len(await client.get_status_by(datetime(2000, 1, 1), datetime(2999, 1, 1), statuses)) == 2
    await client.raise_event("one", "my event/approve", {"by": "me"})
    await client.raise_event("one", "nothing", None)
    with pytest.raises(Exception, match="No instance with ID none found"):
        await client.raise_event("none", "go")
    await client.suspend("one", "a reason & more")
    await client.terminate("one", "enough")
    with pytest.raises(Exception, match="No instance with ID 'none' found"):
        await client.terminate("none", "enough")
    assert (await client.restart("one"))["id"] != "one"


async def test_sdk_handles_finished_orchestrations(host: Host) -> None:
    """Events are refused, rewinding and purging are reported, and waiting returns the output."""
    client = await host.client()
    for instance_id, status, output in (("done", "Completed", '{"a": 1}'), ("bad", "Failed", "boom")):
        await client.start_new("Chain", instance_id)
        await host.set_status(instance_id, status, output)
    with pytest.raises(Exception, match="is gone: either completed or failed"):
        await client.raise_event("done", "go")
    await client.terminate("done", "twice is fine")
    with pytest.raises(Exception, match="only supported on failed"):
        await client.rewind("done", "reason")
    request = func.HttpRequest("GET", "http://me:8/api/start", body=b"")
    reply = await client.wait_for_completion_or_create_check_status_response(request, "done")
    assert (reply.status_code, json.loads(reply.get_body())) == (200, {"a": 1})
    reply = await client.wait_for_completion_or_create_check_status_response(request, "bad")
    assert (reply.status_code, json.loads(reply.get_body())["output"]) == (500, "boom")
    reply = client.create_check_status_response(request, "done")
    address = "http://me:8/runtime/webhooks/durabletask/instances/done?taskHub=Hub&connection=Storage"
    assert reply.headers["Location"] == json.loads(reply.get_body())["statusQueryGetUri"] == address
    assert (await client.purge_instance_history("done")).instances_deleted == 1
    assert (await client.purge_instance_history("done")).instances_deleted == 0
    assert (await client.purge_instance_history_by(datetime(2000, 1, 1))).instances_deleted == 1


async def test_sdk_signals_and_reads_entities(host: Host) -> None:
    """An entity that does not exist is not an error."""
    client = await host.client()
    entity = df.EntityId("Counter", "k 1")
    await client.signal_entity(entity, "add", 3)
    await client.signal_entity(entity, "reset")
    assert not (await client.read_entity_state(entity)).entity_exists


async def test_listener_needs_its_secret(host: Host) -> None:
    """Another path is 404, whatever it asks for, and neither a bare nor a prefixed path is taken."""
    import aiohttp

    base = (await host.client_json())["rpcBaseUrl"]
    origin, secret = base.split("/", 3)[:3], base.split("/")[3]
    addresses = ["/", "/durabletask/instances/", f"/{secret}x/durabletask/instances/", "/%00/durabletask/instances/"]
    async with aiohttp.ClientSession() as session:
        for path in addresses:
            async with session.get("/".join(origin) + path) as response:
                assert response.status == 404
        async with session.get(f"{base}instances/") as response:
            assert response.status == 200


async def test_webhook_serves_the_same_api(host: Host) -> None:
    """The webhook has the name and the key of Azure's extension, and encoded slashes are a part of an ID."""
    assert host.services.webhooks.access("durabletask").system_key == "durabletask_extension"
    status, started = await host.call("POST", "orchestrators/Chain/one", b"{}", **{"content-type": "application/json"})
    assert (status, started["id"]) == (202, "one")
    assert started["statusQueryGetUri"].startswith("http://localhost:7071/runtime/webhooks/durabletask/instances/one?")
    assert (await host.call("GET", "instances/one?showInput=false"))[1]["input"] is None
    status, refused = await host.call("POST", "orchestrators/Chain/a%2Fb")
    assert (status, refused["Message"].partition(" must")[0]) == (400, "Orchestration instance ids")


async def test_app_without_clients_does_not_listen(tmp_path: Path) -> None:
    """It has the webhook only."""
    host = Host(Services({}, {}, tmp_path))
    async with host.hub:
        await host.clients.start()
        assert host.clients.document(None).count('"rpcBaseUrl": ""') == 1
        await host.clients.close()
