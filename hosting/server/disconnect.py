"""Client disconnects: what an ASGI scope records, so that the task that answers the request can be cancelled."""

from __future__ import annotations

from asyncio import current_task

from hosting.server.types import Scope

_DISCONNECTED = "hosting.disconnected"
_TASK = "hosting.task"
"""Keys in a request's scope: that its client has disconnected, and the task to cancel when it does."""


def cancel_on_disconnect(scope: Scope) -> None:
    """Have the current task cancelled when the client of this request disconnects."""
    scope[_TASK] = current_task()


def is_disconnected(scope: Scope) -> bool:
    """Return whether ``disconnect`` has been called for this request."""
    return _DISCONNECTED in scope


def disconnect(scope: Scope) -> None:
    """Record that the client of a request has disconnected, and cancel the task that asked for it."""
    scope[_DISCONNECTED] = True
    task = scope.get(_TASK)
    if task is not None:
        task.cancel("the client has gone")
