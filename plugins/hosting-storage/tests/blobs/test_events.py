"""Blob triggers that Event Grid tells of blobs: handshakes, deliveries, and who is run for what."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from storage_support.blob_hosts import App, function, until

from hosting.bindings import Result, Services
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply
from hosting.core import Binding
from hosting_storage.blobs.provider import BlobProvider
from hosting_storage.blobs.trigger import BlobTrigger
from hosting_storage.testing import Azurite


class Called:
    """A provider whose webhook is called."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.services = Services({}, {**app.environ, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
        self.provider = BlobProvider(self.services)
        self.seen: list[Any] = []
        self.told: list[str] = []

    def serve(self, name: str = "F", path: str = "{name}.txt", source: str = "EventGrid") -> BlobTrigger:
        binding = Binding("blob", "blobTrigger", "in", {"path": f"{self.app.container}/{path}", "source": source})
        trigger = self.provider.trigger(function(name, {"blob": str}), binding)

        async def invoke(
            data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
        ) -> Result:
            self.seen.append(trigger.decode(data))
            self.told.append(reason)
            return Result()

        trigger.attach(invoke)
        return trigger

    async def call(
        self, event: Any, kind: str = "Notification", name: str = "Host.Functions.F", method: str = "POST"
    ) -> HttpReply:
        headers = {"aeg-event-type": kind}
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        url = f"http://localhost/runtime/webhooks/blobs?functionName={name}"
        call = HttpCall(method, url, headers, f"functionName={name}&code=x", {"rest": ""}, body)
        return await self.services.webhooks["blobs"](call)

    def event(self, name: str, etag: str, **changes: Any) -> dict[str, Any]:
        """An event as Event Grid sends it for a blob that was written."""
        address = self.app.blobs.service.get_blob_client(self.app.container, name).url
        data = {"api": "PutBlob", "eTag": etag.strip('"'), "blobType": "BlockBlob", "url": address}
        return {"id": "1", "eventType": "Microsoft.Storage.BlobCreated", "subject": "x", "data": data, **changes}

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await self.provider.start()
            try:
                await scenario()
            finally:
                await self.provider.stop()
                await self.provider.close()
                await self.services.close()

        asyncio.run(run())


@pytest.fixture
def called(azurite: Azurite) -> Iterator[Called]:
    app = App(azurite)
    yield Called(app)
    app.blobs.close()


def test_delivery(called: Called) -> None:
    """A function runs for a blob that an event tells of, once for each version however often it is told."""
    called.serve()

    async def scenario() -> None:
        event = called.event("ä b.txt", called.app.put("ä b.txt", "grün"))
        replies = [await called.call([event, event]), await called.call(event)]
        assert [reply.status for reply in replies] == [202, 202]
        await until(lambda: called.seen)
        again = called.event("ä b.txt", called.app.put("ä b.txt", "blau"))
        assert (await called.call([again])).status == 202
        await until(lambda: len(called.seen) == 2)
        await asyncio.sleep(0.3)
        assert called.seen == ["grün", "blau"]
        assert called.told[0] == f"New blob detected(EventGrid): {called.app.container}/ä b.txt"

    called.run(scenario)


def test_cloud_event(called: Called) -> None:
    """An event may come in the form of CloudEvents."""
    called.serve()

    async def scenario() -> None:
        event = called.event("a.txt", called.app.put("a.txt", "x"))
        event["type"] = event.pop("eventType")
        assert (await called.call(event)).status == 202
        await until(lambda: called.seen)

    called.run(scenario)


def test_events_of_others(called: Called) -> None:
    """Blobs that the path does not match, in other containers too, and events of other kinds are passed over."""
    called.serve()

    async def scenario() -> None:
        events = [
            called.event("a.png", called.app.put("a.png", "no")),
            called.event("a.txt", "0x1", eventType="Microsoft.Storage.BlobDeleted"),
            called.event("b.txt", called.app.put("b.txt", "yes")),
        ]
        events.append(
            {**events[2], "data": {**events[2]["data"], "url": "https://x.blob.core.windows.net/other/b.txt"}}
        )
        assert (await called.call(events)).status == 202
        await until(lambda: called.seen)
        await asyncio.sleep(0.3)
        assert called.seen == ["yes"]

    called.run(scenario)


def test_no_scan(called: Called) -> None:
    """Nobody looks at the container of such a function: what no event tells of is not found."""
    called.serve()

    async def scenario() -> None:
        called.app.put("a.txt", "x")
        await asyncio.sleep(0.5)
        assert called.seen == []

    called.run(scenario)


def test_handshake(called: Called) -> None:
    """The webhook proves that it is meant to get the events."""
    called.serve()

    async def scenario() -> None:
        reply = await called.call([{"data": {"validationCode": "code"}}], "SubscriptionValidation")
        assert (reply.status, json.loads(reply.body)) == (200, {"validationResponse": "code"})

    called.run(scenario)


@pytest.mark.parametrize("name", ["", "F", "Host.Functions.Other", "Host.Functions.Scanned"])
def test_unknown_function(called: Called, name: str) -> None:
    """A function that is not there, or that Event Grid is not meant to tell, is 404."""
    called.serve()
    called.serve("Scanned", source="LogsAndContainerScan")

    async def scenario() -> None:
        reply = await called.call([], name=name)
        assert (reply.status, reply.body) == (404, f"cannot find function: '{name}'".encode())

    called.run(scenario)


@pytest.mark.parametrize(
    "event",
    [
        b"nonsense",
        [5],
        {"eventType": "Microsoft.Storage.BlobCreated"},
        {"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": 5}},
        {"eventType": "Microsoft.Storage.BlobCreated", "data": {"url": "nowhere"}},
    ],
)
def test_no_event(called: Called, event: Any) -> None:
    """What is no event of a storage account is 400, with what was expected."""
    called.serve()

    async def scenario() -> None:
        assert (await called.call(event)).status == 400

    called.run(scenario)
