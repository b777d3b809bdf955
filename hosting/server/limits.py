"""How many requests functions answer at a time, and how many may wait: host.json's limits, as in Azure's host."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.response import HttpReply
from hosting.bindings.http.routes import Route
from hosting.bindings.http.streams import StreamReply
from hosting.errors import SettingsError
from hosting.server.types import Handler, Receive, Scope, empty

UNLIMITED = -1

_logger = logging.getLogger("hosting.http")


class Outstanding:
    """Answers 429 to what comes while ``limit`` requests are waiting or being answered."""

    def __init__(self, handler: Handler, limit: int) -> None:
        self._handler = handler
        self._limit = limit
        self._count = 0

    async def __call__(
        self, scope: Scope, receive: Receive, route: Route[HttpTrigger], values: Mapping[str, str]
    ) -> HttpReply:
        if self._count >= self._limit:
            _logger.warning("Http request queue limit of %d has been exceeded.", self._limit)
            return empty(429)
        self._count += 1
        return await _holding(self._leave, self._handler(scope, receive, route, values))

    def _leave(self) -> None:
        self._count -= 1


class Concurrent:
    """Lets ``limit`` requests through at a time; the others wait in the order they came."""

    def __init__(self, handler: Handler, limit: int) -> None:
        self._handler = handler
        self._places = asyncio.Semaphore(limit)

    async def __call__(
        self, scope: Scope, receive: Receive, route: Route[HttpTrigger], values: Mapping[str, str]
    ) -> HttpReply:
        await self._places.acquire()
        return await _holding(self._places.release, self._handler(scope, receive, route, values))


async def _holding(release: Callable[[], None], answering: Awaitable[HttpReply]) -> HttpReply:
    """Give a place back when the request is answered; a stream is answered when it ends."""
    reply = None
    try:
        reply = await answering
    finally:
        if isinstance(reply, StreamReply):
            reply.on_end(release)
        else:
            release()
    return reply


def throttled(handler: Handler, http: Mapping[str, Any]) -> Handler:
    """Put around ``handler`` what ``http``, host.json's ``extensions.http``, limits; ``handler`` itself if nothing.

    Raises:
        SettingsError: a limit that is neither -1 nor at least 1.
    """
    concurrent, outstanding = (_limit(http, name) for name in ("maxConcurrentRequests", "maxOutstandingRequests"))
    if concurrent != UNLIMITED:
        handler = Concurrent(handler, concurrent)
    return handler if outstanding == UNLIMITED else Outstanding(handler, outstanding)


def _limit(http: Mapping[str, Any], name: str) -> int:
    limit = int(http.get(name, UNLIMITED))
    if limit < 1 and limit != UNLIMITED:
        raise SettingsError(
            f"host.json: extensions.http.{name}: expected a number of requests, found {limit}.",
            remedy="Write 1 or more, or -1 for no limit.",
        )
    return limit
