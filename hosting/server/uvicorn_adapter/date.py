"""The Date header of responses: the server's, unless the application has set its own."""

from __future__ import annotations

from collections.abc import Awaitable
from email.utils import formatdate
from time import time

from hosting.server.types import AsgiApp, Message, Receive, Scope, Send


class DateHeader:
    """ASGI middleware that adds a Date header to each response that has none.

    It takes the place of uvicorn's own header, which uvicorn would send beside the application's.

    Args:
        app: the ASGI application inside.
    """

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self._second = 0
        self._header = (b"date", b"")

    # Neither of the two calls is a coroutine of its own: each would cost every request.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Call the application, with a ``send`` that adds the header."""

        def send_with_date(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message.get("headers", ())
                for name, _ in headers:
                    if len(name) == 4 and name.lower() == b"date":
                        break
                else:
                    message["headers"] = [self.current(), *headers]
            return send(message)

        return self._app(scope, receive, send_with_date)

    def current(self) -> tuple[bytes, bytes]:
        """Return the header for now: its name and its value, which is computed once a second."""
        second = int(time())
        if second != self._second:
            self._second, self._header = second, (b"date", formatdate(second, usegmt=True).encode())
        return self._header
