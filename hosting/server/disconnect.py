"""Client disconnects: what an ASGI scope records, so that the task that answers the request can be cancelled."""

from __future__ import annotations

from hosting.bindings.http.request import CANCELS
from hosting.server.types import TASK, Scope

_DISCONNECTED = "hosting.disconnected"
"""The key in a request's scope that is set once its client has disconnected."""


def cancel_on_disconnect(scope: Scope) -> None:
    """Have the task that answers this request cancelled when its client disconnects."""
    scope[CANCELS] = True


def is_disconnected(scope: Scope) -> bool:
    """Return whether ``disconnect`` has been called for this request."""
    return _DISCONNECTED in scope


def disconnect(scope: Scope) -> None:
    """Record that the client of a request has disconnected, and cancel the task that answers it, if that is wanted."""
    scope[_DISCONNECTED] = True
    if CANCELS in scope and TASK in scope:
        scope[TASK].cancel("the client has gone")
