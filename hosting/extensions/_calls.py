"""Calls of functions of extensions that are not hooks: closers of services, health checks."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from hosting.extensions.dispatch.thread_pool import ResultOrError, call_captured


async def call_anywhere(call: Callable[[], Any], name: str) -> Any:
    """Return what a function returns: an async one is awaited, a ``def`` one runs in a thread.

    The thread does not keep the process alive. A ``def`` that returns something awaitable has that awaited here.

    Args:
        call: the function.
        name: the name of the thread.
    """
    value = await (call() if inspect.iscoroutinefunction(call) else _in_thread(call, name))
    return await value if inspect.isawaitable(value) else value


async def _in_thread(call: Callable[[], Any], name: str) -> Any:
    done: Future[ResultOrError] = Future()

    def run() -> None:
        result = call_captured(call)
        if done.set_running_or_notify_cancel():
            done.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    value, exception = await asyncio.wrap_future(done)
    if exception is not None:
        raise exception
    return value
