"""The start and the end of a web app inside a function app, in the words of ASGI's lifespan protocol."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

SHUTDOWN_SECONDS = 10.0
"""Seconds for a web app to end."""

_logger = logging.getLogger("hosting.apps")


class AsgiLifespan:
    """Starts the web app of an ``AsgiFunctionApp`` with the host, and ends it with the host.

    The SDK starts it at the first request, and ends it when the object is deleted, outside the event loop. A web app
    that does not start is left to the SDK: it tries again at each request, and fails that, as in Azure.

    Args:
        app: the SDK's ``AsgiFunctionApp``.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def startup(self) -> None:
        """On the event loop that requests will be answered on."""
        if await self._app.middleware.notify_startup():
            self._app.startup_task_done = True
            return
        _logger.error(
            "The web app of AsgiFunctionApp did not start: its lifespan failed, or it has none. "
            "Every request to it will fail, as in Azure."
        )

    async def shutdown(self) -> None:
        """On the same loop, when no more requests come."""
        if not self._app.startup_task_done:
            return
        self._app.startup_task_done = False
        try:
            async with asyncio.timeout(SHUTDOWN_SECONDS):
                await self._app.middleware.notify_shutdown()
        except TimeoutError:
            _logger.error("The web app of AsgiFunctionApp did not end within %g s.", SHUTDOWN_SECONDS)


def lifespan_of(app: Any) -> AsgiLifespan | None:
    """The lifespan of a v2 app that wraps an ASGI application; None for any other."""
    import azure.functions  # heavy, and only those who load an app need it

    return AsgiLifespan(app) if isinstance(app, azure.functions.AsgiFunctionApp) else None
