"""The part of the API about entities."""

from __future__ import annotations

import json

from hosting_durable.http.documents import entity_document
from hosting_durable.http.instances import Handler, continuation, page_size, read_continuation
from hosting_durable.http.requests import ApiReply, ApiRequest, error_reply, is_json, json_reply, parsed
from hosting_durable.hub import TaskHub
from hosting_durable.model import EntityId, EntityQuery

_EMPTY_KEY = "$"
"""The segment that stands for an empty key."""
_DELETE = "delete"
"""The operation that deletes an entity."""


class Entities:
    """Replies to requests about entities.

    Args:
        hub: the hub.
    """

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    def handler(self, request: ApiRequest) -> Handler | None:
        """Return what replies below ``entities``; None for an unknown method or path."""
        match request.method, request.segments:
            case "GET", [_] | [_, _]:
                return self._list
            case "GET", [_, _, _]:
                return self._read
            case "POST", [_, _, _]:
                return self._signal
            case "DELETE", [_, _, _]:
                return self._delete
        return None

    async def _read(self, request: ApiRequest) -> ApiReply:
        entity = await self._hub.read_entity(_entity(request))
        if entity is None or entity.state is None:
            return ApiReply(404)
        return json_reply(200, parsed(entity.state))

    async def _list(self, request: ApiRequest) -> ApiReply:
        shows_state = request.flag("fetchState", False)
        query = EntityQuery(
            name=request.segments[1] if len(request.segments) == 2 else "",
            fetch_state=shows_state,
            updated_from=request.time("lastOperationTimeFrom"),
            updated_to=request.time("lastOperationTimeTo"),
            limit=page_size(request),
            continuation=read_continuation(request),
        )
        page = await self._hub.list_entities(query)
        return json_reply(
            200, [entity_document(one, shows_state=shows_state) for one in page.entities], **continuation(page)
        )

    async def _signal(self, request: ApiRequest) -> ApiReply:
        text = request.text()
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if text is not None and (media_type.startswith("text/") or not is_json(text)):
            if media_type == "application/json":
                return error_reply(400, "Invalid JSON content", "System.ArgumentException")
            text = json.dumps(text)
        await self._hub.signal_entity(_entity(request), request.query.get("op", ""), text, trace=request.trace)
        return ApiReply(202)

    async def _delete(self, request: ApiRequest) -> ApiReply:
        await self._hub.signal_entity(_entity(request), _DELETE)
        return ApiReply(202)


def _entity(request: ApiRequest) -> EntityId:
    _, name, key = request.segments
    return EntityId.of(name, "" if key == _EMPTY_KEY else key)
