"""A connection that notices its client: who goes away ends the async invocation that would have answered.

A client that closes its connection looks at first like one that only says that it has nothing more to send, and still
waits for its answer. So the connection stays open, and while nothing is sent an interim response asks whether somebody
is there: the system of a client that is gone refuses it, and every other client passes over it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from hosting.server.types import Scope
from hosting.server.uvicorn_adapter.write_buffer import Gathering, Outbox

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from hosting.server.uvicorn_adapter.cycle import Cycle
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as Protocol

    with contextlib.suppress(ImportError):  # there is no httptools
        from hosting.server.uvicorn_adapter.cycle import Cycle

_ANYBODY = b"HTTP/1.1 102 Processing\r\n\r\n"
_FIRST, _NEXT = 0.05, 0.5
_DISCONNECT_SECONDS = 0.05
"""Time in which a function that reads its request's body can handle the disconnect itself, before it is cancelled."""
_LONGEST_URL, _LARGEST_HEAD, _MOST_HEADERS = 8192, 32768, 100
"""Of a request: what Azure's server takes, in bytes and in number."""
_ENDLESS = 262_144 + _LARGEST_HEAD
"""More bytes than one read can bring, so that the end of a body before a head does not count as one."""
_LONG_URL, _LARGE_HEAD = HTTPStatus.REQUEST_URI_TOO_LONG, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
_FRESH, _IDLE = 0.5, 0.05
"""Seconds that a stopping server waits for a request, on a connection that had none yet, and on one that had."""


class Connection(Protocol):
    """uvicorn's connection, with an ear for clients that leave.

    Args:
        on_disconnect: called with the ASGI scope of each request whose client has disconnected.
        outbox: writes for all connections of a server.
        given: what uvicorn makes a connection with.
    """

    def __init__(self, on_disconnect: Callable[[Scope], None], outbox: Outbox, **given: Any) -> None:
        super().__init__(**given)
        self._on_disconnect = on_disconnect
        self._outbox = outbox
        self._size = 0
        self._refusal: HTTPStatus | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._gathering = Gathering(transport, self._outbox)
        super().connection_made(cast("asyncio.Transport", self._gathering))

    def shutdown(self) -> None:
        """The server stops: who has just connected, or is about to ask again, is not sent away unheard."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            super().shutdown()
        else:
            self.loop.call_later(_FRESH if cycle is None else _IDLE, super().shutdown)

    def data_received(self, data: bytes) -> None:
        """Look at how much of a head has come: httptools keeps any amount of it, and a client may never end it."""
        cycle: RequestResponseCycle | None = self.cycle
        begins = cycle is not None and cycle.scope is self.scope
        self._size = len(data) if begins else self._size + len(data)
        super().data_received(data)
        if self._size > _ENDLESS and self.cycle is cycle and not begins and not self.transport.is_closing():
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Called by httptools only: h11 has limits of its own, and another cycle, which stays as it is.

        Raises:
            ValueError: the head is larger than Azure's server takes; the parser then asks for ``send_400_response``.
        """
        headers = self.headers
        if len(self.url) > _LONGEST_URL:
            self._refusal = _LONG_URL
        elif len(headers) > _MOST_HEADERS or (self._size > _LARGEST_HEAD and _size(headers) > _LARGEST_HEAD):
            self._refusal = _LARGE_HEAD
        if self._refusal is not None:
            raise ValueError(self._refusal.phrase)
        super().on_headers_complete()
        self.cycle.__class__ = Cycle  # uvicorn offers no other way to choose it

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or too large a head."""
        refusal = self._refusal or (_LARGE_HEAD if self._size > _ENDLESS else None)
        if refusal is None:
            super().send_400_response(msg)
            return
        head = f"HTTP/1.1 {refusal.value} {refusal.phrase}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode())
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        super().connection_lost(exc)
        if cycle is not None and not cycle.response_complete:
            self.loop.call_later(_DISCONNECT_SECONDS, self._on_disconnect, cast("Scope", cycle.scope))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection open for a request that is whole; TLS cannot be half closed."""
        self._gathering.flush()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete or self.scheme == "https":
            return False
        if not getattr(self, "pipeline", None):  # h11 has none
            cycle.keep_alive = False
        if cycle.scope["http_version"] == "1.1":
            self.loop.call_later(_FIRST, self._ask)
        return True

    def _ask(self) -> None:
        """Ask again and again: the first time tells the client's system, the next time ours knows what it said."""
        cycle = self.cycle
        if not self.transport.is_closing() and not cycle.response_started:
            self.transport.write(_ANYBODY)
            self.loop.call_later(_NEXT, self._ask)


def _size(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Bytes of headers as they come, with a colon, a space and a line's end each."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
