"""Responses that extensions observe: how much of one is sent, and why it is not complete."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from hosting.bindings.http.response import HttpReply, PiecewiseReply
from hosting.server.disconnect import is_disconnected
from hosting.server.types import Message, Scope, Send

Observer = Callable[[int, int, BaseException | None], None]


async def observe(
    observer: Observer,
    scope: Scope,
    send: Send,
    reply: HttpReply,
    respond: Callable[[Scope, Send, HttpReply], Awaitable[None]],
) -> None:
    """Send a reply, then call the observer with its status, the size of what was sent, and what went wrong.

    Args:
        observer: gets them.
        scope: the request's.
        send: the connection's.
        reply: the reply.
        respond: sends it.
    """
    size = 0

    async def counting(message: Message) -> None:
        nonlocal size
        await send(message)
        size += len(message.get("body", b""))

    error: BaseException | None = None
    try:
        await respond(scope, counting, reply)
    except BaseException as exception:
        error = exception
        raise
    finally:
        if error is None and isinstance(reply, PiecewiseReply):
            error = reply.error
        if error is None and is_disconnected(scope):
            error = ConnectionResetError("the client disconnected before the response was complete")
        observer(reply.status, size, error)
