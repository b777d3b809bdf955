"""The application that is served in place of one that does not load: it answers 503 until the next edit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hosting.bindings.http.response import Headers, HttpReply
from hosting.server.event_loop import EventLoop
from hosting.server.middleware.access import Access, AccessLog, report_refusal
from hosting.server.replies import respond
from hosting.server.timeouts import Timeouts
from hosting.server.types import REFUSED, AsgiApp, Receive, Scope, Send

_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"1"), (b"cache-control", b"no-store")]


class UnavailableApp:
    """Answers every request with 503 and a sentence.

    Args:
        sentence: why there is no app, without what the author's code raised, which is on the terminal.
        access: called with each request that is answered; None for no access log.
    """

    failure: BaseException | None = None

    def __init__(self, sentence: str, access: Callable[[Access], None] | None = None) -> None:
        self.timeouts = Timeouts()
        self.event_loop: EventLoop = "asyncio"
        self._access = access
        self._http: AsgiApp = self._answer if access is None else AccessLog(self._answer, access)
        self._reply = HttpReply(503, _HEADERS, sentence.encode() + b"\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol: ``http`` or ``lifespan``."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[REFUSED] = "the app does not run"
        await respond(scope, send, self._reply)

    def on_refusal(self, access: Access) -> Headers:
        """Report a request that the server has refused because of its form; no extension adds a header."""
        report_refusal(access, self._access)
        return []

    def on_disconnect(self, scope: Scope) -> None:
        """Do nothing: every request is answered at once."""

    def running(self) -> Sequence[str]:
        """Return nothing: no function runs here."""
        return ()

    async def leave(self) -> None:
        """Do nothing: there is no other work."""

    async def drain(self, grace: float) -> bool:
        """Return True: nothing runs here."""
        return True
