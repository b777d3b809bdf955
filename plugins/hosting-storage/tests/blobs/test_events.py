"""Blob triggers with Event Grid as source: handshakes, deliveries, and which function runs for which event."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
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


class EventGridWebhook:
    """A provider with the webhook for Event Grid, and the invocations of its functions."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.services = Services({}, {**app.environ, "AZURE_FUNCTIONS_ENVIRONMENT": "Development"})
        self.provider = BlobProvider(self.services)
        self.values: list[Any] = []
        self.reasons: list[str] = []

    def serve(self, name: str = "F", path: str = "{name}.txt", source: str = "EventGrid") -> BlobTrigger:
        binding = Binding("blob", "blobTrigger", "in", {"path": f"{self.app.container}/{path}", "source": source})
        trigger = self.provider.trigger(function(name, {"blob": str}), binding)

        async def invoke(
            data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
        ) -> Result:
            self.values.append(trigger.decode(data))
            self.reasons.append(reason)
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
        """Return an event as Event Grid sends it for a new blob."""
        address = self.app.blobs.service.get_blob_client(self.app.container, name).url
        data = {"api": "PutBlob", "eTag": etag.strip('"'), "blobType": "BlockBlob", "url": address}
        return {"id": "1", "eventType": "Microsoft.Storage.BlobCreated", "subject": "x", "data": data, **changes}

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        """Run the provider until the end of the block."""
        await self.provider.start()
        try:
            yield
        finally:
            await self.provider.stop()
            await self.provider.close()
            await self.services.close()


@pytest.fixture
def webhook(azurite: Azurite) -> Iterator[EventGridWebhook]:
    app = App(azurite)
    yield EventGridWebhook(app)
    app.blobs.close()


async def test_event_grid_delivery_runs_a_blob_once_for_each_version(webhook: EventGridWebhook) -> None:
    """A function runs for the blob of an event, once for each version however often it is delivered."""
    webhook.serve()

    async with webhook.run():
        event = webhook.event("ä b.txt", webhook.app.put("ä b.txt", "grün"))
        replies = [await webhook.call([event, event]), await webhook.call(event)]
        assert [reply.status for reply in replies] == [202, 202]
        await until(lambda: webhook.values)
        again = webhook.event("ä b.txt", webhook.app.put("ä b.txt", "blau"))
        assert (await webhook.call([again])).status == 202
        await until(lambda: len(webhook.values) == 2)
        last = webhook.event("last.txt", webhook.app.put("last.txt", "last"))
        assert (await webhook.call([last])).status == 202
        await until(lambda: "last" in webhook.values)
        assert webhook.values == ["grün", "blau", "last"]
        assert webhook.reasons[0] == f"New blob detected(EventGrid): {webhook.app.container}/ä b.txt"


async def test_cloud_event_runs_the_blob(webhook: EventGridWebhook) -> None:
    """An event may have the form of CloudEvents."""
    webhook.serve()

    async with webhook.run():
        event = webhook.event("a.txt", webhook.app.put("a.txt", "x"))
        event["type"] = event.pop("eventType")
        assert (await webhook.call(event)).status == 202
        await until(lambda: webhook.values)


async def test_events_of_other_blobs_and_kinds_are_ignored(webhook: EventGridWebhook) -> None:
    """Blobs that the path does not match, in other containers too, and events of other kinds are ignored."""
    webhook.serve()

    async with webhook.run():
        events = [
            webhook.event("a.png", webhook.app.put("a.png", "no")),
            webhook.event("a.txt", "0x1", eventType="Microsoft.Storage.BlobDeleted"),
            webhook.event("b.txt", webhook.app.put("b.txt", "yes")),
        ]
        events.append(
            {**events[2], "data": {**events[2]["data"], "url": "https://x.blob.core.windows.net/other/b.txt"}}
        )
        assert (await webhook.call(events)).status == 202
        await until(lambda: webhook.values)
        last = webhook.event("last.txt", webhook.app.put("last.txt", "last"))
        assert (await webhook.call([last])).status == 202
        await until(lambda: "last" in webhook.values)
        assert webhook.values == ["yes", "last"]


async def test_function_with_event_grid_source_does_not_scan(webhook: EventGridWebhook) -> None:
    """The container of such a function is not scanned: a blob without an event does not run."""
    webhook.serve()
    webhook.serve("Scanned", source="LogsAndContainerScan")

    async with webhook.run():
        for name in ("a.txt", "b.txt"):
            webhook.app.put(name, name)
            await until(lambda name=name: name in webhook.values)  # type: ignore[misc]
        assert webhook.values == ["a.txt", "b.txt"]
        assert all("(LogsAndContainerScan)" in reason for reason in webhook.reasons)


async def test_event_grid_handshake_returns_the_validation_code(webhook: EventGridWebhook) -> None:
    """The webhook proves that it expects the events."""
    webhook.serve()

    async with webhook.run():
        reply = await webhook.call([{"data": {"validationCode": "code"}}], "SubscriptionValidation")
        assert (reply.status, json.loads(reply.body)) == (200, {"validationResponse": "code"})


@pytest.mark.parametrize("name", ["", "F", "Host.Functions.Other", "Host.Functions.Scanned"])
async def test_event_for_an_unknown_function_is_not_found(webhook: EventGridWebhook, name: str) -> None:
    """A function that does not exist, or has no Event Grid source, is 404."""
    webhook.serve()
    webhook.serve("Scanned", source="LogsAndContainerScan")

    async with webhook.run():
        reply = await webhook.call([], name=name)
        assert (reply.status, reply.body) == (404, f"cannot find function: '{name}'".encode())


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
async def test_invalid_event_is_a_bad_request(webhook: EventGridWebhook, event: Any) -> None:
    """A body that is not an event of a storage account is 400."""
    webhook.serve()

    async with webhook.run():
        assert (await webhook.call(event)).status == 400
