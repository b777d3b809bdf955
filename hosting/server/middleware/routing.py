"""Routing: finds the route that takes a request, or answers for the host itself."""

from __future__ import annotations

from collections.abc import Awaitable

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.request import decode_path
from hosting.bindings.http.routes import Router
from hosting.server.admin.app import Admin
from hosting.server.replies import answer, empty, respond
from hosting.server.types import ROUTE, AsgiApp, Receive, Scope, Send
from hosting.server.webhooks import Webhooks

_HOSTS_OWN = frozenset(("/admin/", "/runtim"))
"""The first seven characters of the paths that the host itself may answer: one look at the path of every request."""


class Routing:
    """ASGI middleware that adds the route to the scope; answers the host's own paths, and 404 where no route fits.

    Args:
        app: the ASGI application inside, for requests to functions.
        router: the routes of the functions.
        admin: answers the home page and what is below ``/admin``.
        webhooks: answers what is below ``/runtime/webhooks``.
    """

    def __init__(self, app: AsgiApp, router: Router[HttpTrigger], admin: Admin, webhooks: Webhooks) -> None:
        self._app = app
        self._match = router.match
        self._admin = admin
        self._webhooks = webhooks

    # Not a coroutine of its own, which would cost every request.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        path = scope["path"]
        if "%" in path or b"%" in scope["raw_path"] or "/." in path:
            path = decode_path(scope)
            if path is None:
                return respond(scope, send, empty(400))
        if path[:7].lower() in _HOSTS_OWN:
            for own in (self._admin, self._webhooks):
                if own.takes(path):
                    return answer(scope, receive, send, own.answer(scope, receive, path))
        found = self._match(scope["method"], path)
        if found is None:
            return respond(scope, send, self._admin.home() if path == "/" else empty(404))
        scope[ROUTE] = found
        return self._app(scope, receive, send)
