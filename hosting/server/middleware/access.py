"""The access log: one line for each HTTP request, also for those that reach no function."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from hosting._log import host_logger
from hosting.server.types import (
    ANSWERED,
    DENIED_BY,
    REFUSED,
    AsgiApp,
    Message,
    Receive,
    Scope,
    Send,
    reached_function,
    sent_path,
)

_logger = host_logger("http")


class Access(NamedTuple):
    """One request that was answered."""

    method: str
    """Empty for a request that was refused before it was known."""
    path: str
    """As it was sent, without the query. Empty for a request that was refused before it was known."""
    status: int
    """0 if there was no response, because the client disconnected."""
    duration_ms: float | None
    """None for a request that the server refused because of its form."""
    function: str
    """Empty if none was reached."""
    refused: str
    """Why no function was reached; empty if one was, or if the host itself answered."""
    denied_by: str = ""
    """The guard that has failed, and so has denied the function; empty if none has."""


def access_text(access: Access) -> str:
    """Return one line about a request, such as ``GET /api/hello 200 3 ms hello``.

    Where a guard has failed, it ends with the status and the guard: ``GET /api/hello 3 ms hello 500 by auth``.
    """
    status = str(access.status or "disconnected")
    duration = "" if access.duration_ms is None else f" {access.duration_ms:.0f} ms"
    what = f" ({access.refused})" if access.refused else f" {access.function}" if access.function else ""
    if access.denied_by:
        return f"{access.method} {access.path}{duration}{what} {status} by {access.denied_by}"
    return f"{access.method or '-'} {access.path or '-'} {status}{duration}{what}"


def access_fields(access: Access) -> dict[str, object]:
    """Return the fields of the JSON line about a request; those that are not known are left out."""
    fields = {
        "method": access.method,
        "path": access.path,
        "status_code": access.status or None,
        "duration_ms": None if access.duration_ms is None else round(access.duration_ms, 3),
        "refused": access.refused,
        "denied_by": access.denied_by,
    }
    return {name: value for name, value in fields.items() if value not in ("", None)}


def report_refusal(access: Access, report: Callable[[Access], None] | None) -> None:
    """Report a request that the server refused because of its form; as a warning where there is no access log."""
    if report is None:
        _logger.warning("A request was refused with status %d. %s", access.status, access.refused)
    else:
        report(access)


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
            if ANSWERED not in scope:
                self._report(self._access(scope, status, (monotonic() - start) * 1000))

    def _access(self, scope: Scope, status: int, duration_ms: float) -> Access:
        path, function, refused = sent_path(scope), reached_function(scope), scope.get(REFUSED, "")
        return Access(scope["method"], path, status, duration_ms, function, refused, scope.get(DENIED_BY, ""))
