"""The application that is served in place of one that does not load: it answers 503 until the next edit."""

from __future__ import annotations

from hosting.bindings.http.response import HttpReply
from hosting.server.event_loop import EventLoop
from hosting.server.replies import respond
from hosting.server.timeouts import Timeouts
from hosting.server.types import Receive, Scope, Send

_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"1"), (b"cache-control", b"no-store")]


class UnavailableApp:
    """Answers every request with 503 and a sentence.

    Args:
        sentence: why there is no app, without what the author's code raised, which is on the terminal.
    """

    failure: BaseException | None = None

    def __init__(self, sentence: str) -> None:
        self.timeouts = Timeouts()
        self.event_loop: EventLoop = "asyncio"
        self._reply = HttpReply(503, _HEADERS, sentence.encode() + b"\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of the ASGI protocol: ``http`` or ``lifespan``."""
        if scope["type"] == "http":
            await respond(scope, send, self._reply)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def on_disconnect(self, scope: Scope) -> None:
        """Do nothing: every request is answered at once."""

    async def drain(self, grace: float) -> bool:
        """Return True: nothing runs here."""
        return True
