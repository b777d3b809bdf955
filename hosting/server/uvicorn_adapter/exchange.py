"""One request and its response: the ``receive`` and ``send`` of an ASGI application, and the response on the wire."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Protocol

from hosting._log import host_logger
from hosting.server.types import AsgiApp, Message, Scope

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_HIGH_WATER_BYTES = 65536
"""How much of a body is kept until the application asks for it; then the client has to wait."""
_WITHOUT_BODY = frozenset((204, 304))
_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"date"))
"""The headers of a response that say something to the server as well."""
_CONTROL = (
    b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0b\x0c\x0d\x0e\x0f\x10"
    b"\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f\x7f"
)
"""Control characters, which no header has; a tab is none of them."""

_logger = host_logger("http")


class Connection(Protocol):
    """What an exchange uses of its connection."""

    write: Callable[[bytes], None]
    """Writes to the client."""
    date_line: Callable[[], bytes]
    """Returns the Date header as it is sent."""
    writable: asyncio.Event | None
    """Set when the client has read what was written; None if it has."""
    nothing: Awaitable[None]
    """What to await for something that is done already."""

    def adjust_reading(self) -> None:
        """Read from the client, or let it wait, as the exchange needs it now."""

    def close(self) -> None:
        """Close the connection."""

    def on_response_complete(self, exchange: Exchange) -> None:
        """Called when the response has been written."""

    def on_end(self, exchange: Exchange) -> None:
        """Called when the application has returned."""


class Exchange:
    """A request with a complete head, and the response to it.

    Args:
        connection: the connection that both use.
        scope: the ASGI scope of the request.
        keep_alive: whether the connection stays open after the response.
        expects_continue: whether the client sends the body only after an interim response.
    """

    __slots__ = (
        "_connection",
        "_event",
        "_expects_continue",
        "_has_news",
        "_is_chunked",
        "_left",
        "_pieces",
        "_size",
        "complete",
        "disconnected",
        "keep_alive",
        "more_body",
        "scope",
        "started",
    )

    def __init__(self, connection: Connection, scope: Scope, keep_alive: bool, expects_continue: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        self.more_body = True
        """Whether the end of the request's body has not arrived yet."""
        self.started = False
        """Whether the head of the response has been written."""
        self.complete = False
        """Whether all of the response has been written."""
        self.disconnected = False
        """Whether the client has disconnected, or has been answered by the server itself."""
        self._connection = connection
        self._expects_continue = expects_continue
        self._event: asyncio.Event | None = None
        self._has_news = False
        self._pieces: list[bytes] = []
        self._size = 0
        self._is_chunked = False
        self._left: int | None = None

    async def run(self, app: AsgiApp) -> None:
        """Let the application answer; 500 if it fails before it has begun to."""
        try:
            await app(self.scope, self.receive, self.send)
        except BaseException:  # a cancelled request is answered, too
            _logger.exception("Exception in ASGI application")
            self._fail()
        else:
            if not self.complete and not self.disconnected:
                _logger.error("The application has returned without a complete response.")
                self._fail()
        finally:
            self._connection.on_end(self)

    # The request

    @property
    def is_full(self) -> bool:
        """Whether so much of the body waits for the application that no more should be read."""
        return self._size > _HIGH_WATER_BYTES

    @property
    def awaits_body(self) -> bool:
        """Whether it is the client's turn to send the body."""
        return self.more_body and not self._expects_continue

    def add_body(self, data: bytes) -> None:
        """Add the next part of the request's body; it is dropped if the response is complete."""
        if not self.complete:
            self._pieces.append(data)
            self._size += len(data)
            self._wake()

    def end_body(self) -> None:
        """Note that the request's body is complete."""
        self.more_body = False
        self._wake()

    def disconnect(self) -> None:
        """Note that the client takes no response any more."""
        self.disconnected = True
        self._wake()

    async def receive(self) -> Message:
        """Wait for the next part of the body, or for the disconnect of the client; ASGI's ``receive``."""
        connection = self._connection
        if self._expects_continue:
            self._expects_continue = False
            connection.write(_CONTINUE)
        while not (self._has_news or self.disconnected or self.complete):
            self._event = self._event or asyncio.Event()
            self._event.clear()
            await self._event.wait()
        if self.disconnected or self.complete:
            return {"type": "http.disconnect"}
        body = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        self._has_news = False
        connection.adjust_reading()
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _wake(self) -> None:
        self._has_news = True
        if self._event is not None:
            self._event.set()

    # The response

    # Not a coroutine of its own, which would cost every request.
    def send(self, message: Message) -> Awaitable[None]:
        """Write the head or the next part of a response; ASGI's ``send``.

        Raises:
            RuntimeError: the message is not the expected one, or what it has cannot be sent.
        """
        connection = self._connection
        if not self.disconnected:
            if connection.writable is not None:
                return self._send_later(message, connection.writable)
            self._write(message)
        return connection.nothing

    async def _send_later(self, message: Message, writable: asyncio.Event) -> None:
        """Wait for a client that reads slowly."""
        await writable.wait()
        if not self.disconnected:
            self._write(message)

    def _write(self, message: Message) -> None:
        kind = message["type"]
        if not self.started and kind == "http.response.start":
            self._write_head(message["status"], message.get("headers", ()))
        elif self.started and not self.complete and kind == "http.response.body":
            self._write_body(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"ASGI message '{kind}' is out of order")

    def _write_head(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self.started = True
        # A client that waited for the interim response may leave the body out: what follows is ambiguous.
        self.keep_alive = self.keep_alive and not self._expects_continue
        self._expects_continue = False
        connection = self._connection
        date = connection.date_line()
        count = 0
        lines: list[bytes] = []
        for name, value in headers:
            name = name.lower()
            if name in _FRAMING:
                if name == b"date":
                    date = b""
                else:
                    self._frame(name, value)
            lines += (name, b": ", value, b"\r\n")
            count += 1
        fields = b"".join(lines)
        if not fields.isascii() or len(fields.translate(None, _CONTROL)) != len(fields) - 2 * count:
            raise RuntimeError("a response header has a control character, or a character that is not ASCII")
        connection.write(b"".join((_status_line(status), date, fields, self._framing_lines(status), b"\r\n")))

    def _frame(self, name: bytes, value: bytes) -> None:
        """Note what one of the response's own headers says about its length, or about the connection."""
        if name == b"content-length" and not self._is_chunked:
            self._left = int(value)
        elif name == b"transfer-encoding" and value.lower() == b"chunked":
            self._is_chunked, self._left = True, None
        elif name == b"connection" and b"close" in value.lower():
            self.keep_alive = False

    def _framing_lines(self, status: int) -> bytes:
        """Return the headers that the server adds, and decide how the body is sent."""
        framing = b""
        if self.scope["method"] == "HEAD" or status in _WITHOUT_BODY:
            self._is_chunked, self._left = False, 0
        elif self._left is None and not self._is_chunked:
            # HTTP/1.0 has no chunks: the end of the connection is the end of the body.
            self._is_chunked = self.scope["http_version"] == "1.1"
            self.keep_alive = self.keep_alive and self._is_chunked
            framing = b"transfer-encoding: chunked\r\n" if self._is_chunked else b""
        return framing if self.keep_alive else framing + b"connection: close\r\n"

    def _write_body(self, body: bytes, more: bool) -> None:
        if self._is_chunked:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            self._connection.write(chunk if more else chunk + b"0\r\n\r\n")
        elif body and self.scope["method"] != "HEAD":
            if self._left is not None:
                self._left -= len(body)
                if self._left < 0:
                    raise RuntimeError("the response's body is longer than its Content-Length")
            self._connection.write(body)
        if not more:
            if self._left:
                raise RuntimeError("the response's body is shorter than its Content-Length")
            self.complete = True
            self._wake()
            self._connection.on_response_complete(self)

    def _fail(self) -> None:
        """Answer 500; a response that has begun can only be cut off."""
        if self.disconnected or self.complete:
            return
        if self.started:
            self._connection.close()
            return
        self.keep_alive = False
        text = b"Internal Server Error"
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(text))]
        self._write_head(500, headers)
        self._write_body(text, more=False)


@functools.cache
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()
