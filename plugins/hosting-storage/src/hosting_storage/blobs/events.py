"""Blob events from Event Grid: ``/runtime/webhooks/blobs?functionName=Host.Functions.NAME``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hosting.bindings import host_logger
from hosting.bindings.eventgrid.webhook import answer_webhook, requested_function, text_reply
from hosting_storage.blobs.messages import BlobVersion, quoted
from hosting_storage.blobs.paths import BlobPath
from hosting_storage.blobs.trigger import BlobTrigger

if TYPE_CHECKING:
    from hosting.bindings.http.request import HttpCall
    from hosting.bindings.http.response import HttpReply

WEBHOOK = "blobs"

_CREATED = "Microsoft.Storage.BlobCreated"

_logger = host_logger("storage.blobs")


async def answer(
    call: HttpCall, triggers: Mapping[str, BlobTrigger], announce: Callable[[BlobVersion], Awaitable[bool]]
) -> HttpReply:
    """Respond to Event Grid's handshakes and deliveries. A delivery is accepted when all its blobs are announced.

    Args:
        call: the request.
        triggers: the triggers with source EventGrid, by function id in lower case.
        announce: announces a version of a blob.

    Raises:
        azure.core.exceptions.AzureError: the storage request failed; Event Grid then repeats the delivery.
    """
    name = requested_function(call)
    trigger = triggers.get(name.lower())
    if trigger is None:
        return text_reply(404, f"cannot find function: '{name}'")

    async def deliver(events: Sequence[Mapping[str, Any]]) -> bool:
        versions = {version for event in events if (version := _version(trigger, event))}
        return all(await asyncio.gather(*map(announce, versions)))

    return await answer_webhook(call, trigger.name, deliver)


def _version(trigger: BlobTrigger, event: Mapping[str, Any]) -> BlobVersion | None:
    """Return the version of a blob that an event reports; None if the trigger's path does not match it.

    Raises:
        ValueError: it is not an event of a storage account.
    """
    if _CREATED not in (event.get("eventType"), event.get("type")):
        return None
    data = event.get("data")
    if not isinstance(data, Mapping) or not isinstance(data.get("url"), str):
        raise ValueError(f"expected an event {_CREATED} with data.url.")
    path = BlobPath.of_url(data["url"])
    if not trigger.matches(path):
        _logger.debug("Blob '%s' does not match '%s', the path of %s.", path, trigger.pattern.text, trigger.name)
        return None
    etag, kind = str(data.get("eTag") or ""), str(data.get("blobType") or "BlockBlob")
    return BlobVersion(trigger.function_id, path, quoted(etag), kind)
