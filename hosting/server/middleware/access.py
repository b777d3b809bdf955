"""The access log: one line for each HTTP request, also for those that reach no function."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from hosting.server.types import REFUSED, ROUTE, AsgiApp, Message, Receive, Scope, Send


class Access(NamedTuple):
    """One request that was answered."""

    method: str
    path: str
    """As it was sent, without the query."""
    status: int
    """0 if there was no response, because the client disconnected."""
    duration_ms: float
    function: str
    """Empty if none was reached."""
    refused: str
    """Why no function was reached; empty if one was, or if the host itself answered."""


def access_text(access: Access) -> str:
    """Return one line about a request, such as ``GET /api/hello 200 3 ms hello``."""
    status = str(access.status or "disconnected")
    what = f" ({access.refused})" if access.refused else f" {access.function}" if access.function else ""
    return f"{access.method} {access.path} {status} {access.duration_ms:.0f} ms{what}"


class AccessLog:
    """ASGI middleware that reports each request when it is answered.

    Args:
        app: the ASGI application inside.
        report: called with each request; must not raise.
    """

    def __init__(self, app: AsgiApp, report: Callable[[Access], None]) -> None:
        self._app = app
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        status, start = 0, monotonic()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            refused = scope.get(REFUSED, "")
            function = scope[ROUTE][0].function if ROUTE in scope and not refused else ""
            path = scope["raw_path"].decode("ascii", "backslashreplace")
            self._report(Access(scope["method"], path, status, (monotonic() - start) * 1000, function, refused))
