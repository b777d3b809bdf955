"""The threads that run ``def`` functions, and the way back from them to the event loop.

``loop.run_in_executor`` makes two futures and wakes the loop for each call, which costs more than the rest of an
invocation. Here a call has one future, and the loop is woken once for all that the threads have finished meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from queue import SimpleQueue

Ending = tuple[Any, BaseException | None]
"""A result and an exception: neither SystemExit nor StopIteration can cross a future."""
Job = tuple["Returns", "asyncio.Future[Ending]", Context, Callable[[], Any]]


class Worker(threading.Thread):
    """A thread of ``Workers``. It does not keep the process alive: who ends that decides how long to wait for it."""

    def __init__(self, number: int, jobs: SimpleQueue[Job | None]) -> None:
        super().__init__(name=f"function_{number}", daemon=True)
        self._jobs = jobs

    def run(self) -> None:
        """Do one job after the other until there is None."""
        # No job is a local variable of this frame: one that a profiler has looked at would live on with it.
        while _do(self._jobs.get()):
            pass


class Workers:
    """Up to ``count`` threads, each started when first needed; for use from one event loop at a time.

    Args:
        count: by default as many as Python's own pools have.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or min(32, (os.cpu_count() or 1) + 4)
        from queue import SimpleQueue  # Azure's worker has threads of its own and never gets here

        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[Worker] = []
        self._returns: Returns | None = None
        self._shut = False

    def run(self, context: Context, work: Callable[[], Any]) -> asyncio.Future[Ending]:
        """Have a thread call ``work`` inside ``context``, which nothing else may be in; to be awaited on this loop.

        What is cancelled before a thread takes it is not called.

        Raises:
            RuntimeError: the threads are shut down.
        """
        if self._shut:
            raise RuntimeError("the threads of the host are shut down")
        loop = asyncio.get_running_loop()
        returns = self._returns
        if returns is None or returns.loop is not loop:
            returns = self._returns = Returns(loop, returns.awaited if returns else 0)
        future: asyncio.Future[Ending] = loop.create_future()
        returns.awaited += 1
        self._jobs.put((returns, future, context, work))
        if len(self._threads) < returns.awaited and len(self._threads) < self.count:
            self._threads.append(Worker(len(self._threads), self._jobs))
            self._threads[-1].start()
        return future

    def shutdown(self) -> None:
        """Take no new work and let each thread end when it has finished; waits for none."""
        self._shut = True
        for _ in self._threads:
            self._jobs.put(None)


class Returns:
    """Brings results back to one loop, many at a time.

    Args:
        loop: where they are awaited.
        awaited: how many calls may still keep threads busy, from a loop that was closed before they ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, awaited: int) -> None:
        self.loop = loop
        self.awaited = awaited
        """How many results are still to come; of the loop's thread only."""
        self._done: deque[tuple[asyncio.Future[Ending], Ending]] = deque()
        self._called = False

    def put(self, future: asyncio.Future[Ending], ending: Ending) -> None:
        """On a worker thread: hand over a result. The loop is called unless it is on its way already."""
        self._done.append((future, ending))
        if not self._called:
            self._called = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # First this: what is put from now on either is seen below, or calls again.
        self._called = False
        while self._done:
            future, ending = self._done.popleft()
            self.awaited -= 1
            if not future.done():
                future.set_result(ending)


def _do(job: Job | None) -> bool:
    """Do a job; False if there is none any more."""
    if job is None:
        return False
    returns, future, context, work = job
    ending = (None, None) if future.cancelled() else context.run(_ending, work)
    returns.put(future, ending)
    del job, future, ending  # an exception's traceback reaches this frame: nothing is to wait for the garbage collector
    return True


def _ending(work: Callable[[], Any]) -> Ending:
    try:
        return work(), None
    except BaseException as exception:
        return None, exception
