"""The thread pool of sync functions: results reach the event loop in every case."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from hosting.extensions import ThreadPool

NUMBER: ContextVar[int] = ContextVar("number", default=0)
WAIT_SECONDS = 30.0


async def result_of(pool: ThreadPool, work: Callable[[], Any]) -> Any:
    return await pool.submit(copy_context(), work)


async def test_thousands_of_concurrent_calls_each_get_their_own_result() -> None:
    """No result is lost or mixed up when thousands of calls wait at once."""
    pool = ThreadPool(4)

    results = await asyncio.gather(*(result_of(pool, partial(abs, number)) for number in range(5000)))
    assert results == [(number, None) for number in range(5000)]
    pool.shutdown()


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration(1), SystemExit(3), asyncio.CancelledError()])
async def test_exception_of_a_call_is_returned_as_a_value(error: BaseException) -> None:
    """An exception is part of the result and not raised, because some exceptions cannot cross a future."""
    pool = ThreadPool(1)

    def work() -> None:
        raise error

    assert await result_of(pool, work) == (None, error)
    assert await result_of(pool, lambda: "still there") == ("still there", None)
    pool.shutdown()


async def test_thread_starts_only_when_all_others_are_busy_up_to_the_limit() -> None:
    """Calls beyond the limit wait for a free thread."""
    pool = ThreadPool(3)
    release, together = threading.Event(), threading.Barrier(3)

    def meet() -> str:
        together.wait(WAIT_SECONDS)
        return threading.current_thread().name

    await result_of(pool, lambda: None)
    assert len(pool._threads) == 1
    meetings = await asyncio.gather(*(result_of(pool, meet) for _ in range(3)))
    waiting = [asyncio.ensure_future(result_of(pool, lambda: release.wait(WAIT_SECONDS))) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(pool._threads) == 3
    release.set()
    waits = await asyncio.gather(*waiting)
    assert {name for name, _ in meetings} == {"function_0", "function_1", "function_2"}
    assert waits == [(True, None)] * 5
    pool.shutdown()


async def test_call_runs_in_its_context_and_changes_no_other() -> None:
    """Context variables set by the call stay in the context that was passed."""
    pool = ThreadPool(1)

    NUMBER.set(7)
    context = copy_context()
    seen = await pool.submit(context, lambda: (NUMBER.get(), NUMBER.set(8))[0])
    assert (seen, context[NUMBER], NUMBER.get()) == ((7, None), 8, 7)
    pool.shutdown()


async def test_call_cancelled_before_its_turn_does_not_start() -> None:
    """A call that has started runs to its end, and its result is dropped."""
    pool = ThreadPool(1)
    started, release, calls = threading.Event(), threading.Event(), []

    def work(name: str) -> None:
        calls.append(name)
        started.set()
        release.wait(WAIT_SECONDS)

    first, second = (asyncio.ensure_future(result_of(pool, partial(work, name))) for name in ("a", "b"))
    await asyncio.to_thread(started.wait, WAIT_SECONDS)
    first.cancel()
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    release.set()
    assert await result_of(pool, lambda: "next") == ("next", None)
    assert calls == ["a"]
    pool.shutdown()


def test_call_that_outlasts_its_event_loop_keeps_its_thread() -> None:
    """The next event loop gets another thread."""
    pool = ThreadPool(2)
    started, release = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        release.wait(WAIT_SECONDS)

    async def leave() -> None:
        pool.submit(copy_context(), work)
        await asyncio.to_thread(started.wait, WAIT_SECONDS)

    asyncio.run(leave())
    assert asyncio.run(result_of(pool, lambda: "answer")) == ("answer", None)
    release.set()
    pool.shutdown()
    for thread in pool._threads:
        thread.join(WAIT_SECONDS)
    assert not any(thread.is_alive() for thread in pool._threads)


async def test_pool_after_shutdown_refuses_calls_and_ends_its_threads() -> None:
    """Threads end once they are idle."""
    pool = ThreadPool(2)
    await result_of(pool, lambda: None)
    pool.shutdown()
    for thread in pool._threads:
        thread.join(WAIT_SECONDS)
    assert [thread.is_alive() for thread in pool._threads] == [False]
    with pytest.raises(RuntimeError, match="shut down"):
        await result_of(pool, lambda: None)
