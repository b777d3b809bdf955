"""``/runtime/webhooks/NAME``: where services call a binding, each call with the key of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hosting.bindings.http.request import HttpCall, parse_headers
from hosting.bindings.http.response import HttpReply
from hosting.server.body import read_body
from hosting.server.replies import empty
from hosting.server.types import Receive, Scope

if TYPE_CHECKING:
    from hosting.bindings.services import Webhook
    from hosting.server.keys import Keys

_PLACE = "/runtime/webhooks/"
_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"))

_logger = logging.getLogger("hosting.http")


class Webhooks:
    """Hands requests to the providers that take them. Paths and names compare ignoring case, as in Azure's host.

    Args:
        handlers: by name in lower case; providers may still add theirs.
        keys: those that callers need; None where everything is open.
        limit: the largest body that is read, in bytes.
    """

    def __init__(self, handlers: Mapping[str, Webhook], keys: Keys | None, limit: int) -> None:
        self._handlers = handlers
        self._opens = None if keys is None else _lock(keys)
        self._limit = limit

    def takes(self, path: str) -> bool:
        """Whether ``path`` is a webhook's: no function can have it."""
        return path[: len(_PLACE)].lower() == _PLACE

    async def answer(self, scope: Scope, receive: Receive, path: str) -> HttpReply:
        """Answer a request; 404 without a body where nobody takes it, 401 to who has no key for it.

        Raises:
            Disconnected: the client went away before its request was whole.
            TooLarge: the body is larger than is allowed.
        """
        name, _, rest = path[len(_PLACE) :].partition("/")
        handler = self._handlers.get(name.lower())
        if handler is None or scope["method"] not in _METHODS:
            return empty(404)
        if self._opens is not None and not self._opens(name, scope):
            return empty(401)
        call = await self._call(scope, receive, rest)
        try:
            return await handler(call)
        except Exception:
            _logger.exception("The webhook '%s' failed to answer %s %s.", name, call.method, path)
            return empty(500)

    async def _call(self, scope: Scope, receive: Receive, rest: str) -> HttpCall:
        headers = parse_headers(scope["headers"])
        body = await read_body(receive, headers, self._limit)
        return HttpCall.from_scope(scope, headers, {"rest": rest}, body)


def _lock(keys: Keys) -> Callable[[str, Scope], bool]:
    from hosting.server.auth import SystemKeys  # costs a start what few starts need

    return SystemKeys(keys)
