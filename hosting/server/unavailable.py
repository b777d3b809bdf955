"""What stands in for an app that an edit has broken, until the next edit: every request is told so."""

from __future__ import annotations

from hosting.bindings.http.response import HttpReply
from hosting.server.app import respond
from hosting.server.types import Receive, Scope, Send

_TEXT = [(b"content-type", b"text/plain; charset=utf-8"), (b"retry-after", b"1"), (b"cache-control", b"no-store")]


class UnavailableApp:
    """Answers 503 with a sentence.

    Args:
        sentence: why there is no app; what the author's code raised is on the terminal, not here.
    """

    failure: BaseException | None = None

    def __init__(self, sentence: str) -> None:
        self._reply = HttpReply(503, _TEXT, sentence.encode() + b"\n")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection of the ASGI protocol: ``http`` or ``lifespan``."""
        if scope["type"] == "http":
            await respond(send, scope["method"], self._reply)
            return
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def on_disconnect(self, scope: Scope) -> None:
        """Do nothing: every request is answered at once."""

    async def drain(self, grace: float) -> bool:
        """Nothing runs here."""
        return True
