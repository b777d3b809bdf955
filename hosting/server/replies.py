"""Sending replies: whole ones, streams, and those to requests that cannot be answered as they should."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable

from hosting.bindings.http.request import SENT
from hosting.bindings.http.response import Headers, HttpReply, PiecewiseReply
from hosting.server.body import BODY_INCOMPLETE, BODY_TOO_LARGE, Disconnected, TooLarge, refuse_body
from hosting.server.disconnect import cancel_on_disconnect, is_disconnected
from hosting.server.observation import observe
from hosting.server.types import ENDS_WITH_HOST, REFUSED, Receive, Scope, Send

_NO_BODY = frozenset((204, 304))


def empty(status: int) -> HttpReply:
    """Return a reply without headers and body."""
    return HttpReply(status, [], b"")


async def answer(scope: Scope, receive: Receive, send: Send, replying: Awaitable[HttpReply]) -> None:
    """Await a reply and send it.

    Args:
        scope: the request's.
        receive: the connection's.
        send: the connection's.
        replying: makes the reply; it may raise ``Disconnected`` and ``TooLarge``.
    """
    try:
        reply = await replying
    except Disconnected:
        scope[REFUSED] = BODY_INCOMPLETE
        return
    except TooLarge as error:
        scope[REFUSED] = BODY_TOO_LARGE
        await refuse_body(receive, send, error.limit)
        return
    except asyncio.CancelledError:
        # The grace period is over: the client gets an answer before its connection is closed.
        reply = empty(500)
    if SENT in scope:
        await observe(scope[SENT], scope, send, reply, respond)
    else:
        await respond(scope, send, reply)


async def respond(scope: Scope, send: Send, reply: HttpReply) -> None:
    """Send a reply, framed by its length; a stream frames itself."""
    if isinstance(reply, PiecewiseReply):
        return await _stream(scope, send, reply)
    headers: Headers = reply.headers
    body = reply.body
    if reply.status in _NO_BODY:
        body = b""
    else:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    return await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _stream(scope: Scope, send: Send, reply: PiecewiseReply) -> None:
    """Send a stream until its end, until the client disconnects, or until the grace period is over."""
    if not is_disconnected(scope):
        cancel_on_disconnect(scope)
        if reply.ends_with_host:
            scope[ENDS_WITH_HOST] = True
        with contextlib.suppress(asyncio.CancelledError):
            await reply.send(scope, send)
