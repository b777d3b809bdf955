"""The ASGI application of a function host. Plain ASGI, since every layer between costs each request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.request import HttpCall, decode_path, parse_headers
from hosting.bindings.http.response import Headers, HttpReply
from hosting.bindings.http.routes import Route
from hosting.faces.admin import Admin
from hosting.host.function_host import FunctionHost

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

NO_BODY = frozenset((204, 304))

_logger = logging.getLogger("hosting.http")


def empty(status: int) -> HttpReply:
    """A reply without headers and body."""
    return HttpReply(status, [], b"")


class Disconnected(Exception):
    """The client went away before its request was whole."""


class HostApp:
    """Serves a function host: its routes, the home page, and the endpoints below ``/admin``.

    Args:
        host: the function host, loaded.
        grace: seconds that running invocations have to finish when the server shuts down.
    """

    def __init__(self, host: FunctionHost, *, grace: float = 10.0) -> None:
        self.host = host
        self.failure: BaseException | None = None
        """Why the host could not start, once a server has tried."""
        self._grace = grace
        self._match = host.router().match
        self._admin = Admin(host)
        self._warned: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the ASGI protocol: ``http`` or ``lifespan``."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        path = scope["path"]
        if "%" in path or b"%" in scope["raw_path"] or "/." in path:
            decoded = decode_path(scope)
            if decoded is None:
                return await respond(send, method, empty(400))
            path = decoded
        if self._admin.takes(path):
            return await respond(send, method, await self._admin.answer(method, path))
        found = self._match(method, path)
        if found is None:
            return await respond(send, method, self._admin.home() if path == "/" else empty(404))
        try:
            reply = await self._function(scope, receive, *found)
        except Disconnected:
            return None
        except asyncio.CancelledError:
            # The grace period is over; whoever waits is told before the connection closes.
            reply = empty(500)
        return await respond(send, method, reply)

    async def _function(
        self, scope: Scope, receive: Receive, route: Route[HttpTrigger], values: Mapping[str, str]
    ) -> HttpReply:
        trigger = route.target
        if trigger.disabled or trigger.run is None:
            return empty(404)
        headers = parse_headers(scope["headers"])
        body = b""
        if "content-length" in headers:
            body = await read_body(receive)
        elif "transfer-encoding" in headers:
            body = await read_body(receive)
            self._warn(f"Function '{route.function}' received a chunked request body. In Azure it would arrive empty.")
        if scope["method"] == "HEAD" and not route.takes("HEAD"):
            self._warn(f"Function '{route.function}' answered a HEAD request through GET. Azure answers 404.")
        query = scope["query_string"].decode("latin-1")
        call = HttpCall(scope["method"], url_of(scope, headers, query), headers, query, values, body)
        result = await trigger.run(call, headers.get("traceparent", ""), headers.get("tracestate", ""))
        if result.exception is not None:
            return empty(500)
        reply: HttpReply | None = result.reply
        return empty(200) if reply is None else reply

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _logger.warning(message)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.host.start()
        except Exception as error:  # noqa: BLE001 - told by whoever runs the server
            self.failure = error
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.host.drain(self._grace)
        await self.host.stop()
        await send({"type": "lifespan.shutdown.complete"})


def url_of(scope: Scope, headers: Mapping[str, str], query: str) -> str:
    """The address that was asked for, path and query as they were sent."""
    authority = headers.get("host") or "{}:{}".format(*(scope.get("server") or ("localhost", 80)))
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return f"{scope['scheme']}://{authority}{path}?{query}" if query else f"{scope['scheme']}://{authority}{path}"


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request.

    Raises:
        Disconnected: the client went away before the end.
    """
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        whole: bytes = message["body"]
        return whole
    pieces: list[bytes] = []
    while message["type"] == "http.request":
        pieces.append(message["body"])
        if not message.get("more_body"):
            return b"".join(pieces)
        message = await receive()
    raise Disconnected


async def respond(send: Send, method: str, reply: HttpReply) -> None:
    """Send a reply, framed by its length."""
    headers: Headers = reply.headers
    body = reply.body
    if reply.status in NO_BODY:
        body = b""
    else:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
