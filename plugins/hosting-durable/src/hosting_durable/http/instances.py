"""The part of the API about orchestrations."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import replace

from hosting_durable.errors import InstanceExists, UnknownInstance, WrongState
from hosting_durable.http.documents import status_document
from hosting_durable.http.requests import ApiReply, ApiRequest, BadRequest, error_reply, json_reply, parsed
from hosting_durable.hub import TaskHub
from hosting_durable.model import EntityPage, Instance, InstanceQuery, Page
from hosting_durable.status import Status

Handler = Callable[[ApiRequest], Awaitable[ApiReply]]

TOKEN_HEADER = "x-ms-continuation-token"
MAX_PAGE = 1000
"""The most entries of a page, whatever ``top`` asks for: more pages follow."""

_DEFAULT_PAGE = 100
_ASK_AGAIN_SECONDS = "5"
_CHECK_SECONDS = "10"
_MAX_WAIT_SECONDS = 230.0
"""The most seconds that a request waits for the end of an orchestration: Azure's load balancer allows no more."""


class Instances:
    """Replies to requests about orchestrations.

    Args:
        hub: the hub.
    """

    def __init__(self, hub: TaskHub) -> None:
        self._hub = hub

    def starting(self, request: ApiRequest) -> Handler | None:
        """Return what replies below ``orchestrators``; None for an unknown method or path."""
        is_known = request.method == "POST" and len(request.segments) in (2, 3) and request.segments[1]
        return self._start if is_known else None

    def handler(self, request: ApiRequest) -> Handler | None:
        """Return what replies below ``instances``; None for an unknown method or path."""
        match request.method, request.segments:
            case "GET", [_]:
                return self._list
            case "DELETE", [_]:
                return self._purge_by
            case "GET", [_, _]:
                return self._status
            case "DELETE", [_, _]:
                return self._purge
            case "POST", [_, _, verb]:
                return self._verbs().get(verb.lower())
            case "POST", [_, _, verb, _, *_] if verb.lower() == "raiseevent":
                return self._raise
        return None

    def _verbs(self) -> dict[str, Handler]:
        return {
            "terminate": self._reasoned("terminate"),
            "suspend": self._reasoned("suspend"),
            "resume": self._reasoned("resume"),
            "rewind": self._rewind,
            "restart": self._restart,
        }

    async def _start(self, request: ApiRequest) -> ApiReply:
        instance_id = request.segments[2] if len(request.segments) == 3 else None
        started = await self._hub.start_orchestration(
            request.segments[1],
            request.json_text(),
            instance_id,
            request.query.get("version") or None,
            trace_parent=request.trace.parent,
            trace_state=request.trace.state,
        )
        return await self._check_status(request, started)

    async def _check_status(self, request: ApiRequest, instance_id: str) -> ApiReply:
        """Return the addresses of a new orchestration, or its result if the request waits for it."""
        timeout, interval = request.number("timeout"), request.number("pollingInterval")
        if timeout is not None and interval is not None:
            if timeout < interval:
                raise BadRequest(f"Total timeout {timeout:g} should be bigger than retry timeout {interval:g}")
            try:
                finished = await self._hub.wait_for_completion(instance_id, min(timeout, _MAX_WAIT_SECONDS))
            except TimeoutError:
                pass
            else:
                return _result(request, finished)
        links = request.links.management(instance_id, with_rewind=False)
        return json_reply(202, links, location=links["statusQueryGetUri"], retry_after=_CHECK_SECONDS)

    async def _status(self, request: ApiRequest) -> ApiReply:
        shows_history = request.flag("showHistory", False)
        try:
            instance = await self._hub.get_instance(request.segments[1], with_history=shows_history)
        except UnknownInstance:
            return ApiReply(404)
        return _status_reply(request, instance)

    async def _list(self, request: ApiRequest) -> ApiReply:
        page = await self._hub.query(replace(_query(request), with_entities=True))
        shows_input = request.flag("showInput", True)
        documents = [status_document(one, shows_input=shows_input) for one in page.instances]
        return json_reply(200, documents, **continuation(page))

    async def _purge(self, request: ApiRequest) -> ApiReply:
        try:
            is_deleted = await self._hub.purge(request.segments[1])
        except WrongState as error:
            return error_reply(412, error.message)
        return json_reply(200, {"instancesDeleted": 1}) if is_deleted else error_reply(404, _unknown(request))

    async def _purge_by(self, request: ApiRequest) -> ApiReply:
        query = _query(request)
        if query.created_from is None:
            raise BadRequest("Please provide value for 'createdTimeFrom' parameter.")
        deleted = await self._hub.purge_by(query)
        text = "No finished instance is in this range."
        return json_reply(200, {"instancesDeleted": deleted}) if deleted else error_reply(404, text)

    async def _raise(self, request: ApiRequest) -> ApiReply:
        _, instance_id, _, *name = request.segments
        instance = await self._hub.get_instance(instance_id)
        if instance.status.is_finished:
            return error_reply(410, f"Instance with ID {instance_id} is gone: either completed or failed")
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != "application/json":
            raise BadRequest("Only application/json request content is supported")
        # The SDK does not encode a slash in the name of an event.
        await self._hub.raise_event(instance_id, "/".join(name), request.json_text())
        return ApiReply(202)

    def _reasoned(self, verb: str) -> Handler:
        async def send(request: ApiRequest) -> ApiReply:
            await getattr(self._hub, verb)(request.segments[1], request.query.get("reason", ""))
            return ApiReply(202)

        return send

    async def _rewind(self, request: ApiRequest) -> ApiReply:
        try:
            await self._hub.rewind(request.segments[1], request.query.get("reason", ""))
        except WrongState as error:
            return error_reply(410 if error.status.is_finished else 412, error.message)
        return ApiReply(202)

    async def _restart(self, request: ApiRequest) -> ApiReply:
        with_new_id = request.flag("restartWithNewInstanceId", True)
        try:
            started = await self._hub.restart(request.segments[1], with_new_id=with_new_id)
        except UnknownInstance:
            raise BadRequest("InstanceId does not match a valid orchestration instance.") from None
        except InstanceExists as error:
            return error_reply(409, error.message)
        return await self._check_status(request, started)


