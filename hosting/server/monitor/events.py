"""Server-sent events: invocations and log lines as they happen. Source: the HTML standard, "Server-sent events".

A stream reads what recorders and logs keep anyway, several times a second, and buffers nothing itself. A reader that
is too slow, or gone, holds nothing: what it misses is counted, and the next event says how much it was.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from hosting._log import host_logger
from hosting.bindings.http.response import HttpReply, PiecewiseReply
from hosting.host.function_host import FunctionHost
from hosting.server.monitor.all_monitors import AllMonitors
from hosting.server.types import Scope, Send

MAX_STREAMS = 20
"""How many streams of one process are open at the same time: more than people look at."""
_POLL_SECONDS = 0.2
_KEEP_ALIVE_POLLS = 75
_READER_SECONDS = 10.0
"""How long a reader may read nothing before its stream ends."""
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)
_FULL = b"The host has as many readers of its events as it takes: close a page or a command that reads them.\n"

_logger = host_logger("http")


class EventStreams:
    """The streams of one process.

    Args:
        host: its host; the streams end when it stops.
        monitors: have what they send.
    """

    def __init__(self, host: FunctionHost, monitors: AllMonitors) -> None:
        self._host = host
        self._monitors = monitors
        self.open = 0
        """How many are open."""

    @property
    def is_over(self) -> bool:
        """Whether the host stops."""
        return self._host.state not in ("starting", "running")

    def reply(self, kinds: Sequence[str], function: str = "", past: int = 0) -> HttpReply:
        """Return a response that sends events until the reader disconnects or the host stops; 503 if too many are open.

        Args:
            kinds: which events: ``invocations``, ``logs``, or both.
            function: only those of this function, ignoring case; empty for all.
            past: how many of the latest invocations and lines of each process come first.
        """
        if self.open >= MAX_STREAMS:
            return HttpReply(503, [(b"content-type", b"text/plain; charset=utf-8")], _FULL)
        return EventReply(self, _News(self._monitors, kinds, function, past))


class _News:
    """What is new for one reader, as events.

    Args:
        monitors: have it.
        kinds: as for ``EventStreams.reply``.
        function: as for ``EventStreams.reply``.
        past: as for ``EventStreams.reply``.
    """

    def __init__(self, monitors: AllMonitors, kinds: Sequence[str], function: str, past: int) -> None:
        self._monitors = monitors
        self._kinds = kinds
        self._function = function
        self._past = past
        self._cursors: dict[str, dict[str, int]] = {}

    async def text(self) -> str:
        """Return the events; empty if nothing is new."""
        news = await self._monitors.news(self._cursors, self._kinds, self._function, self._past)
        events = []
        for kind, (items, missed) in news.items():
            events += [_event("dropped", {"kind": kind, "count": missed})] if missed else []
            events += [_event(kind, items)] if items else []
        return "".join(events)


class EventReply(PiecewiseReply):
    """A response with events.

    Args:
        streams: counts it.
        news: has what it sends.
    """

    __slots__ = ("_news", "_streams")

    def __init__(self, streams: EventStreams, news: _News) -> None:
        super().__init__(200, list(_HEADERS))
        self.ends_with_host = True
        self._streams = streams
        self._news = news

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the events."""
        self._streams.open += 1
        try:
            await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
            if scope["method"] != "HEAD":
                await self._send_events(send)
            await send({"type": "http.response.body", "body": b""})
        except TimeoutError:
            _logger.debug("A reader of the host's events has read nothing for %g s.", _READER_SECONDS)
        finally:
            self._streams.open -= 1

    async def _send_events(self, send: Send) -> None:
        idle, text = 0, _event("hello", {})
        while True:
            is_over = self._streams.is_over
            if is_over:
                text += await self._news.text() + _event("end", {})
            if text:
                async with asyncio.timeout(_READER_SECONDS):
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            if is_over:
                return
            text = await self._news.text()
            idle = 0 if text else idle + 1
            if idle >= _KEEP_ALIVE_POLLS:
                idle, text = 0, ": nothing new\n\n"
            if not text:
                await asyncio.sleep(_POLL_SECONDS)


def _event(name: str, value: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(value, default=str)}\n\n"
