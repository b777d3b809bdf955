"""Limits on requests to functions, as in Azure: ``maxOutstandingRequests`` and ``maxConcurrentRequests``."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeAlias

from hosting._log import host_logger
from hosting.errors import SettingsError
from hosting.server.replies import empty, respond
from hosting.server.types import REFUSED, AsgiApp, Middleware, Receive, Scope, Send

ReadBody: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[bool]]

_UNLIMITED = -1
_STOPPING = "the host is stopping"

_logger = host_logger("http")


class QueueLimit:
    """ASGI middleware that answers 429 while ``limit`` requests are waiting or being answered.

    A request counts once its body has arrived.

    Args:
        app: the ASGI application inside.
        limit: the number of requests.
        read: reads the body of a request; returns False if the request needs no other answer.
    """

    def __init__(self, app: AsgiApp, limit: int, read: ReadBody) -> None:
        self._app = app
        self._limit = limit
        self._read = read
        self._count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        # A body that would be refused is not read.
        if self._count < self._limit and not await _has_arrived(self._read, scope, receive, send):
            return None
        if self._count >= self._limit:
            _logger.warning("Http request queue limit of %d has been exceeded.", self._limit)
            scope[REFUSED] = "too many requests are waiting"
            return await respond(scope, send, empty(429))
        self._count += 1
        try:
            return await self._app(scope, receive, send)
        finally:
            self._count -= 1


class ConcurrencyLimit:
    """ASGI middleware that passes ``limit`` requests on at a time; the others wait in the order of their arrival.

    A request arrives when its body has.

    Args:
        app: the ASGI application inside.
        limit: the number of requests.
        read: reads the body of a request; returns False if the request needs no other answer.
    """

    def __init__(self, app: AsgiApp, limit: int, read: ReadBody) -> None:
        self._app = app
        self._read = read
        self._semaphore = asyncio.Semaphore(limit)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not await _has_arrived(self._read, scope, receive, send):
            return None
        try:
            await self._semaphore.acquire()
        except asyncio.CancelledError:
            # The grace period is over: the client gets an answer before its connection is closed.
            scope[REFUSED] = _STOPPING
            return await respond(scope, send, empty(500))
        try:
            return await self._app(scope, receive, send)
        finally:
            self._semaphore.release()


async def _has_arrived(read: ReadBody, scope: Scope, receive: Receive, send: Send) -> bool:
    """Read the body of a request; return False if the request needs no other answer."""
    try:
        return await read(scope, receive, send)
    except asyncio.CancelledError:
        scope[REFUSED] = _STOPPING
        await respond(scope, send, empty(500))
        return False


def limit_middleware(http: Mapping[str, Any], read: ReadBody) -> Iterator[Middleware]:
    """Yield the middleware for the limits of ``http``, which is ``extensions.http`` of host.json, the outer one first.

    Args:
        http: the section.
        read: reads the body of a request; returns False if the request needs no other answer.

    Raises:
        SettingsError: a limit is neither -1 nor at least 1.
    """
    outstanding, concurrent = (_limit(http, name) for name in ("maxOutstandingRequests", "maxConcurrentRequests"))
    if outstanding != _UNLIMITED:
        yield partial(QueueLimit, limit=outstanding, read=read)
    if concurrent != _UNLIMITED:
        yield partial(ConcurrencyLimit, limit=concurrent, read=read)


def _limit(http: Mapping[str, Any], name: str) -> int:
    limit = int(http.get(name, _UNLIMITED))
    if limit < 1 and limit != _UNLIMITED:
        raise SettingsError(
            f"host.json: extensions.http.{name}: expected a number of requests, found {limit}.",
            remedy="Write 1 or more, or -1 for no limit.",
        )
    return limit
