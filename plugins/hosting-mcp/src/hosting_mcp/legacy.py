"""The legacy transport, HTTP with Server-Sent Events: a stream for each session; messages are posted beside it.

A session lives in the process that has its stream.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qsl, quote

from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import Headers, HttpReply, HttpStream
from hosting_mcp.calls import Client
from hosting_mcp.jsonrpc import Message, Notification, Request, compact_json
from hosting_mcp.server import McpServer
from hosting_mcp.sessions import SessionIds

QUIET_SECONDS = 5.0
"""After this time without a message, a stream gets a comment: only a write shows that its client has disconnected."""
QUIET_TIMES_PER_PING = 5
"""Every fifth time, it gets a ping instead, as in Azure."""
MAX_REQUESTS = 1000
"""The number of requests of one session that may run at the same time."""

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
        """End all streams."""
        for session in self._sessions.values():
            session.messages.put_nowait(None)

    def open(self, call: HttpCall, headers: Headers) -> HttpReply:
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
        return HttpStream(200, headers, self._events(state, address))

    def take(self, call: HttpCall, message: Message) -> HttpReply:
        """Take a message of a session; the response goes down its stream."""
        session = self._sessions.get(_query(call, _STATE))
        if session is None:
            return HttpReply(400, [_TEXT], b"The session does not exist in this process, or its stream has ended.\n")
        if isinstance(message, Notification) and message.method == "notifications/cancelled":
            self._server.cancel(session.id, message.params)
        if isinstance(message, Request):
            if len(session.tasks) >= MAX_REQUESTS:
                return HttpReply(429, [_TEXT], b"The session has too many running requests.\n")
            session.run(self._respond(message, session, call))
        return HttpReply(202, [_TEXT], b"Accepted")

    async def _respond(self, request: Request, session: _Session, call: HttpCall) -> None:
        client = Client("http-sse", session.id, call.headers, session.info)
        response = await self._server.respond(request, client)
        session.info = client.info
        if response is not None:
            session.messages.put_nowait(response)

    async def _events(self, state: str, address: str) -> AsyncGenerator[bytes, None]:
        session = self._sessions[state] = _Session(state.partition("|")[0])
        try:
            yield f"event: endpoint\ndata: {address}\n\n".encode()
            while (message := await session.next_message()) is not None:
                yield f"event: message\ndata: {compact_json(message)}\n\n".encode() if message else b": quiet\n\n"
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
        self.messages: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self.tasks: set[asyncio.Task[None]] = set()
        self._quiet_times = 0

    def run(self, coroutine: Any) -> None:
        """Run the answer to a request."""
        task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def cancel(self) -> None:
        """Cancel what runs."""
        for task in self.tasks:
            task.cancel("the stream of the session has ended")

    async def next_message(self) -> dict[str, Any] | None:
        """Return the next message; an empty one or a ping if there is none for a while, and None at the end."""
        try:
            async with asyncio.timeout(QUIET_SECONDS):
                return await self.messages.get()
        except TimeoutError:
            self._quiet_times += 1
            pings, rest = divmod(self._quiet_times, QUIET_TIMES_PER_PING)
            return {} if rest else {"jsonrpc": "2.0", "id": f"ping-{pings}", "method": "ping"}


def _query(call: HttpCall, name: str) -> str:
    """Return a parameter of the query, ignoring the case of its name; empty if it is missing."""
    return next((value for key, value in parse_qsl(call.query) if key.lower() == name), "")