def continuation(page: Page | EntityPage) -> dict[str, str]:
    """Return the header that leads to the next page of a list; none on the last page."""
    if not page.continuation:
        return {}
    return {TOKEN_HEADER: base64.urlsafe_b64encode(page.continuation.encode()).decode()}


def read_continuation(request: ApiRequest) -> str:
    """Return what ``continuation`` has put into the header of the page before; empty for the first page.

    Raises:
        BadRequest: it is something else.
    """
    token = request.headers.get(TOKEN_HEADER, "")
    try:
        return base64.b64decode(token.encode("ascii"), b"-_", validate=True).decode()
    except (binascii.Error, UnicodeError):
        raise BadRequest(f"The header {TOKEN_HEADER} is not the one of a previous page.") from None


def page_size(request: ApiRequest) -> int:
    """Return how many entries a page has: ``top``, or 100."""
    asked = request.number("top")
    return min(max(int(asked), 1), MAX_PAGE) if asked else _DEFAULT_PAGE


def _query(request: ApiRequest) -> InstanceQuery:
    names = {name.strip().lower() for name in request.query.get("runtimestatus", "").split(",")}
    return InstanceQuery(
        prefix=request.query.get("instanceidprefix", ""),
        created_from=request.time("createdTimeFrom"),
        created_to=request.time("createdTimeTo"),
        statuses=frozenset(status for status in Status if status.value.lower() in names),
        limit=page_size(request),
        continuation=read_continuation(request),
    )


def _status_reply(request: ApiRequest, instance: Instance) -> ApiReply:
    document = status_document(
        instance,
        shows_input=request.flag("showInput", True),
        shows_history=request.flag("showHistory", False),
        shows_outputs=request.flag("showHistoryOutput", False),
    )
    if not instance.status.is_finished:
        return json_reply(202, document, location=request.url, retry_after=_ASK_AGAIN_SECONDS)
    is_error = instance.status is Status.FAILED and request.flag("returnInternalServerErrorOnFailure", False)
    return json_reply(500 if is_error else 200, document)


def _result(request: ApiRequest, instance: Instance) -> ApiReply:
    """Return the output of a completed orchestration, and the status of one that has ended in another way."""
    if instance.status is Status.COMPLETED:
        return json_reply(200, parsed(instance.output))
    return _status_reply(request, instance)


def _unknown(request: ApiRequest) -> str:
    return f"No instance with ID '{request.segments[1]}' found."
