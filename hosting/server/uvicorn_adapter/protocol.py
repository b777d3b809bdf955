"""HTTP protocol with disconnect detection: when the client disconnects, its async invocation is cancelled.

A client that closes its connection looks at first like a client that only closes its sending side and waits for the
response. So the connection stays open, and until the response begins interim responses are sent at intervals: the
operating system of a client that has disconnected rejects them, and every other client ignores them.

What is used of uvicorn's protocol classes is listed and checked in tests/server/uvicorn_adapter/test_uvicorn.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

from hosting.server.types import Scope
from hosting.server.uvicorn_adapter.write_buffer import BufferedTransport, FlushScheduler

if TYPE_CHECKING:
    from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Protocol
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
else:
    from uvicorn.protocols.http.auto import AutoHTTPProtocol as Protocol

_INTERIM_RESPONSE = b"HTTP/1.1 102 Processing\r\n\r\n"
_FIRST_PROBE_SECONDS, _NEXT_PROBE_SECONDS = 0.05, 0.5
_DISCONNECT_SECONDS = 0.05
"""Time in which a function that reads its request's body can handle the disconnect itself, before it is cancelled."""
_MAX_URL_BYTES, _MAX_HEAD_BYTES, _MAX_HEADERS = 8192, 32768, 100
"""Limits of a request, those of Azure's server."""
_ENDLESS_HEAD_BYTES = 262_144 + _MAX_HEAD_BYTES
"""More than one read can bring, so that the end of a body before a head does not count as part of the head."""
_NEW_CONNECTION_SECONDS, _IDLE_CONNECTION_SECONDS = 0.5, 0.05
"""How long a stopping server waits for a request, on a connection that had none yet, and on one that had."""


class Connection(Protocol):
    """uvicorn's HTTP protocol, with disconnect detection, Azure's limits of a request's head, and buffered writes.

    Args:
        on_disconnect: called with the ASGI scope of each unanswered request when its client has disconnected.
        date: returns the Date header of a response that the application does not make.
        scheduler: flushes the transports of all connections of a server.
        options: uvicorn's arguments.
    """

    def __init__(
        self,
        on_disconnect: Callable[[Scope], None],
        date: Callable[[], tuple[bytes, bytes]],
        scheduler: FlushScheduler,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self._on_disconnect = on_disconnect
        self._date = date
        self._scheduler = scheduler
        self._size = 0
        self._refusal: HTTPStatus | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Write through a buffer of the connection's own."""
        self._buffered = BufferedTransport(transport, self._scheduler)
        super().connection_made(cast("asyncio.Transport", self._buffered))

    def shutdown(self) -> None:
        """Close when the server stops, but answer a request that a client is about to send on its connection."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            super().shutdown()
        else:
            self.loop.call_later(
                _NEW_CONNECTION_SECONDS if cycle is None else _IDLE_CONNECTION_SECONDS, super().shutdown
            )

    def data_received(self, data: bytes) -> None:
        """Parse, and refuse a head that does not end: httptools keeps any amount of it."""
        cycle: RequestResponseCycle | None = self.cycle
        begins = cycle is not None and cycle.scope is self.scope
        self._size = len(data) if begins else self._size + len(data)
        super().data_received(data)
        if self._size > _ENDLESS_HEAD_BYTES and self.cycle is cycle and not begins and not self.transport.is_closing():
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Check the size of the head. Called by httptools only: h11 has limits of its own.

        Raises:
            ValueError: the head is larger than Azure's server takes; the parser then calls ``send_400_response``.
        """
        headers = self.headers
        if len(self.url) > _MAX_URL_BYTES:
            self._refusal = HTTPStatus.REQUEST_URI_TOO_LONG
        elif len(headers) > _MAX_HEADERS or (self._size > _MAX_HEAD_BYTES and _size(headers) > _MAX_HEAD_BYTES):
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if self._refusal is not None:
            raise ValueError(self._refusal.phrase)
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not a request, or a head that is too large, and close the connection.

        Args:
            msg: the body of the response to what is not a request.
        """
        status, body = HTTPStatus.BAD_REQUEST, msg
        if self._refusal is not None or self._size > _ENDLESS_HEAD_BYTES:
            status, body = self._refusal or HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, ""
        lines = [
            f"HTTP/1.1 {status.value} {status.phrase}",
            b": ".join(self._date()).decode(),
            *(["content-type: text/plain; charset=utf-8"] if body else []),
            f"content-length: {len(body)}",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*lines, "", body]).encode())
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the disconnect of a client that still waits for its response."""
        cycle: RequestResponseCycle | None = self.cycle
        super().connection_lost(exc)
        if cycle is not None and not cycle.response_complete:
            self.loop.call_later(_DISCONNECT_SECONDS, self._on_disconnect, cast("Scope", cycle.scope))

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection open for a complete request; TLS cannot be half closed."""
        self._buffered.flush()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.more_body or cycle.response_complete or self.scheme == "https":
            return False
        if not getattr(self, "pipeline", None):  # h11 has none
            cycle.keep_alive = False
        if cycle.scope["http_version"] == "1.1":
            self.loop.call_later(_FIRST_PROBE_SECONDS, self._probe)
        return True

    def _probe(self) -> None:
        """Send interim responses: the first makes a client's system reject, the next makes ours report it."""
        cycle = self.cycle
        if not self.transport.is_closing() and not cycle.response_started:
            self.transport.write(_INTERIM_RESPONSE)
            self.loop.call_later(_NEXT_PROBE_SECONDS, self._probe)


def _size(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """Return the size of headers in bytes as they are sent, with a colon, a space and a line end each."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
