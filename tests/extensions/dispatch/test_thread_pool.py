"""The threads of sync functions: results come back to the loop, whatever happens on either side."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest

from hosting.extensions import Workers

NUMBER: ContextVar[int] = ContextVar("number", default=0)
PATIENCE = 30.0


async def ran(workers: Workers, work: Callable[[], Any]) -> Any:
    return await workers.run(copy_context(), work)


def test_many_calls() -> None:
    """Every call gets its own result, also when thousands are on their way at once."""
    workers = Workers(4)

    async def run() -> list[Any]:
        return await asyncio.gather(*(ran(workers, partial(abs, number)) for number in range(5000)))

    assert asyncio.run(run()) == [(number, None) for number in range(5000)]
    workers.shutdown()


@pytest.mark.parametrize("error", [ValueError("no"), StopIteration(1), SystemExit(3), asyncio.CancelledError()])
def test_exceptions_come_back_as_values(error: BaseException) -> None:
    """What a call raises is handed over and not raised, since some exceptions cannot cross a future."""
    workers = Workers(1)

    def work() -> None:
        raise error

    assert asyncio.run(ran(workers, work)) == (None, error)
    assert asyncio.run(ran(workers, lambda: "still there")) == ("still there", None)
    workers.shutdown()


def test_threads_are_as_many_as_are_needed() -> None:
    """A thread starts when all others are busy, up to the limit; what is left waits its turn."""
    workers = Workers(3)
    release, together = threading.Event(), threading.Barrier(3)

    def meet() -> str:
        together.wait(PATIENCE)
        return threading.current_thread().name

    async def run() -> tuple[set[str], list[Any]]:
        await ran(workers, lambda: None)
        assert len(workers._threads) == 1
        met = await asyncio.gather(*(ran(workers, meet) for _ in range(3)))
        waiting = [asyncio.ensure_future(ran(workers, lambda: release.wait(PATIENCE))) for _ in range(5)]
        await asyncio.sleep(0)
        assert len(workers._threads) == 3
        release.set()
        return {name for name, _ in met}, await asyncio.gather(*waiting)

    names, waited = asyncio.run(run())
    assert names == {"function_0", "function_1", "function_2"}
    assert waited == [(True, None)] * 5
    workers.shutdown()


def test_context_variables() -> None:
    """A call runs inside the context that is given, and what it sets there stays there."""
    workers = Workers(1)

    async def run() -> tuple[Any, int, int]:
        NUMBER.set(7)
        context = copy_context()
        seen = await workers.run(context, lambda: (NUMBER.get(), NUMBER.set(8))[0])
        return seen, context[NUMBER], NUMBER.get()

    assert asyncio.run(run()) == ((7, None), 8, 7)
    workers.shutdown()


def test_cancelled_before_its_turn() -> None:
    """What nobody waits for any more is not begun; what has begun ends, and its result is dropped."""
    workers = Workers(1)
    begun, release, calls = threading.Event(), threading.Event(), []

    def work(name: str) -> None:
        calls.append(name)
        begun.set()
        release.wait(PATIENCE)

    async def run() -> None:
        first, second = (asyncio.ensure_future(ran(workers, partial(work, name))) for name in ("a", "b"))
        await asyncio.to_thread(begun.wait, PATIENCE)
        first.cancel()
        second.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        release.set()
        assert await ran(workers, lambda: "next") == ("next", None)

    asyncio.run(run())
    assert calls == ["a"]
    workers.shutdown()


def test_a_loop_that_is_gone() -> None:
    """A call that outlasts its loop keeps its thread; the next loop gets another one."""
    workers = Workers(2)
    begun, release = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        release.wait(PATIENCE)

    async def leave() -> None:
        workers.run(copy_context(), work)
        await asyncio.to_thread(begun.wait, PATIENCE)

    asyncio.run(leave())
    assert asyncio.run(ran(workers, lambda: "answer")) == ("answer", None)
    release.set()
    workers.shutdown()
    for thread in workers._threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in workers._threads)


def test_shut_down() -> None:
    """Threads end once they are idle, and no call is taken any more."""
    workers = Workers(2)
    asyncio.run(ran(workers, lambda: None))
    workers.shutdown()
    for thread in workers._threads:
        thread.join(PATIENCE)
    assert [thread.is_alive() for thread in workers._threads] == [False]
    with pytest.raises(RuntimeError, match="shut down"):
        asyncio.run(ran(workers, lambda: None))
