"""Start and stop of a web app inside a function app, by ASGI's lifespan protocol."""

from __future__ import annotations

import asyncio
from typing import Any

from hosting._log import host_logger

SHUTDOWN_SECONDS = 10.0
"""How long a web app may take to stop."""

_logger = host_logger("apps")


class AsgiLifespan:
    """Starts the web app of an ``AsgiFunctionApp`` when the host starts, and stops it when the host stops.

    Left to itself, the SDK starts it at the first request, and stops it outside the event loop when the object is
    deleted. A web app that does not start is left to the SDK: it tries again at each request and fails it, as in Azure.

    Args:
        app: the SDK's ``AsgiFunctionApp``.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def startup(self) -> None:
        """Start the web app, on the event loop that will handle its requests."""
        if await self._app.middleware.notify_startup():
            self._app.startup_task_done = True
            return
        _logger.error(
            "The web app of AsgiFunctionApp did not start: its lifespan failed, or it has none. "
            "Every request to it will fail, as in Azure."
        )

    async def shutdown(self) -> None:
        """Stop the web app, on the same event loop, after the last request; gives up after 10 seconds."""
        if not self._app.startup_task_done:
            return
        self._app.startup_task_done = False
        limit = asyncio.timeout(SHUTDOWN_SECONDS)
        try:
            async with limit:
                await self._app.middleware.notify_shutdown()
        except TimeoutError:
            if not limit.expired():
                raise
            _logger.error("The web app of AsgiFunctionApp did not stop within %g s.", SHUTDOWN_SECONDS)


def lifespan_of(app: Any) -> AsgiLifespan | None:
    """Return the lifespan of a v2 app that wraps an ASGI application, or None for any other app."""
    import azure.functions  # heavy: only loading an app needs it

    return AsgiLifespan(app) if isinstance(app, azure.functions.AsgiFunctionApp) else None
