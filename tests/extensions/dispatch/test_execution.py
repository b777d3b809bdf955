"""Chains and hooks on a thread, without a host: variables, the event loop that runs async hooks, and its budget."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import pytest

from hosting.extensions.dispatch.execution import await_captured, in_steps, on_thread, run_here
from hosting.extensions.dispatch.thread_pool import ThreadPool

BUDGET = 0.02
LONG_BUDGET = 60.0
"""The seconds that no hook of these tests takes."""

variable = ContextVar("variable", default="unset")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """Return an event loop that runs in another thread."""
    running = asyncio.new_event_loop()
    thread = threading.Thread(target=running.run_forever)
    thread.start()
    yield running
    running.call_soon_threadsafe(running.stop)
    thread.join()
    running.close()


Steps = Callable[[Any, dict[str, Any]], Any]


def chain(run: Steps, form: str = "stepwise") -> Any:
    """Return a chain of this form."""
    return SimpleNamespace(form=form, run=run)


def one_step(hook: Callable[[], Coroutine[Any, Any, Any]]) -> Steps:
    """Return a stepwise chain that has an async hook run, and returns what that returned or raised."""

    def run(context: Any, func_args: dict[str, Any]) -> Generator[Any, Any, Any]:
        try:
            return (yield hook())
        except BaseException as exception:
            return exception

    return run


def no_loop() -> asyncio.AbstractEventLoop:
    raise AssertionError("a chain without async hooks needs no event loop")


def test_sync_chain_runs_on_this_thread_with_its_arguments_in_a_copy_of_its_variables() -> None:
    """What it sets is gone afterwards; no event loop is asked for."""

    def run(context: Any, func_args: dict[str, Any]) -> Any:
        variable.set("set by the chain")
        return context, func_args, variable.get(), threading.current_thread()

    result = run_here(chain(run, "sync"), "the context", {"req": 1}, no_loop, LONG_BUDGET)
    assert result == ("the context", {"req": 1}, "set by the chain", threading.current_thread())
    assert variable.get() == "unset"


def test_stepwise_chain_runs_on_this_thread_and_its_async_hook_on_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Both are inside one copy of this thread's variables."""

    async def hook() -> Any:
        seen = variable.get()
        variable.set("set by the hook")
        return seen, asyncio.get_running_loop()

    def run(context: Any, func_args: dict[str, Any]) -> Generator[Any, Any, Any]:
        variable.set("set by the chain")
        result = yield hook()
        return context, func_args, result, variable.get(), threading.current_thread()

    result = run_here(chain(run), "the context", {"req": 1}, lambda: loop, LONG_BUDGET)
    expected = ("set by the chain", loop), "set by the hook", threading.current_thread()
    assert result == ("the context", {"req": 1}, *expected)
    assert variable.get() == "unset"


def test_chain_gets_what_its_async_hook_raises_and_raises_its_own(loop: asyncio.AbstractEventLoop) -> None:
    """The very exception arrives at the yield."""
    error = LookupError("gone")

    async def hook() -> None:
        raise error

    assert run_here(chain(one_step(hook)), None, {}, lambda: loop, LONG_BUDGET) is error

    def run(context: Any, func_args: dict[str, Any]) -> Generator[Any, Any, Any]:
        yield hook()

    with pytest.raises(LookupError) as raised:
        run_here(chain(run), None, {}, lambda: loop, LONG_BUDGET)
    assert raised.value is error


def test_generator_exit_of_an_async_hook_does_not_close_its_chain(loop: asyncio.AbstractEventLoop) -> None:
    """The chain gets an error that says so, with the GeneratorExit as its cause."""

    async def hook() -> None:
        raise GeneratorExit("own")

    error = run_here(chain(one_step(hook)), None, {}, lambda: loop, LONG_BUDGET)
    assert (type(error), str(error)) == (RuntimeError, "it raised GeneratorExit")
    assert (type(error.__cause__), str(error.__cause__)) == (GeneratorExit, "own")


def test_hook_that_ends_when_its_budget_ends_is_a_timeout_and_the_chain_goes_on(
    loop: asyncio.AbstractEventLoop,
) -> None:
    """What it returns then does not count, and what the next one sets is not lost."""

    async def hook() -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        return "too late"

    async def next_hook() -> None:
        variable.set("set by the next hook")

    def run(context: Any, func_args: dict[str, Any]) -> Generator[Any, Any, Any]:
        error: object = None
        try:
            yield hook()
        except TimeoutError as exception:
            error = exception
        with contextlib.suppress(TimeoutError):  # a busy machine may not run it at once
            yield next_hook()
        return str(error), variable.get()

    result = run_here(chain(run), None, {}, lambda: loop, BUDGET)
    assert result == ("it took longer than its budget of 0.02 s", "set by the next hook")


@pytest.mark.parametrize("swallowed", [1, 2])
def test_hook_that_ignores_its_cancellation_is_closed_and_not_waited_for(
    loop: asyncio.AbstractEventLoop, swallowed: int
) -> None:
    """A quarter of the budget after its cancellation the chain has its time-out, and the hook its cleanup."""
    cleaned_up = threading.Event()

    async def hook() -> None:
        try:
            for _ in range(swallowed):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)
            await asyncio.sleep(60)
        finally:
            cleaned_up.set()

    error = run_here(chain(one_step(hook)), None, {}, lambda: loop, BUDGET)
    assert (type(error), str(error)) == (TimeoutError, "it took longer than its budget of 0.02 s")
    assert cleaned_up.wait(30)


def test_hook_that_ends_in_time_leaves_no_timer(loop: asyncio.AbstractEventLoop) -> None:
    """Else the loop would keep each hook, with all that it refers to, for the length of the budget."""

    async def hook() -> None: ...

    run_here(chain(one_step(hook)), None, {}, lambda: loop, LONG_BUDGET)
    timers: Any = loop._scheduled  # type: ignore[attr-defined]
    assert [timer for timer in timers if not timer.cancelled()] == []


async def test_work_on_a_pool_thread_has_a_copy_of_the_variables() -> None:
    """What it returns or raises arrives here, what it sets does not."""
    pool, error = ThreadPool(1), StopIteration("odd")

    def work() -> Any:
        seen = variable.get()
        variable.set("set on the thread")
        return seen, threading.current_thread().name

    def fail() -> None:
        raise error

    token = variable.set("set here")
    try:
        assert await on_thread(pool, work) == ("set here", "function_0")
        assert variable.get() == "set here"
        with pytest.raises(RuntimeError) as raised:  # Python's own word for a StopIteration that leaves a coroutine
            await on_thread(pool, fail)
        assert raised.value.__cause__ is error
    finally:
        variable.reset(token)
        pool.shutdown()


async def test_stepwise_chain_in_the_pool_has_its_async_hooks_run_on_this_loop() -> None:
    """Both are inside one copy of the variables here."""
    pool = ThreadPool(1)

    async def hook() -> Any:
        return variable.get(), asyncio.get_running_loop()

    def steps() -> Generator[Any, Any, Any]:
        result = yield hook()
        return result, threading.current_thread().name

    token = variable.set("set here")
    try:
        result = await in_steps(pool, steps, LONG_BUDGET)
    finally:
        variable.reset(token)
        pool.shutdown()
    assert result == (("set here", asyncio.get_running_loop()), "function_0")


async def test_captured_coroutine_gives_its_result_or_whatever_it_raised() -> None:
    """Also what cannot cross a future."""
    error = SystemExit(3)

    async def fail() -> None:
        raise error

    assert await await_captured(asyncio.sleep(0, "result")) == ("result", None)
    assert await await_captured(fail()) == (None, error)
