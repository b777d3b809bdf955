"""The vocabulary of ASGI, and what the parts of this application add to a request's scope and read from it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
AsgiApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Middleware: TypeAlias = Callable[[AsgiApp], AsgiApp]
"""Makes an ASGI application of the one that it wraps."""

PATH = "hosting.path"
"""The key in a scope of the path as it is routed: decoded, with the segments ``.`` and ``..`` resolved."""

ROUTE = "hosting.route"
"""The key in a scope of the route that takes the request, with the values of its parameters by name."""

REFUSED = "hosting.refused"
"""The key in a scope of the reason why a request reaches no function, in a few words."""

DENIED_BY = "hosting.denied_by"
"""The key in a scope of the name of the guard that has denied the function to the request."""

ANSWERED = "hosting.answered"
"""The key in a scope that is set once the server has refused the request, and has reported that."""

BODY = "hosting.body"
"""The key in a scope of the request's body, if it was read before the request reached its function."""

TASK = "hosting.task"
"""The key in a scope of the task that answers the request, which the server adds."""

ENDS_WITH_HOST = "hosting.ends_with_host"
"""The key in a scope that is set while a response is sent that ends only with the host."""


def sent_path(scope: Scope) -> str:
    """Return the path of a request as it was sent, without the query."""
    path: str = scope["raw_path"].decode("ascii", "backslashreplace")
    return path


def reached_function(scope: Scope) -> str:
    """Return the name of the function that a request has reached; empty if it has reached none."""
    name: str = scope[ROUTE][0].function if ROUTE in scope and not scope.get(REFUSED) else ""
    return name
