"""Questions about the running task, and waiting with a time limit; used by every layer."""

from __future__ import annotations

import asyncio
from typing import Any


def current_task() -> asyncio.Task[Any] | None:
    """Return the task that runs this code; None outside a task, and on a thread without an event loop."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def is_being_cancelled() -> bool:
    """Return whether the current task is being cancelled.

    Called where a ``CancelledError`` was caught: code that the task awaits can raise the same error by itself, for
    instance when it awaits a task that it has cancelled, and that must not end the task.
    """
    task = current_task()
    return task is not None and task.cancelling() > 0


async def wait_for_event(event: asyncio.Event, timeout: float) -> bool:  # noqa: ASYNC109 - reaching the limit does not raise
    """Wait until ``event`` is set, at most ``timeout`` seconds; return whether it was set in time."""
    try:
        async with asyncio.timeout(timeout):
            return await event.wait()
    except TimeoutError:
        return False
