"""The ASGI application of a function host. Plain ASGI, since every layer between costs each request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.request import HttpCall, decode_path, parse_headers
from hosting.bindings.http.response import Headers, HttpReply
from hosting.bindings.http.routes import Route
from hosting.bindings.http.streams import StreamCall, StreamReply
from hosting.host.function_host import FunctionHost
from hosting.server.admin.app import Admin
from hosting.server.body import Disconnected, TooLarge, body_limit, declared_length, read_body, refuse_body
from hosting.server.disconnect import cancel_on_disconnect, disconnect, is_disconnected
from hosting.server.limits import throttled
from hosting.server.middleware.cors import Cors, CorsPolicy
from hosting.server.middleware.headers import with_headers
from hosting.server.types import Receive, Scope, Send, empty, url_of
from hosting.server.webhooks import Webhooks

if TYPE_CHECKING:
    from hosting.server.auth import MasterKey
    from hosting.server.keys import Keys

NO_BODY = frozenset((204, 304))
_OWN = frozenset(("/admin/", "/runtim"))
"""What the paths begin with that the host itself may answer: one look at each path, since it is on everybody's way."""

_logger = logging.getLogger("hosting.http")


class HostApp:
    """Serves a function host: its routes, the home page, and the endpoints below ``/admin``.

    Keys, CORS, headers and limits stand around it only where they are asked for.

    Args:
        host: the function host, loaded.
        grace: seconds that running invocations have to finish when the server shuts down.
        keys: those that callers need; None where everything is open.
        cors: which other origins may read answers; None for none.

    Raises:
        SettingsError: a value of ``extensions.http`` in host.json, or a setting, cannot be used.
    """

    def __init__(
        self,
        host: FunctionHost,
        *,
        grace: float = 10.0,
        keys: Keys | None = None,
        cors: CorsPolicy | None = None,
    ) -> None:
        self.host = host
        self.failure: BaseException | None = None
        """Why the host could not start, once a server has tried."""
        self._grace = grace
        self._match = host.router().match
        self._limit = body_limit(host.environ)
        self._warned: set[str] = set()
        self._answer = throttled(self._function, host.section("extensions", "http"))
        opens = None if keys is None else self._lock(keys)
        self._admin = Admin(host, opens, self._limit)
        self._webhooks = Webhooks(host.webhooks, keys, self._limit)
        http = with_headers(self._request, host.section("extensions", "http"))
        self._http = http if cors is None else Cors(http, cors)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the ASGI protocol: ``http`` or ``lifespan``."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)

    async def drain(self, grace: float) -> bool:
        """Take no new work and wait for running invocations; say whether all of them finished."""
        return await self.host.drain(grace)

    def _lock(self, keys: Keys) -> MasterKey:
        """Ask for keys: who has none takes no place in the queue of requests, either."""
        from hosting.server.auth import Gate, MasterKey  # costs a start what few starts need

        self._answer = Gate(self._answer, keys, self.host.router().routes)
        return MasterKey(keys)

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        path = scope["path"]
        if "%" in path or b"%" in scope["raw_path"] or "/." in path:
            decoded = decode_path(scope)
            if decoded is None:
                return await respond(send, method, empty(400))
            path = decoded
        try:
            if path[:7].lower() in _OWN and (own := await self._own(scope, receive, path)) is not None:
                return await respond(send, method, own)
            found = self._match(method, path)
            if found is None:
                return await respond(send, method, self._admin.home() if path == "/" else empty(404))
            reply = await self._answer(scope, receive, *found)
        except Disconnected:
            return None
        except TooLarge as error:
            return await refuse_body(receive, send, error.limit)
        except asyncio.CancelledError:
            # The grace period is over; whoever waits is told before the connection closes.
            reply = empty(500)
        if isinstance(reply, StreamReply):
            return await self._stream(scope, send, reply)
        return await respond(send, method, reply)

    async def _own(self, scope: Scope, receive: Receive, path: str) -> HttpReply | None:
        """What the host itself answers; None for a path that may be a function's."""
        if self._admin.takes(path):
            return await self._admin.answer(scope, receive, path)
        if self._webhooks.takes(path):
            return await self._webhooks.answer(scope, receive, path)
        return None

    async def _stream(self, scope: Scope, send: Send, reply: StreamReply) -> None:
        """Send until the end, until the client goes, or until the grace period is over."""
        try:
            if not is_disconnected(scope):
                cancel_on_disconnect(scope)
                with contextlib.suppress(asyncio.CancelledError):
                    await reply.send(scope, send)
        finally:
            reply.end()

    async def _function(
        self, scope: Scope, receive: Receive, route: Route[HttpTrigger], values: Mapping[str, str]
    ) -> HttpReply:
        trigger = route.target
        if trigger.disabled or trigger.run is None:
            return empty(404)
        if trigger.cancels:
            cancel_on_disconnect(scope)
        headers = parse_headers(scope["headers"])
        if trigger.streams is not None:
            stream = StreamCall(scope, receive, values)
            result = await trigger.run(stream, headers.get("traceparent", ""), headers.get("tracestate", ""))
            if result.exception is not None:
                return trigger.streams.failure(result.exception)
            return result.reply or empty(200)
        body = b""
        if "content-length" in headers:
            if declared_length(headers) > self._limit:
                raise TooLarge(self._limit)
            body = await read_body(receive, self._limit)
        elif "transfer-encoding" in headers:
            body = await read_body(receive, self._limit)
            self._warn(f"Function '{route.function}' received a chunked request body. In Azure it would arrive empty.")
        if scope["method"] == "HEAD" and not route.allows("HEAD"):
            self._warn(f"Function '{route.function}' answered a HEAD request through GET. Azure answers 404.")
        query = scope["query_string"].decode("latin-1")
        call = HttpCall(scope["method"], url_of(scope, headers, query), headers, query, values, body)
        result = await trigger.run(call, headers.get("traceparent", ""), headers.get("tracestate", ""))
        if result.exception is not None:
            return empty(500)
        reply: HttpReply | None = result.reply
        return empty(200) if reply is None else reply

    def on_disconnect(self, scope: Scope) -> None:
        """Cancel the async invocation that this request waits for; a function that runs in a thread goes on."""
        disconnect(scope)

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _logger.warning(message)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.host.start()
        except asyncio.CancelledError:
            return  # the server gave up
        except Exception as error:  # noqa: BLE001 - told by whoever runs the server
            self.failure = error
            await self._end()
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _end(self) -> None:
        await self.host.drain(self._grace)
        await self.host.stop()


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
