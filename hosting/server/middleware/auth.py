"""Authorization: a function is called with a key of its level only."""

from __future__ import annotations

from collections.abc import Sequence

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.routes import Route
from hosting.server.auth import request_key
from hosting.server.keys import DEFAULT, MASTER, KeySource, function_key, matches_any
from hosting.server.replies import empty, respond
from hosting.server.types import REFUSED, ROUTE, AsgiApp, Receive, Scope, Send


class RequireKey:
    """ASGI middleware that answers 401 to a routed request without a key that its function accepts.

    Args:
        app: the ASGI application inside.
        keys: the app's keys.
        routes: the routes of the functions.
    """

    def __init__(self, app: AsgiApp, keys: KeySource, routes: Sequence[Route[HttpTrigger]]) -> None:
        self._app = app
        self._keys = keys
        self._accepted = {route.function: _accepted_keys(route.target) for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        accepted = self._accepted[scope[ROUTE][0].function]
        if accepted is not None and not matches_any(request_key(scope), self._keys.accepted(*accepted)):
            scope[REFUSED] = "no key that the function accepts"
            return await respond(scope, send, empty(401))
        return await self._app(scope, receive, send)


def _accepted_keys(trigger: HttpTrigger) -> Sequence[str] | None:
    """Return the names of the keys that a function accepts.

    None if it needs none, or if it is disabled and answers 404 to all.
    """
    if trigger.disabled or trigger.level == "anonymous":
        return None
    if trigger.level == "admin":
        return (MASTER,)
    return (MASTER, DEFAULT, function_key(trigger.function))
