"""Webhooks: ``/runtime/webhooks/NAME``, where services call a binding, each with a key of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from hosting._log import host_logger
from hosting.bindings.http.request import HttpCall, parse_headers, trace_context
from hosting.bindings.http.response import HttpReply
from hosting.errors import GuardError, SettingsError
from hosting.server.body import read_body, replace_chunked
from hosting.server.keys import system_key
from hosting.server.replies import empty
from hosting.server.types import DENIED_BY, REFUSED, Receive, Scope

if TYPE_CHECKING:
    from hosting.bindings.services import Webhooks as HandlersByName
    from hosting.server.auth import SystemKeys
    from hosting.server.keys import KeySource

_PREFIX = "/runtime/webhooks/"
_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"))

_LEVEL = "webhookAuthorizationLevel"

_logger = host_logger("http")


class Webhooks:
    """Passes requests to the handlers of providers. The case of paths and names does not matter, as in Azure's host.

    Args:
        handlers: the handlers by name in lower case; providers may add theirs later.
        levels: whether a webhook is anonymous, by its name, where host.json says so.
        keys: the keys that callers need; None if they need none.
        limit: the largest body that is read, in bytes.
    """

    def __init__(
        self, handlers: HandlersByName, levels: Mapping[str, bool], keys: KeySource | None, limit: int
    ) -> None:
        self._handlers = handlers
        self._levels = levels
        self._keys = keys
        self._has_system_key = None if keys is None else _system_keys(keys)
        self._limit = limit
        handlers.find_key = self._key

    def takes(self, path: str) -> bool:
        """Return whether ``path`` is a webhook's: no function can have it."""
        return path[: len(_PREFIX)].lower() == _PREFIX

    async def answer(self, scope: Scope, receive: Receive, path: str) -> HttpReply:
        """Answer a request: 404 without a body if there is no handler, 401 without a key.

        Raises:
            Disconnected: the client disconnected before its request was complete.
            TooLarge: the body is larger than the limit.
        """
        name, _, rest = path[len(_PREFIX) :].partition("/")
        handler = self._handlers.get(name.lower())
        if handler is None or scope["method"] not in _METHODS:
            scope[REFUSED] = "no webhook has this path"
            return empty(404)
        if not self._is_allowed(name, scope):
            scope[REFUSED] = "no key that the webhook accepts"
            return empty(401)
        call = await self._call(scope, receive, rest)
        find_invoke = self._handlers.find_invoke.get(name.lower())
        invoke = None if find_invoke is None else find_invoke()
        try:
            return await handler(call) if invoke is None else await _invoked(invoke, call)
        except Exception:
            _logger.exception("The webhook '%s' failed to answer %s %s.", name, call.method, path)
            return empty(500)

    def _is_allowed(self, name: str, scope: Scope) -> bool:
        if self._has_system_key is None:
            return True
        return self._is_anonymous(name) or self._has_system_key(self._handlers.access(name).system_key, scope)

    def _is_anonymous(self, name: str) -> bool:
        return self._levels.get(name.lower(), self._handlers.access(name).is_anonymous)

    def _key(self, name: str) -> str:
        """Return a key that the webhook of a name accepts; empty if it needs none, or has none."""
        if self._keys is None or self._is_anonymous(name):
            return ""
        return next(iter(self._keys.accepted(system_key(self._handlers.access(name).system_key))), "")

    async def _call(self, scope: Scope, receive: Receive, rest: str) -> HttpCall:
        headers = parse_headers(scope["headers"])
        body = await read_body(receive, headers, self._limit)
        replace_chunked(headers, len(body))
        return HttpCall.from_scope(scope, headers, {"rest": rest}, body)


async def _invoked(invoke: Callable[..., Awaitable[Any]], call: HttpCall) -> HttpReply:
    """Return the reply of a handler with extensions around it; a failure is logged as that of a function."""
    result = await invoke(call, *trace_context(call.headers))
    reply: HttpReply | None = result.reply
    if isinstance(result.exception, GuardError):
        from hosting.server.failure import denial_reply  # costs a start what few starts need

        if call.scope is not None:
            call.scope[DENIED_BY] = result.exception.guard
        return denial_reply(result.exception)
    return empty(500) if reply is None else reply


def _system_keys(keys: KeySource) -> SystemKeys:
    from hosting.server.auth import SystemKeys  # costs a start what few starts need

    return SystemKeys(keys)


def read_authorization_levels(extensions: Mapping[str, Any]) -> dict[str, bool]:
    """Return whether a webhook is anonymous, by its name in lower case, for those of which host.json says something.

    As in Azure's host, ``system.webhookAuthorizationLevel`` of the extension's section is ``System`` or ``Anonymous``,
    in any case.

    Args:
        extensions: the section ``extensions`` of host.json.

    Raises:
        SettingsError: it has another value.
    """
    levels = {}
    for name, section in extensions.items():
        system = section.get("system") if isinstance(section, Mapping) else None
        level = system.get(_LEVEL) if isinstance(system, Mapping) else None
        if level is not None:
            if not isinstance(level, str) or level.lower() not in ("system", "anonymous"):
                raise SettingsError(
                    f"host.json: extensions.{name}.system.{_LEVEL}: expected System or Anonymous, found {level!r}.",
                    remedy="Anonymous lets everybody call the webhook; System, the default, needs a key.",
                )
            levels[name.lower()] = level.lower() == "anonymous"
    return levels
