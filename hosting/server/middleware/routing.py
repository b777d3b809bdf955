"""Routing: the host's own paths, and the route that takes a request to a function."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.request import decode_path
from hosting.bindings.http.response import HttpReply
from hosting.bindings.http.routes import Router
from hosting.server.admin.app import Admin
from hosting.server.cross_site import CrossSiteCheck
from hosting.server.replies import answer, empty, respond
from hosting.server.types import PATH, REFUSED, ROUTE, AsgiApp, Receive, Scope, Send

_HOSTS_OWN = frozenset(("/admin/", "/runtim"))
"""The first seven characters of the paths that the host itself may answer: one look at the path of every request."""


class OwnEndpoints(Protocol):
    """Answers some of the paths of the host itself."""

    def takes(self, path: str) -> bool:
        """Return whether it answers a path."""

    async def answer(self, scope: Scope, receive: Receive, path: str, /) -> HttpReply:
        """Answer a request."""


class OwnPaths:
    """ASGI middleware that answers the paths of the host itself; it adds the decoded path to the scope of others.

    Args:
        app: the ASGI application inside, for all other paths.
        own: what answers these paths; the first one that takes a path.
        cross_site: refuses requests that may come from a foreign web page; None to refuse none.
    """

    def __init__(self, app: AsgiApp, own: Sequence[OwnEndpoints], cross_site: CrossSiteCheck | None) -> None:
        self._app = app
        self._own = tuple(own)
        self._cross_site = cross_site

    # Not a coroutine of its own, which would cost every request.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        path = scope["path"]
        if "%" in path or b"%" in scope["raw_path"] or "/." in path:
            path = decode_path(scope)
            if path is None:
                scope[REFUSED] = "the path is malformed"
                return respond(scope, send, empty(400))
        if path[:7].lower() in _HOSTS_OWN:
            for own in self._own:
                if own.takes(path):
                    refusal = None if self._cross_site is None else self._cross_site.refusal(scope, path)
                    if refusal is not None:
                        scope[REFUSED] = "the request may come from a foreign page"
                        return respond(scope, send, refusal)
                    return answer(scope, receive, send, own.answer(scope, receive, path))
        scope[PATH] = path
        return self._app(scope, receive, send)


class Routing:
    """ASGI middleware that adds the route to the scope; answers the home page, and 404 where no route fits.

    Args:
        app: the ASGI application inside, for requests to functions.
        router: the routes of the functions.
        unavailable: the routes of functions that cannot run, for requests that no other route takes.
        admin: has the home page.
    """

    def __init__(
        self, app: AsgiApp, router: Router[HttpTrigger], unavailable: Router[HttpTrigger], admin: Admin
    ) -> None:
        self._app = app
        self._match = router.match
        self._match_unavailable = unavailable.match
        self._admin = admin

    # Not a coroutine of its own, which would cost every request.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request."""
        path = scope[PATH]
        found = self._match(scope["method"], path) or self._match_unavailable(scope["method"], path)
        if found is None:
            if path == "/":
                return respond(scope, send, self._admin.home(scope))
            scope[REFUSED] = "no function has this route"
            return respond(scope, send, empty(404))
        scope[ROUTE] = found
        return self._app(scope, receive, send)
