"""HTTP/1 on httptools: requests become exchanges, and disconnects, time limits and refusals are handled here.

A client that closes its connection looks at first like a client that only closes its sending side and waits for the
response. So the connection stays open, and until the response begins interim responses are sent at intervals: the
operating system of a client that has disconnected rejects them, and every other client ignores them.

uvicorn's server makes the connections and closes them when it stops; what it expects of a protocol class, and what is
used of httptools, is listed and checked in tests/server/uvicorn_adapter/test_uvicorn.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextvars import Context
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from urllib.parse import unquote

import httptools

from hosting.bindings.http.response import Headers
from hosting.server.middleware.access import Access
from hosting.server.timeouts import Timeouts
from hosting.server.types import ANSWERED, ENDS_WITH_HOST, TASK, AsgiApp, Scope
from hosting.server.uvicorn_adapter.date import DateHeader
from hosting.server.uvicorn_adapter.exchange import Exchange
from hosting.server.uvicorn_adapter.head import (
    MAX_HEADERS,
    MAX_UNPARSED_BYTES,
    MAX_URL_BYTES,
    Refused,
    Target,
    check_host,
    check_size,
    parse_target,
    refusal,
    shown_path,
    too_large,
)
from hosting.server.uvicorn_adapter.leaving import Leaving, abort_unread
from hosting.server.uvicorn_adapter.sweep import Sweep
from hosting.server.uvicorn_adapter.write_buffer import BufferedTransport, FlushScheduler

if TYPE_CHECKING:
    from uvicorn.server import ServerState

_INTERIM_RESPONSE = b"HTTP/1.1 102 Processing\r\n\r\n"
_FIRST_PROBE_SECONDS, _NEXT_PROBE_SECONDS = 0.05, 0.5
_DISCONNECT_SECONDS = 0.05
"""Time in which a function that reads its request's body can handle the disconnect itself, before it is cancelled."""
_NEW_CONNECTION_SECONDS, _IDLE_CONNECTION_SECONDS = 0.5, 0.05
"""How long a stopping server waits for a request, on a connection that had none yet, and on one that had."""


class Shared(NamedTuple):
    """What all connections of a server share.

    Args:
        app: answers requests.
        on_disconnect: called with the ASGI scope of each unanswered request when its client has disconnected.
        on_refusal: called with each request that the server itself refuses; returns headers to add; must not raise.
        timeouts: the time limits of a connection.
        sweep: enforces them.
        scheduler: flushes the transports.
        date: the Date header.
        leaving: whether connections are closed after the next response.
    """

    app: AsgiApp
    on_disconnect: Callable[[Scope], None]
    on_refusal: Callable[[Access], Headers]
    timeouts: Timeouts
    sweep: Sweep
    scheduler: FlushScheduler
    date: DateHeader
    leaving: Leaving


