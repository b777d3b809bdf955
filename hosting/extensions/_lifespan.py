"""Calls of hooks outside invocations: init, configure, load, startup and shutdown, isolated and within a budget."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from hosting._exceptions import is_a
from hosting.errors import ExtensionError
from hosting.extensions._calls import call_anywhere
from hosting.extensions._failures import NEVER_CAUGHT, describe_error, record_failure, replace_failure
from hosting.extensions._model import Extension, Hook
from hosting.extensions._start_monitor import StartMonitor
from hosting.extensions.dispatch.execution import await_captured
from hosting.extensions.dispatch.thread_pool import ResultOrError, call_captured
from hosting.extensions.dispatch.watchdog import cancel, is_own_error, late_error

if TYPE_CHECKING:
    from hosting.app_services import Service


def call_now(
    hook: Hook,
    arguments: Mapping[str, Any],
    budget: float,
    monitor: StartMonitor,
    *,
    function: str | None = None,
    accept: Callable[[Any], None] = lambda _value: None,
) -> bool:
    """Call a load-time hook and wait for it; an async one runs on an event loop of its own.

    Args:
        hook: the hook.
        arguments: the hook's arguments, of which it is passed those that it takes.
        budget: the seconds that an async hook may take.
        monitor: names the hook where it takes long.
        function: the name of the function that the call is for, named in error messages.
        accept: called with what the hook returns; an error that it raises counts as the hook's.

    Returns:
        Whether it succeeded; an error is recorded and logged.
    """
    hook.statistics.calls += 1
    ended: Future[ResultOrError] = Future()
    with monitor.watching(hook.extension, _running(hook), budget, is_async=hook.is_async):
        value, exception = call_captured(lambda: hook.call(arguments))
        if asyncio.iscoroutine(value):
            exception = _run_coroutine(hook, value, budget, ended, accept)
        elif exception is None:
            _, exception = call_captured(lambda: accept(value))
    if exception is not None and is_a(exception, *NEVER_CAUGHT):
        raise exception
    if exception is not None:
        _record_error(hook, exception, function, ended)
    return exception is None


async def call_on_loop(hook: Hook, arguments: Mapping[str, Any], budget: float, monitor: StartMonitor) -> bool:
    """Call a ``startup`` or ``shutdown`` hook: an async one on the running event loop, a ``def`` one in a thread.

    After ``budget`` seconds the hook is cancelled. One that ignores its cancellation is not waited for.

    Returns:
        Whether it succeeded; an error is recorded and logged.
    """
    hook.statistics.calls += 1
    ended: Future[ResultOrError] = Future()
    with monitor.watching(hook.extension, _running(hook), budget, is_async=True):
        if hook.is_async:
            exception = await within_budget(hook.call(arguments), budget, ended)
        else:
            exception = await within_budget(_call_in_thread(hook, arguments, ended), budget, Future())
    if exception is not None:
        _record_error(hook, exception, None, ended)
    return exception is None


async def close_service(extension: Extension, service: Service, budget: float) -> None:
    """Close a service of an extension within ``budget`` seconds; an error is recorded and logged."""
    ended: Future[ResultOrError] = Future()
    close = functools.partial(service.close, service.value)
    exception = await within_budget(call_anywhere(close, "hosting-close"), budget, ended)
    if exception is not None:
        record_failure(extension, describe_error(f"closing {service.name}", exception))


def _running(hook: Hook) -> str:
    return f"in its hook {hook.name}"


def _run_coroutine(
    hook: Hook,
    coroutine: Coroutine[Any, Any, Any],
    budget: float,
    ended: Future[ResultOrError],
    accept: Callable[[Any], None],
) -> BaseException | None:
    """Run a load-time coroutine in a thread of its own, because this thread may have a running event loop.

    ``accept`` gets what it returns. The other arguments and what is returned are those of ``within_budget``.
    """
    if not hook.is_async:
        call_captured(coroutine.close)
        return ExtensionError("it returned a coroutine", remedy="Declare it 'async def'.")
    done: Future[ResultOrError] = Future()
    accepted = _accepting(coroutine, accept)
    threading.Thread(
        target=lambda: done.set_result(call_captured(lambda: asyncio.run(within_budget(accepted, budget, ended)))),
        name=f"hosting-{hook.name}",
        daemon=True,
    ).start()
    try:
        raised, exception = done.result(timeout=budget * 1.25 + 1)
    except TimeoutError:
        return late_error(budget)
    return raised if exception is None else exception


async def _accepting(coroutine: Coroutine[Any, Any, Any], accept: Callable[[Any], None]) -> None:
    accept(await coroutine)


async def within_budget(
    coroutine: Coroutine[Any, Any, Any], budget: float, ended: Future[ResultOrError]
) -> BaseException | None:
    """Await a hook; cancel it when the budget is exceeded, and a quarter of that later close it and go on without it.

    Args:
        coroutine: the hook.
        budget: the seconds that it may take.
        ended: gets how it ended, however late.

    Returns:
        What it raised, or a TimeoutError; None if it succeeded.
    """
    task = asyncio.ensure_future(await_captured(coroutine))
    task.add_done_callback(lambda task: ended.set_result(_result(task)))
    await asyncio.sleep(0)  # most hooks end now, without a timer, which the loop would keep until its time
    if task.done() and _result(task)[1] is None:
        return None
    await asyncio.wait({task}, timeout=budget)
    if task.done():
        return _result(task)[1]
    cancel(task)
    await asyncio.wait({task}, timeout=budget / 4)
    closed = None if task.done() else cancel(task, coroutine)
    return late_error(budget, closed, _result(task)[1] if task.done() else None)


def _result(task: asyncio.Task[ResultOrError]) -> ResultOrError:
    return (None, asyncio.CancelledError()) if task.cancelled() else task.result()


async def _call_in_thread(hook: Hook, arguments: Mapping[str, Any], ended: Future[ResultOrError]) -> None:
    """Call the hook in a thread that does not keep the process alive; ``ended`` gets how it ended, however late."""
    done: Future[ResultOrError] = Future()

    def run() -> None:
        result = call_captured(lambda: hook.call(arguments))
        if done.set_running_or_notify_cancel():
            done.set_result(result)
        ended.set_result(result)

    threading.Thread(target=run, name=f"hosting-{hook.name}", daemon=True).start()
    _, exception = await asyncio.wrap_future(done)
    if exception is not None:
        raise exception


def _record_error(hook: Hook, exception: BaseException, function: str | None, ended: Future[ResultOrError]) -> None:
    """Record an error; what the hook raises after its time-out replaces that, and is not counted again."""
    hook.statistics.errors += 1
    failure = describe_error(hook.name, exception, hook=hook.name, function=function)
    record_failure(hook.extension, failure)

    def replace(ended: Future[ResultOrError]) -> None:
        _, late = ended.result()
        if late is not None and late is not exception and is_own_error(late):
            later = describe_error(hook.name, late, hook=hook.name, function=function)
            replace_failure(hook.extension, failure, later)

    ended.add_done_callback(replace)
