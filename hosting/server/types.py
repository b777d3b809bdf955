"""The words of the ASGI protocol, and of what answers a request to a function's route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, TypeAlias

from hosting.bindings.http.provider import HttpTrigger
from hosting.bindings.http.response import HttpReply
from hosting.bindings.http.routes import Route

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Handler: TypeAlias = Callable[[Scope, Receive, Route[HttpTrigger], Mapping[str, str]], Awaitable[HttpReply]]
"""Answers a request to a function's route, given the values of the route's parameters."""


def empty(status: int) -> HttpReply:
    """A reply without headers and body."""
    return HttpReply(status, [], b"")


def url_of(scope: Scope, headers: Mapping[str, str], query: str) -> str:
    """The address that was asked for, path and query as they were sent."""
    authority = headers.get("host") or "{}:{}".format(*(scope.get("server") or ("localhost", 80)))
    path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
    return f"{scope['scheme']}://{authority}{path}?{query}" if query else f"{scope['scheme']}://{authority}{path}"
