"""uvicorn's part in one request, but for this: an answer that is there as a whole is written as a whole.

uvicorn writes head and body apart, and searches each header for what ours, encoded already, cannot have.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from hosting.server.types import WHOLE, Message


class Cycle(RequestResponseCycle):
    """Keeps the head of an answer whose body comes next, and writes them together."""

    _head: Message | None = None

    async def send(self, message: Any) -> None:
        """The ASGI interface; a start with the key ``WHOLE`` promises all of the body in the next message."""
        if WHOLE in message:
            self._head = message
        elif self._head is None:
            if message["type"] == "http.response.start":
                self._let_go_of(message["headers"])
            await super().send(message)
        else:
            head, self._head = self._head, None
            if self.flow.write_paused and not self.disconnected:
                await self.flow.drain()
            if not self.disconnected:
                self._write(self._encoded(head), message["body"])

    def _encoded(self, message: Message) -> bytes:
        """The head as it is sent.

        Raises:
            RuntimeError: a header has a line break.
        """
        headers = [*self.default_headers, *message["headers"]]
        if not self.keep_alive:
            headers.append((b"connection", b"close"))
        pieces = [STATUS_LINE[message["status"]]]
        for name, value in headers:
            pieces += (name, b": ", value, b"\r\n")
        head = b"".join(pieces)
        if head.count(b"\n") != len(headers) + 1:
            raise RuntimeError("a response header has a line break")
        if head.count(b"\ndate: ") > 1 and self._let_go_of(message["headers"]):
            return self._encoded(message)
        return head + b"\r\n"

    def _let_go_of(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """A header that the app sets itself stands in place of the server's; say whether there is one."""
        own = {name.lower() for name, _ in headers}
        defaults, self.default_headers = (
            self.default_headers,
            [header for header in self.default_headers if header[0] not in own],
        )
        return len(self.default_headers) < len(defaults)

    def _write(self, head: bytes, body: bytes) -> None:
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(head)
        if body:
            self.transport.write(body)
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()
