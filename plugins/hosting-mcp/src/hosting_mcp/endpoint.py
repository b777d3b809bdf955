"""The webhook ``/runtime/webhooks/mcp``: streamable HTTP, and by the end of the path the legacy transport."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncGenerator
from typing import Any

from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply, HttpStream
from hosting_mcp.calls import NO_SESSION, Client
from hosting_mcp.jsonrpc import (
    SERVER_ERROR,
    Message,
    Notification,
    Request,
    error_message,
    notification_message,
    parse_message,
)
from hosting_mcp.legacy import LegacySessions
from hosting_mcp.notifications import Reporter
from hosting_mcp.protected import metadata_reply, refusal_reply, unauthorized_reply
from hosting_mcp.server import CallRefused, McpServer
from hosting_mcp.sessions import SessionIds
from hosting_mcp.streams import EVENT_HEADERS, EventStream, event

_JSON = (b"content-type", b"application/json; charset=utf-8")
_VERSION = re.compile(r"\d{4}-\d\d-\d\d")
_ANY, _JSON_TYPE, _STREAM_TYPE = "*/*", "application/json", "text/event-stream"
_USUAL_ACCEPT = f"{_JSON_TYPE}, {_STREAM_TYPE}"
_METADATA = ".well-known/oauth-protected-resource"


class Endpoint:
    """Answers HTTP requests.

    Args:
        server: answers the messages in them.
        ids: makes and checks session ids.
    """

    def __init__(self, server: McpServer, ids: SessionIds) -> None:
        self._server = server
        self._ids = ids
        self._beyond = server.options.beyond
        # A response that has begun, such as that with notifications, cannot be replaced.
        self._may_refuse = self._beyond.protected_resource is not None and not self._beyond.notifications
        self._legacy = LegacySessions(server, ids)
        self._streams: set[EventStream] = set()
        self._is_stopped = False

    def stop(self) -> None:
        """End all streams, those of legacy sessions after the answers to their running requests; take no new ones."""
        self._is_stopped = True
        self._legacy.stop()
        for stream in self._streams:
            stream.end()

    def resume(self) -> None:
        """Take streams again."""
        self._is_stopped = False

    async def answer(self, call: HttpCall) -> HttpReply:
        """Answer one request."""
        protected, rest = self._beyond.protected_resource, call.route_values["rest"].rstrip("/").lower()
        if protected is not None:
            if rest == _METADATA:
                return metadata_reply(call, protected)
            if "authorization" not in call.headers:
                return unauthorized_reply(call)
        if rest.endswith("sse"):
            is_refused = self._is_stopped and call.method == "GET"
            return self._stopping() if is_refused else self._legacy.open(call)
        if rest.endswith("message"):
            message = self._message(call) if call.method == "POST" else empty(405)
            return message if isinstance(message, HttpReply) else self._legacy.take(call, message)
        if call.method == "GET" and self._beyond.streams:
            return self._open_stream(call)
        return await self._post(call) if call.method == "POST" else empty(405)

    async def _post(self, call: HttpCall) -> HttpReply:
        """Answer a message of streamable HTTP."""
        headers = call.headers
        accept = headers.get("accept", "")
        if accept != _USUAL_ACCEPT and not _accepts(accept, _JSON_TYPE, _STREAM_TYPE):
            return refused(406, "Not Acceptable: Client must accept both application/json and text/event-stream")
        message = self._message(call)
        if isinstance(message, HttpReply):
            return message
        session_id = headers.get("mcp-session-id", NO_SESSION)
        if isinstance(message, Notification) and message.method == "notifications/cancelled":
            self._cancel(session_id, message)
        if not isinstance(message, Request):
            return HttpReply(202, [], b"")
        call.cancel_on_disconnect()
        client = Client(
            "http-streamable", session_id, headers, http=call, has_response=True, may_refuse=self._may_refuse
        )
        if self._beyond.notifications and message.method in ("tools/call", "resources/read", "prompts/get"):
            return HttpStream(200, EVENT_HEADERS, self._notified(message, client))
        try:
            response = await self._server.respond(message, client)
        except CallRefused as error:
            return refusal_reply(call, error.response)
        extra = [(b"mcp-session-id", self._ids.new().encode())] if message.method == "initialize" else []
        return HttpReply(200, [*EVENT_HEADERS, *extra], b"" if response is None else event(response))

    def _cancel(self, session_id: str, message: Notification) -> None:
        if session_id != NO_SESSION:  # which all clients without a session share
            self._server.cancel(session_id, message.params)

    def _message(self, call: HttpCall) -> Message | HttpReply:
        """Return the message of a request, or the reply to one that has none."""
        headers = call.headers
        # A page of another origin can send any other type unasked.
        if headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON_TYPE:
            return refused(415, "Unsupported Media Type: Content-Type must be application/json")
        if not self._has_valid_session(headers.get("mcp-session-id")):
            return refused(400, "Bad Request: The Mcp-Session-Id header is not a session id of this server")
        version = headers.get("mcp-protocol-version")
        if version is not None and not _VERSION.fullmatch(version):
            return refused(400, "Bad Request: The MCP-Protocol-Version header is not a version of the protocol")
        try:
            return parse_message(call.body)
        except ValueError:
            return refused(400, "Bad Request: The POST body did not contain a valid JSON-RPC message.")

    @staticmethod
    def _stopping() -> HttpReply:
        """Return the reply to a client that opens a stream while the host stops, or is drained."""
        return refused(503, "Service Unavailable: The host takes no new streams, because it stops")

    def _has_valid_session(self, session_id: str | None) -> bool:
        try:
            return session_id is None or bool(self._ids.instance_of(session_id))
        except ValueError:
            return False

    async def _notified(self, request: Request, client: Client) -> AsyncGenerator[bytes, None]:
        """Yield the notifications of a call, and its response."""
        stream = EventStream()
        reporter = Reporter(stream.send_or_drop, progress_token(request))

        async def respond() -> dict[str, Any] | None:
            reporter.activate()
            return await self._server.respond(request, client)

        task = asyncio.ensure_future(respond())
        task.add_done_callback(lambda _: stream.end())
        try:
            async for piece in stream.events():
                yield piece
            response = task.result()
            if response is not None:
                yield event(response)
        finally:
            task.cancel()

    def _open_stream(self, call: HttpCall) -> HttpReply:
        """Open the stream of a session for messages of the server."""
        if not _accepts(call.headers.get("accept", ""), _STREAM_TYPE):
            return refused(406, "Not Acceptable: Client must accept text/event-stream")
        session_id = call.headers.get("mcp-session-id")
        if session_id is None or not self._has_valid_session(session_id):
            return refused(400, "Bad Request: A valid Mcp-Session-Id header is required")
        if self._is_stopped:
            return self._stopping()
        return HttpStream(200, EVENT_HEADERS, self._changes(self._ids.instance_of(session_id)), ends_with_host=True)

    async def _changes(self, instance: str) -> AsyncGenerator[bytes, None]:
        """Report to a session of an earlier process that the lists may have changed; then wait for the end."""
        stream = EventStream()
        self._streams.add(stream)
        if instance != self._ids.instance:
            for kind in ("tools", "resources", "prompts"):
                stream.send(notification_message(f"notifications/{kind}/list_changed"))
        try:
            yield b": stream\n\n"  # so that the client gets the headers
            async for piece in stream.events():
                yield piece
        finally:
            self._streams.discard(stream)


def progress_token(request: Request) -> Any:
    """Return the client's name for a call; None if it has none."""
    meta = request.params.get("_meta")
    return meta.get("progressToken") if isinstance(meta, dict) else None


def empty(status: int) -> HttpReply:
    """Return a response without a body."""
    return HttpReply(status, [], b"")


def refused(status: int, message: str) -> HttpReply:
    """Return the response to a request without a message: an error of JSON-RPC that belongs to no request."""
    return HttpReply(status, [_JSON], json.dumps(error_message(None, SERVER_ERROR, message)).encode())


def _accepts(header: str, *types: str) -> bool:
    """Return whether an Accept header allows each of some types."""
    ranges = {one.partition(";")[0].strip().lower() for one in header.split(",")}
    return all({kind, kind.partition("/")[0] + "/*", _ANY} & ranges for kind in types)
