"""Running one invocation: on the event loop, or on a worker thread with a context of its own.

Context variables that a hook sets must be seen by the function and the later hooks, and by nobody else. An async
function runs in the caller's task, which is the invocation's own. A sync function runs, with its sync hooks, on one
worker thread inside one copied context; its async hooks run on the loop inside that same context, while the thread
stands outside it, because two cannot be in one context at a time.
"""

from __future__ import annotations

import asyncio
from asyncio import CancelledError
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from contextvars import Context, copy_context
from typing import TYPE_CHECKING, Any

from hosting.extensions.dispatch.thread_pool import Ending, Workers
from hosting.extensions.dispatch.watchdog import end

if TYPE_CHECKING:
    from hosting.extensions.dispatch.compiler import Chain


async def on_thread(pool: Workers, work: Callable[[], Any]) -> Any:
    """Run ``work`` in the pool inside a copy of the current context; return or raise what it did."""
    return _settled(*await pool.run(copy_context(), work))


async def in_steps(pool: Workers, steps: Callable[[], Generator[Any, Any, Any]], budget: float) -> Any:
    """Run a stepwise chain in the pool; what it yields is awaited on this loop, within ``budget`` seconds each."""
    loop = asyncio.get_running_loop()
    context = copy_context()
    return _settled(*await pool.run(Context(), lambda: _drive(steps(), context, loop, budget)))


def _settled(result: Any, exception: BaseException | None) -> Any:
    if exception is None:
        return result
    try:
        raise exception
    finally:
        del exception  # its traceback has this frame: nothing is to wait for the garbage collector


def run_here(
    chain: Chain,
    context: Any,
    func_args: dict[str, Any],
    elsewhere: Callable[[], asyncio.AbstractEventLoop],
    budget: float,
) -> Any:
    """Run a sync function's chain on this thread, in a copy of its context.

    Args:
        chain: of the form ``sync`` or ``stepwise``.
        context: the invocation's.
        func_args: the arguments of the call.
        elsewhere: gives the loop that async hooks run on, in another thread.
        budget: seconds that an async hook may take.
    """
    variables = copy_context()
    if chain.form == "sync":
        return variables.run(chain.run, context, func_args)
    return _drive(chain.run(context, func_args), variables, elsewhere(), budget)


def _drive(steps: Generator[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop, budget: float) -> Any:
    """On the worker thread: advance the chain, and have the loop run what it yields."""
    advance: Callable[[], Any] = steps.__next__
    while True:
        try:
            awaitable = context.run(advance)
        except StopIteration as stop:
            return stop.value
        ending = _on_loop(awaitable, context, loop, budget).result()
        if ending is None:
            # The hook may still be running inside the context: go on in one of our own.
            context = context.copy()
            ending = (None, TimeoutError(f"it took longer than its budget of {budget:g} s"))
        advance = _resumption(steps, *ending)


def _resumption(steps: Generator[Any, Any, Any], value: Any, exception: BaseException | None) -> Callable[[], Any]:
    if isinstance(exception, GeneratorExit):
        exception = _unlike_closing(exception)
    if exception is not None:
        return lambda: steps.throw(exception)
    return lambda: steps.send(value)


def _unlike_closing(exception: GeneratorExit) -> RuntimeError:
    """What a hook raised, so that it does not close the chain that it is thrown into."""
    told = RuntimeError("it raised GeneratorExit")
    told.__cause__ = exception
    return told


def _on_loop(
    awaitable: Coroutine[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop, budget: float
) -> Future[Ending | None]:
    """Start the awaitable on the loop; past the budget it is cancelled and no longer waited for: None."""
    done: Future[Ending | None] = Future()

    def start() -> None:
        task = loop.create_task(_contained(awaitable), context=context)
        timers = [loop.call_later(budget, expire, task), loop.call_later(budget * 1.25, end, task, awaitable)]
        task.add_done_callback(lambda task: finish(task, timers))

    def expire(task: asyncio.Task[Ending]) -> None:
        end(task)
        if not done.done():
            done.set_result(None)

    def finish(task: asyncio.Task[Ending], timers: list[asyncio.TimerHandle]) -> None:
        for timer in timers:
            timer.cancel()
        if not done.done():
            done.set_result((None, CancelledError()) if task.cancelled() else task.result())

    loop.call_soon_threadsafe(start)
    return done


async def _contained(awaitable: Coroutine[Any, Any, Any]) -> Ending:
    try:
        return await awaitable, None
    except BaseException as exception:
        return None, exception
