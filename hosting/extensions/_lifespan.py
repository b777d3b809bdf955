"""Calls of hooks outside invocations: init, configure, load, startup and shutdown, isolated and within a budget."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from typing import Any

from hosting.errors import ExtensionError
from hosting.extensions._failures import NEVER_CAUGHT, describe_error, record_failure
from hosting.extensions._model import Hook
from hosting.extensions.dispatch.execution import await_captured
from hosting.extensions.dispatch.thread_pool import ResultOrError, call_captured
from hosting.extensions.dispatch.watchdog import cancel


def call_now(hook: Hook, arguments: Mapping[str, Any], budget: float, *, function: str | None = None) -> bool:
    """Call a load-time hook and wait for it; an async one runs on an event loop of its own.

    Args:
        hook: the hook.
        arguments: the hook's arguments, of which it is passed those that it takes.
        budget: the seconds that an async hook may take.
        function: the name of the function that the call is for, named in error messages.

    Returns:
        Whether it succeeded; an error is recorded and logged.
    """
    hook.statistics.calls += 1
    try:
        value = hook.call(arguments)
        if asyncio.iscoroutine(value):
            _run_coroutine(hook, value, budget)
    except NEVER_CAUGHT:
        raise
    except BaseException as exception:
        _record_error(hook, exception, function)
        return False
    return True


async def call_on_loop(hook: Hook, budget: float) -> bool:
    """Call a ``startup`` or ``shutdown`` hook: an async one on the running event loop, a ``def`` one in a thread.

    After ``budget`` seconds the hook is cancelled. One that ignores its cancellation is not waited for.

    Returns:
        Whether it succeeded; an error is recorded and logged.
    """
    hook.statistics.calls += 1
    coroutine = hook.call({}) if hook.is_async else _call_in_thread(hook)
    task = asyncio.ensure_future(await_captured(coroutine))
    await asyncio.wait({task}, timeout=budget)
    if not task.done():
        cancel(task)
        await asyncio.wait({task}, timeout=budget / 4)
        if not task.done():
            cancel(task, coroutine)
        _record_error(hook, _budget_exceeded(budget), None)
        return False
    _, exception = task.result()
    if exception is not None:
        _record_error(hook, exception, None)
    return exception is None


def _run_coroutine(hook: Hook, coroutine: Coroutine[Any, Any, Any], budget: float) -> None:
    """Run a load-time coroutine in a thread of its own, because this thread may have a running event loop."""
    if not hook.is_async:
        coroutine.close()
        raise ExtensionError("it returned a coroutine", remedy="Declare it 'async def'.")
    done: Future[ResultOrError] = Future()
    threading.Thread(
        target=lambda: done.set_result(call_captured(lambda: asyncio.run(_within_budget(coroutine, budget)))),
        name=f"hosting-{hook.name}",
        daemon=True,
    ).start()
    try:
        _, exception = done.result(timeout=budget + 1)
    except TimeoutError:
        exception = _budget_exceeded(budget)
    if exception is not None:
        raise exception


async def _within_budget(coroutine: Coroutine[Any, Any, Any], budget: float) -> None:
    try:
        async with asyncio.timeout(budget) as limit:
            await coroutine
    except TimeoutError as error:
        raise _budget_exceeded(budget) if limit.expired() else error from None


async def _call_in_thread(hook: Hook) -> None:
    """Call the hook in a thread that does not keep the process alive."""
    done: Future[ResultOrError] = Future()

    def run() -> None:
        result = call_captured(lambda: hook.call({}))
        if done.set_running_or_notify_cancel():
            done.set_result(result)

    threading.Thread(target=run, name=f"hosting-{hook.name}", daemon=True).start()
    _, exception = await asyncio.wrap_future(done)
    if exception is not None:
        raise exception


def _budget_exceeded(budget: float) -> TimeoutError:
    return TimeoutError(f"it took longer than its budget of {budget:g} s")


def _record_error(hook: Hook, exception: BaseException, function: str | None) -> None:
    hook.statistics.errors += 1
    record_failure(hook.extension, describe_error(hook.name, exception, hook=hook.name, function=function))
