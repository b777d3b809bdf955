"""Who may call what: the levels of functions, the master key for ``/admin``, and system keys for webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.response import HttpReply
from hosting.bindings.http.routes import Route
from hosting.server.keys import Keys, fits, system_key
from hosting.server.types import Handler, Receive, Scope, empty

_HEADER = b"x-functions-key"


class Gate:
    """Answers 401 to who has no key for a function that asks for one.

    Args:
        handler: what answers the others.
        keys: the app's.
        routes: the routes that are guarded.
    """

    def __init__(self, handler: Handler, keys: Keys, routes: Sequence[Route[HttpTrigger]]) -> None:
        self._handler = handler
        self._accepted = {route.function: _accepted(route.target, keys) for route in routes}

    async def __call__(
        self, scope: Scope, receive: Receive, route: Route[HttpTrigger], values: Mapping[str, str]
    ) -> HttpReply:
        accepted = self._accepted[route.function]
        if accepted is not None and not fits(presented(scope), accepted):
            return empty(401)
        return await self._handler(scope, receive, route, values)


class MasterKey:
    """Whether a request brings the master key."""

    def __init__(self, keys: Keys) -> None:
        self._accepted = (keys.master,)

    def __call__(self, scope: Scope) -> bool:
        return fits(presented(scope), self._accepted)


class SystemKeys:
    """Whether a request brings the key of the extension whose webhook it calls, or the master key."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def __call__(self, extension: str, scope: Scope) -> bool:
        return fits(presented(scope), (self._keys.master, self._keys.of_system(system_key(extension))))


def _accepted(trigger: HttpTrigger, keys: Keys) -> Sequence[str] | None:
    """The keys that open a function; None if anybody may call it, or if it is not there for anybody."""
    if trigger.disabled or trigger.level == "anonymous":
        return None
    if trigger.level == "admin":
        return (keys.master,)
    return (keys.master, keys.default, keys.of(trigger.function))


def presented(scope: Scope) -> str:
    """The key that a request brings: in its header, else as ``code`` in its query; empty if it brings none."""
    for name, value in scope["headers"]:
        if name == _HEADER:
            return str(value.decode("latin-1"))
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return next((value for name, value in query if name.lower() == "code"), "")
