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

from hosting._exceptions import is_a
from hosting.extensions.dispatch.thread_pool import ResultOrError, ThreadPool
from hosting.extensions.dispatch.watchdog import cancel, late_error

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
        hook = _HookOnLoop(coroutine, context, loop, budget)
        result = hook.ended.result()
        if hook.is_late:
            context = context.copy()  # the hook may still be running inside the other one
        advance = _next_step(steps, *result)


def _next_step(steps: Generator[Any, Any, Any], value: Any, exception: BaseException | None) -> Callable[[], Any]:
    """Return the call that hands a hook's result or error to the chain."""
    if exception is not None and is_a(exception, GeneratorExit):
        exception = _without_closing(exception)
    if exception is not None:
        return lambda: steps.throw(exception)
    return lambda: steps.send(value)


def _without_closing(exception: BaseException) -> RuntimeError:
    """Wrap a hook's own GeneratorExit, which would close the chain that it is thrown into."""
    error = RuntimeError("it raised GeneratorExit")
    error.__cause__ = exception
    return error


class _HookOnLoop:
    """An async hook of a sync function, which runs on the event loop.

    When the budget is exceeded it is cancelled, and a quarter of the budget later closed, without waiting for its end.

    Args:
        coroutine: the hook.
        context: the context variables of the invocation.
        loop: the event loop.
        budget: the seconds that the hook may take.
    """

    def __init__(
        self, coroutine: Coroutine[Any, Any, Any], context: Context, loop: asyncio.AbstractEventLoop, budget: float
    ) -> None:
        self.ended: Future[ResultOrError] = Future()
        """How it ended."""
        self.is_late = False
        """Whether it has exceeded its budget."""
        self._coroutine = coroutine
        self._loop = loop
        self._budget = budget
        loop.call_soon_threadsafe(self._start, context)

    def _start(self, context: Context) -> None:
        task = self._loop.create_task(await_captured(self._coroutine), context=context)
        self._timer = self._loop.call_later(self._budget, self._expire, task)
        task.add_done_callback(self._finish)

    def _expire(self, task: asyncio.Task[ResultOrError]) -> None:
        self.is_late = True
        self._timer = self._loop.call_later(self._budget / 4, self._give_up, task)
        cancel(task)

    def _give_up(self, task: asyncio.Task[ResultOrError]) -> None:
        """Close the hook and go on without it; it is closed again for as long as it waits again."""
        self._timer = self._loop.call_later(self._budget / 4, self._give_up, task)
        self._end((None, late_error(self._budget, cancel(task, self._coroutine))))

    def _finish(self, task: asyncio.Task[ResultOrError]) -> None:
        self._timer.cancel()
        result = (None, CancelledError()) if task.cancelled() else task.result()
        self._end((None, late_error(self._budget, result[1])) if self.is_late else result)

    def _end(self, result: ResultOrError) -> None:
        if not self.ended.done():
            self.ended.set_result(result)