class Connection(asyncio.Protocol):
    """One connection of a client: it reads requests, and has them answered in their order.

    Args:
        shared: what all connections of the server share.
        server_state: uvicorn's sets of connections and of tasks, which it waits for when it stops.
        options: uvicorn's other arguments, which are not used.
    """

    def __init__(self, shared: Shared, *, server_state: ServerState, **options: Any) -> None:
        self._shared = shared
        self._connections: set[Any] = server_state.connections
        self._tasks = server_state.tasks
        self._loop = asyncio.get_running_loop()
        self._new_parser()
        self.date_line = shared.date.line
        self.writable: asyncio.Event | None = None
        nothing = self._loop.create_future()
        nothing.set_result(None)
        self.nothing: Awaitable[None] = nothing

        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._is_in_head = False
        self._unparsed_bytes = 0
        """How much has arrived since a part of a request was complete, at least."""
        self._head_bytes = 0
        """How large the head may be, at most: it may begin anywhere in what arrives at once."""
        self._host: bytes | None = None
        self._refused: Refused | None = None

        self._reading: Exchange | None = None
        self._answering: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._is_paused = False

        self._awaited: object = None
        self._waited_seconds = 0.0
        self._body_bytes = 0

    def _new_parser(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        # What follows a request with "Connection: close" is ignored, so that the request itself is answered.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)

    # The transport's events

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Write through a buffer of the connection's own."""
        self._transport = BufferedTransport(cast("asyncio.Transport", transport), self._shared.scheduler)
        self.write: Callable[[bytes], None] = self._transport.write
        self._common_scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "server": _address(transport.get_extra_info("sockname")),
            "client": _address(transport.get_extra_info("peername")),
            "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
            "root_path": "",
        }
        self._connections.add(self)
        self._shared.sweep.start(self._loop, self._connections)

    def data_received(self, data: bytes) -> None:
        """Parse; a request that is not HTTP or over a limit is refused."""
        if self._refused is not None:
            return
        self._unparsed_bytes += len(data)
        self._head_bytes = len(data) + (self._head_bytes if self._is_in_head else 0)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._ignore_upgrade(data, upgrade.args[0])
        except httptools.HttpParserError:
            self._refuse()
        # httptools keeps any amount of a head or a trailer that does not end.
        if self._unparsed_bytes > MAX_UNPARSED_BYTES and self._refused is None:
            is_url = self._is_in_head and len(self._url) > MAX_URL_BYTES
            self._refused = Refused(HTTPStatus.REQUEST_URI_TOO_LONG, "The URL is too long.") if is_url else too_large()
            self._refuse()

    def eof_received(self) -> bool:
        """Keep the connection open for a complete request; TLS cannot be half closed."""
        self._transport.flush()
        last = self._reading
        if last is None or last.more_body or last.complete or self._common_scope["scheme"] == "https":
            return False
        last.keep_alive = False
        if last.scope["http_version"] == "1.1":
            self._loop.call_later(_FIRST_PROBE_SECONDS, self._probe)
        return True

    def _probe(self) -> None:
        """Send interim responses: the first makes a client's system reject, the next makes ours report it."""
        if self._answering is not None and not self._answering.started and not self._transport.is_closing():
            self.write(_INTERIM_RESPONSE)
            self._loop.call_later(_NEXT_PROBE_SECONDS, self._probe)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the disconnect of a client that still waits for its response."""
        self._connections.discard(self)
        self.resume_writing()
        self._waiting.clear()
        if self._answering is not None:
            self._abandon(self._answering)
        del self._parser  # it refers to this connection

    def pause_writing(self) -> None:
        """Let the application wait for a client that reads slowly."""
        self.writable = asyncio.Event()

    def resume_writing(self) -> None:
        """Let the application go on."""
        if self.writable is not None:
            self.writable.set()
            self.writable = None

    # The parser's events

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._is_in_head = True
        self._url = b""
        self._headers = []

    def on_url(self, url: bytes) -> None:
        """Add a part of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header field, or a field of the trailer section."""
        self._headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        """Check the head, and have the request answered.

        Raises:
            Refused: the request is refused; the parser passes it on as an error of its own.
        """
        headers = self._headers
        fields = dict(headers)
        if b"upgrade" in fields and self._parser.should_upgrade():
            return  # _ignore_upgrade feeds the head again
        try:
            version, keep_alive = self._check_head(fields)
            scope = self._scope(version, parse_target(self._url))
        except Refused as refused:
            self._refused = refused
            raise
        self._is_in_head = False
        self._unparsed_bytes = 0
        self._body_bytes = 0
        self._headers = []
        # A client of HTTP/1.0 knows no interim responses.
        expects_continue = b"expect" in fields and fields[b"expect"].lower() == b"100-continue" and version == "1.1"
        exchange = Exchange(self, scope, keep_alive and not self._shared.leaving.is_leaving, expects_continue)
        self._reading = exchange
        if self._answering is None:
            self._answer(exchange)
        else:
            self._waiting.append(exchange)
            self.adjust_reading()

    def on_body(self, data: bytes) -> None:
        """Add a part of the request's body."""
        self._unparsed_bytes = 0
        self._body_bytes += len(data)
        exchange = self._reading
        assert exchange is not None
        exchange.add_body(data)
        if exchange.is_full:
            self.adjust_reading()

    def on_message_complete(self) -> None:
        """End the request, and drop its trailer section.

        Raises:
            Refused: the trailer section is too large; the parser passes it on as an error of its own.
        """
        exchange = self._reading
        if self._is_in_head or exchange is None:
            return  # _ignore_upgrade feeds the head again
        if self._headers:
            try:
                self._check_trailers(exchange)
            except Refused as refused:
                self._refused = refused
                raise
        self._unparsed_bytes = 0
        exchange.end_body()

    def _check_trailers(self, exchange: Exchange) -> None:
        """Count the fields of a trailer section as if they were in the head.

        Raises:
            Refused: the head would be too large, or a field ends the connection; the parser refuses other framing.
        """
        check_size(b"", [*exchange.scope["headers"], *self._headers])
        if exchange.keep_alive and not self._parser.should_keep_alive():
            raise Refused(HTTPStatus.BAD_REQUEST, "A trailer field cannot end the connection.")

    def _check_head(self, fields: dict[bytes, bytes]) -> tuple[str, bool]:
        """Return the version of HTTP, and whether the connection stays open.

        Raises:
            Refused: the head is not one that Azure's server takes.
        """
        headers = self._headers
        if self._head_bytes > MAX_URL_BYTES or len(headers) > MAX_HEADERS:
            check_size(self._url, headers)
        keep_alive: bool = self._parser.should_keep_alive()
        # Without a Connection header only 1.1 stays open: the parser need not format the version.
        version = "1.1" if keep_alive and b"connection" not in fields else self._parser.get_http_version()
        if version not in ("1.1", "1.0"):
            raise Refused(HTTPStatus.BAD_REQUEST, f"HTTP/{version} is not supported.")
        if len(fields) != len(headers) or fields.get(b"host") != self._host or self._host is None:
            check_host([value for name, value in headers if name == b"host"], version)
            self._host = fields.get(b"host")
        return version, keep_alive and version == "1.1"

    def _scope(self, version: str, target: Target) -> Scope:
        """Return the ASGI scope of the request.

        Raises:
            Refused: the target is not for this server.
        """
        method = self._parser.get_method().decode("ascii")
        path, query, authority = target
        headers = self._headers
        if method == "CONNECT" or (path == b"*" and method != "OPTIONS") or not path.isascii():
            raise Refused(HTTPStatus.BAD_REQUEST, "The request's target is not a path.")
        if authority is not None:
            headers = [(name, authority if name == b"host" else value) for name, value in headers]
        text = path.decode("ascii")
        return {
            **self._common_scope,
            "http_version": version,
            "method": method,
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": headers,
        }

    def _ignore_upgrade(self, data: bytes, position: int) -> None:
        """Go on with a request that asks for another protocol: feed a new parser its head without that, and the rest.

        The parser takes everything after such a head for the other protocol, the request's body included.

        Args:
            data: what has arrived.
            position: where the head ends.
        """
        rest = memoryview(data)
        while True:
            rest = rest[position:]
            method, upgrades = self._parser.get_method(), [one for one in self._headers if one[0] == b"upgrade"]
            lines = [b"%b: %b\r\n" % header for header in self._headers if header[0] != b"upgrade"]
            head = b"".join((method, b" ", self._url, b" HTTP/", self._parser.get_http_version().encode(), b"\r\n"))
            self._new_parser()
            try:
                self._parser.feed_data(b"".join((head, *lines, b"\r\n")))
                if self._reading is not None:
                    self._reading.scope["headers"].extend(upgrades)
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as upgrade:
                position = upgrade.args[0]
            except httptools.HttpParserError:
                self._refuse()
                return
            else:
                return

    # Exchanges

    def _answer(self, exchange: Exchange) -> None:
        self._answering = exchange
        # Requests of one connection must not see each other's context variables.
        task = self._loop.create_task(exchange.run(self._shared.app), context=Context())
        exchange.scope[TASK] = task
        self._tasks.add(task)

    def _abandon(self, exchange: Exchange) -> None:
        """Send nothing more to the client of an exchange, and have its function cancelled."""
        self._answering = None
        exchange.disconnect()
        self._loop.call_later(_DISCONNECT_SECONDS, self._shared.on_disconnect, exchange.scope)

    def on_end(self, exchange: Exchange) -> None:
        """Forget the task of an exchange, which is about to end."""
        self._tasks.discard(exchange.scope[TASK])

    def on_response_complete(self, exchange: Exchange) -> None:
        """Close the connection, or answer the next request."""
        self._answering = None
        if not exchange.keep_alive:
            self.close()
        elif self._waiting:
            self._answer(self._waiting.popleft())
        elif self._refused is not None:
            self._write_refusal(self._refused)
        if self._is_paused:
            self.adjust_reading()

    def adjust_reading(self) -> None:
        """Read from the client, unless requests wait for their turn, or a part of the body waits for its function."""
        reading = self._reading
        pauses = bool(self._waiting) or self._refused is not None or (reading is not None and reading.is_full)
        if pauses != self._is_paused and not self._transport.is_closing():
            self._is_paused = pauses
            if pauses:
                self._transport.pause_reading()
            else:
                self._transport.resume_reading()

    def close(self) -> None:
        """Write what is kept, then close the connection."""
        self._transport.close()

    def shutdown(self) -> None:
        """Close when the server stops, but answer a request that a client is about to send on its connection."""
        if self._reading is not None and self._answering is not None:
            self._reading.keep_alive = False
            if ENDS_WITH_HOST in self._answering.scope:
                abort_unread(self._transport)
        else:
            seconds = _NEW_CONNECTION_SECONDS if self._reading is None else _IDLE_CONNECTION_SECONDS
            self._loop.call_later(seconds, self._close_unless_busy)

    def _close_unless_busy(self) -> None:
        if self._reading is not None and self._answering is not None:
            self._reading.keep_alive = False
        else:
            self.close()

    # Refusals and time limits

    def _refuse(self) -> None:
        """Refuse the request that is read, after the responses to those before it, and close the connection."""
        refused = self._refused or Refused(HTTPStatus.BAD_REQUEST, "Invalid HTTP request received.")
        self._refused = refused
        reading = self._reading
        if reading is not None and reading.more_body:
            if reading.started:
                self.close()
            elif reading in self._waiting:
                self._waiting.remove(reading)
            else:
                reading.scope[ANSWERED] = True
                self._abandon(reading)
        if self._answering is None:
            self._write_refusal(refused)
        self.adjust_reading()

    def _write_refusal(self, refused: Refused) -> None:
        if self._transport.is_closing():
            return
        access = Access(*self._refused_request(), refused.status.value, None, "", refused.reason)
        self.write(refusal(refused, self.date_line(), self._shared.on_refusal(access)))
        self.close()

    def _refused_request(self) -> tuple[str, str]:
        """Return method and path of the request that is refused; empty where they are not known."""
        reading = self._reading
        if self._is_in_head and self._url:
            return self._parser.get_method().decode(), shown_path(self._url)
        if not self._is_in_head and reading is not None and reading.more_body:
            return reading.scope["method"], shown_path(reading.scope["raw_path"])
        return "", ""

    def check_time(self, elapsed: float) -> None:
        """Close the connection if its client is too slow. Called at intervals.

        Args:
            elapsed: seconds since the last call.
        """
        awaited, limit = self._awaited_now()
        if awaited is not self._awaited:
            self._awaited, self._waited_seconds = awaited, 0.0
            return
        self._waited_seconds += elapsed
        if awaited is None or self._waited_seconds < limit:
            return
        if awaited is self._headers:
            self._refused = Refused(HTTPStatus.REQUEST_TIMEOUT, f"The head was not complete in {limit:g} seconds.")
            self._refuse()
        elif self._reading is not None and self._reading.more_body:
            self._check_rate()
        else:
            self.close()

    def _awaited_now(self) -> tuple[object, float]:
        """Return what the client has to send, None for nothing, and how many seconds it has."""
        timeouts, reading = self._shared.timeouts, self._reading
        if reading is not None and reading.more_body:
            is_turn = reading.awaits_body and not self._is_paused
            return reading if is_turn else None, timeouts.body_grace_seconds
        if self._answering is not None:
            return None, 0.0
        if self._is_in_head:
            return self._headers, timeouts.head_seconds
        return reading or self, timeouts.keep_alive_seconds

    def _check_rate(self) -> None:
        rate = self._shared.timeouts.body_bytes_per_second
        if self._body_bytes < rate * self._waited_seconds:
            reason = f"The body arrived at less than {rate:g} bytes per second."
            self._refused = Refused(HTTPStatus.REQUEST_TIMEOUT, reason)
            self._refuse()


def _address(value: Any) -> tuple[str, int] | None:
    """Return host and port of a socket's address; None for a socket that has none."""
    return (str(value[0]), int(value[1])) if isinstance(value, tuple) else None
