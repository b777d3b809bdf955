"""The legacy transport, HTTP with Server-Sent Events: a stream for each session; messages are posted beside it.

A session lives in the process that has its stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl, quote

from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply, HttpStream
from hosting_mcp.calls import Client
from hosting_mcp.jsonrpc import Message, Notification, Request
from hosting_mcp.server import McpServer
from hosting_mcp.sessions import SessionIds
from hosting_mcp.streams import EVENT_HEADERS, EventStream

MAX_REQUESTS = 1000
"""The number of requests of one session that may run, or whose answers wait for the client, at the same time."""

_STATE = "azmcpcs"
_TEXT = (b"content-type", b"text/plain; charset=utf-8")


class LegacySessions:
    """The open streams of this process.

    Args:
        server: answers their requests.
        ids: makes their ids.
    """

    def __init__(self, server: McpServer, ids: SessionIds) -> None:
        self._server = server
        self._ids = ids
        self._sessions: dict[str, _Session] = {}

    def stop(self) -> None:
        """End all streams, each after the answers to its running requests."""
        for session in self._sessions.values():
            session.stop()

    def open(self, call: HttpCall) -> HttpReply:
        """Open a stream: it begins with the address for the messages of its session."""
        if call.method != "GET":
            return HttpReply(405, [], b"")
        state = self._ids.new()
        address = f"message?{_STATE}={quote(state)}"
        key = call.headers.get("x-functions-key") or _query(call, "code")
        if key:
            address += f"&code={quote(key)}"
        if self._server.options.uses_absolute_uri:
            base = call.url.partition("?")[0].rstrip("/")
            address = f"{base.rpartition('/')[0]}/{address}"
        return HttpStream(200, EVENT_HEADERS, self._events(state, address), ends_with_host=True)

    def take(self, call: HttpCall, message: Message) -> HttpReply:
        """Take a message of a session; the response goes down its stream."""
        session = self._sessions.get(_query(call, _STATE))
        if session is None:
            return HttpReply(400, [_TEXT], b"The session does not exist in this process, or its stream has ended.\n")
        if isinstance(message, Notification) and message.method == "notifications/cancelled":
            self._server.cancel(session.id, message.params)
        if isinstance(message, Request):
            if len(session.tasks) + session.stream.unread >= MAX_REQUESTS:
                return HttpReply(429, [_TEXT], b"The session has too many requests without an answer that was read.\n")
            session.run(self._respond(message, session, call))
        return HttpReply(202, [_TEXT], b"Accepted")

    async def _respond(self, request: Request, session: _Session, call: HttpCall) -> None:
        client = Client("http-sse", session.id, call.headers, session.info, http=call)
        response = await self._server.respond(request, client)
        session.info = client.info
        if response is not None:
            session.stream.send(response)

    async def _events(self, state: str, address: str) -> AsyncGenerator[bytes, None]:
        session = self._sessions[state] = _Session(state.partition("|")[0])
        try:
            yield f"event: endpoint\ndata: {address}\n\n".encode()
            async for piece in session.stream.events():
                yield piece
        finally:
            del self._sessions[state]
            session.cancel()


class _Session:
    """A stream, and what runs for it.

    Args:
        session_id: its id.
    """

    def __init__(self, session_id: str) -> None:
        self.id = session_id
        self.info: Any = None
        self.stream = EventStream(pings=True)
        self.tasks: set[asyncio.Task[None]] = set()
        self._is_stopped = False

    def run(self, coroutine: Any) -> None:
        """Run the answer to a request."""
        task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._on_end)

    def stop(self) -> None:
        """End the stream when nothing runs for it."""
        self._is_stopped = True
        if not self.tasks:
            self.stream.end()

    def cancel(self) -> None:
        """Cancel what runs."""
        for task in self.tasks:
            task.cancel("the stream of the session has ended")

    def _on_end(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if self._is_stopped:
            self.stop()


def _query(call: HttpCall, name: str) -> str:
    """Return a parameter of the query, ignoring the case of its name; empty if it is missing."""
    return next((value for key, value in parse_qsl(call.query) if key.lower() == name), "")
