"""Execution of one invocation: on the event loop, or on a pool thread in a context of its own.

Context variables that a hook sets must be visible to the function and to the later hooks, and to nothing else. An async
function runs in the caller's task, which belongs to the invocation. A sync function and its sync hooks run on one pool
thread, inside one copied context. Async hooks of a sync function run on the event loop inside that same context, while
the thread is outside of it, because only one thread can be inside a context at a time.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from hosting.extensions.dispatch.thread_pool import ResultOrError, ThreadPool
from hosting.extensions.dispatch.watchdog import cancel

if TYPE_CHECKING:
    from hosting.extensions.dispatch.compiler import Chain


async def on_thread(pool: ThreadPool, work: Callable[[], Any]) -> Any:
    """Call ``work`` in the pool, inside a copy of the current context; return its result or raise its error."""
    return _unwrapped(*await pool.submit(copy_context(), work))


async def in_steps(pool: ThreadPool, steps: Callable[[], Generator[Any, Any, Any]], budget: float) -> Any:
    """Run a stepwise chain in the pool, and on this event loop the coroutines that it yields.

    Args:
        pool: the threads.
        steps: returns the chain's generator; called on the thread.
        budget: the seconds that each coroutine may take.
    """
    loop = asyncio.get_running_loop()
    context = copy_context()
    return _unwrapped(*await pool.submit(Context(), lambda: _drive(steps(), context, loop, budget)))


def run_here(
    chain: Chain,
    context: Any,
    func_args: dict[str, Any],
    elsewhere: Callable[[], asyncio.AbstractEventLoop],
    budget: float,
) -> Any:
    """Run a sync function's chain on this thread, inside a copy of its context; return or raise what the chain does.

    Args:
        chain: a chain of the form ``sync`` or ``stepwise``.
        context: the invocation's context.
        func_args: the arguments of the call.
        elsewhere: returns the event loop that runs async hooks, in another thread.
        budget: the seconds that an async hook may take.
    """
    variables = copy_context()
    if chain.form == "sync":
        return variables.run(chain.run, context, func_args)
    return _drive(chain.run(context, func_args), variables, elsewhere(), budget)


async def await_captured(awaitable: Coroutine[Any, Any, Any]) -> ResultOrError:
    """Await and return the result, or whatever was raised."""
    try:
        return await awaitable, None
    except BaseException as exception:
        return None, exception


def _unwrapped(result: Any, exception: BaseException | None) -> Any:
    if exception is None:
        return result
    try:
        raise exception
    finally:
        del exception  # its traceback has this frame: it must not wait for the garbage collector


def _drive(steps: Generator[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop, budget: float) -> Any:
    """Advance a stepwise chain on this thread, and let the loop run the coroutines that it yields."""
    advance: Callable[[], Any] = steps.__next__
    while True:
        try:
            coroutine = context.run(advance)
        except StopIteration as stop:
            return stop.value
        result = _on_loop(coroutine, context, loop, budget).result()
        if result is None:
            # The hook may still be running inside the context: the rest of the chain gets a copy.
            context = context.copy()
            result = (None, TimeoutError(f"it took longer than its budget of {budget:g} s"))
        advance = _next_step(steps, *result)


def _next_step(steps: Generator[Any, Any, Any], value: Any, exception: BaseException | None) -> Callable[[], Any]:
    """Return the call that hands a hook's result or error to the chain."""
    if isinstance(exception, GeneratorExit):
        exception = _without_closing(exception)
    if exception is not None:
        return lambda: steps.throw(exception)
    return lambda: steps.send(value)


def _without_closing(exception: GeneratorExit) -> RuntimeError:
    """Wrap a hook's own GeneratorExit, which would close the chain that it is thrown into."""
    error = RuntimeError("it raised GeneratorExit")
    error.__cause__ = exception
    return error


def _on_loop(
    coroutine: Coroutine[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop, budget: float
) -> Future[ResultOrError | None]:
    """Start a coroutine on the loop; its result is None where the budget is exceeded, without waiting for its end."""
    done: Future[ResultOrError | None] = Future()

    def start() -> None:
        task = loop.create_task(await_captured(coroutine), context=context)
        timers = [loop.call_later(budget, expire, task), loop.call_later(budget * 1.25, cancel, task, coroutine)]
        task.add_done_callback(lambda task: finish(task, timers))

    def expire(task: asyncio.Task[ResultOrError]) -> None:
        cancel(task)
        if not done.done():
            done.set_result(None)

    def finish(task: asyncio.Task[ResultOrError], timers: list[asyncio.TimerHandle]) -> None:
        for timer in timers:
            timer.cancel()
        if not done.done():
            done.set_result((None, CancelledError()) if task.cancelled() else task.result())

    loop.call_soon_threadsafe(start)
    return done
