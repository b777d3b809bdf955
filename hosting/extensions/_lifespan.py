"""Hooks outside an invocation: init, configure, load, startup and shutdown, each isolated and within its budget."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from typing import Any

from hosting.errors import ExtensionError
from hosting.extensions._failures import PASSING, describe, record
from hosting.extensions._model import Hook
from hosting.extensions.dispatch.watchdog import end

Ending = tuple[Any, BaseException | None]


def call_now(hook: Hook, arguments: Mapping[str, Any], budget: float, *, function: str | None = None) -> bool:
    """Call a load-time hook and wait for it, an async one on an event loop of its own; whether it went well."""
    hook.statistics.calls += 1
    try:
        value = hook.call(arguments)
        if asyncio.iscoroutine(value):
            _finish(hook, value, budget)
    except PASSING:
        raise
    except BaseException as exception:
        _failed(hook, exception, function)
        return False
    return True


async def call_on_loop(hook: Hook, budget: float) -> bool:
    """Call ``startup`` or ``shutdown`` on the running loop, a ``def`` one in a thread; whether it went well.

    Past the budget cancellation is requested, and nobody waits for a hook that ignores it.
    """
    hook.statistics.calls += 1
    coroutine = hook.call({}) if hook.is_async else _threaded(hook)
    task = asyncio.ensure_future(_contained(coroutine))
    await asyncio.wait({task}, timeout=budget)
    if not task.done():
        end(task)
        await asyncio.wait({task}, timeout=budget / 4)
        if not task.done():
            end(task, coroutine)
        _failed(hook, _overran(budget), None)
        return False
    _, exception = task.result()
    if exception is not None:
        _failed(hook, exception, None)
    return exception is None


def _finish(hook: Hook, value: Coroutine[Any, Any, Any], budget: float) -> None:
    """Run a load-time coroutine to its end in a thread: there may be a loop in this one already."""
    if not hook.is_async:
        value.close()
        raise ExtensionError("it returned a coroutine", remedy="Declare it 'async def'.")
    done: Future[Ending] = Future()
    threading.Thread(target=_settle, args=(done, value, budget), name=f"hosting-{hook.name}", daemon=True).start()
    try:
        _, exception = done.result(timeout=budget + 1)
    except TimeoutError:
        exception = _overran(budget)
    if exception is not None:
        raise exception


def _settle(done: Future[Ending], value: Coroutine[Any, Any, Any], budget: float) -> None:
    async def limited() -> None:
        try:
            async with asyncio.timeout(budget) as limit:
                await value
        except TimeoutError as error:
            raise _overran(budget) if limit.expired() else error from None

    try:
        done.set_result((asyncio.run(limited()), None))
    except BaseException as exception:
        done.set_result((None, exception))


async def _threaded(hook: Hook) -> None:
    """The hook in a thread that does not keep the process alive."""
    done: Future[BaseException | None] = Future()

    def run() -> None:
        exception = _exception_of(hook)
        if done.set_running_or_notify_cancel():
            done.set_result(exception)

    threading.Thread(target=run, name=f"hosting-{hook.name}", daemon=True).start()
    exception = await asyncio.wrap_future(done)
    if exception is not None:
        raise exception


def _exception_of(hook: Hook) -> BaseException | None:
    try:
        hook.call({})
    except BaseException as exception:
        return exception
    return None


async def _contained(work: Coroutine[Any, Any, Any]) -> Ending:
    try:
        return await work, None
    except BaseException as exception:
        return None, exception


def _overran(budget: float) -> TimeoutError:
    return TimeoutError(f"it took longer than its budget of {budget:g} s")


def _failed(hook: Hook, exception: BaseException, function: str | None) -> None:
    hook.statistics.errors += 1
    record(hook.extension, describe(hook.name, exception, hook=hook.name, function=function))
