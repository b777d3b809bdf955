"""Thread pool for ``def`` functions, with a fast way back to the event loop.

``loop.run_in_executor`` makes two futures and wakes the loop for each call, which costs more than the rest of an
invocation. Here a call has one future, and one wake-up delivers all results that have arrived by then.
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

ResultOrError = tuple[Any, BaseException | None]
"""What a call returned, and None; or None, and what it raised. SystemExit and StopIteration cannot cross a future."""
Job = tuple["ResultQueue", "asyncio.Future[ResultOrError]", Context, Callable[[], Any]]


class PoolThread(threading.Thread):
    """One thread of a ``ThreadPool``.

    It is a daemon: it does not keep the process alive, so that the code that ends the process decides how long to wait.
    """

    def __init__(self, number: int, jobs: SimpleQueue[Job | None]) -> None:
        super().__init__(name=f"function_{number}", daemon=True)
        self._jobs = jobs

    def run(self) -> None:
        """Run jobs one after the other until the queue gives None."""
        # No job is a local variable of this frame: where a profiler has looked at the frame, it would stay alive.
        while _run_job(self._jobs.get()):
            pass


class ThreadPool:
    """Up to ``count`` threads, each started when it is first needed; for use from one event loop at a time.

    Args:
        count: the largest number of threads; by default the number of processors plus 4, at most 32, as in Python's
            own pools.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or min(32, (os.cpu_count() or 1) + 4)
        from queue import SimpleQueue  # not needed in Azure's worker, which has threads of its own

        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._threads: list[PoolThread] = []
        self._results: ResultQueue | None = None
        self._is_shut_down = False

    def submit(self, context: Context, work: Callable[[], Any]) -> asyncio.Future[ResultOrError]:
        """Call ``work`` on a thread of the pool, inside ``context``.

        Args:
            context: the context variables of the call; nothing else may run inside it at the same time.
            work: the call. It is skipped if the future is cancelled before a thread takes it.

        Returns:
            A future of the running event loop. It never raises what ``work`` raised, but has it as a value.

        Raises:
            RuntimeError: the pool is shut down.
        """
        if self._is_shut_down:
            raise RuntimeError("the threads of the host are shut down")
        loop = asyncio.get_running_loop()
        results = self._results
        if results is None or results.loop is not loop:
            results = self._results = ResultQueue(loop, results.pending if results else 0)
        future: asyncio.Future[ResultOrError] = loop.create_future()
        results.pending += 1
        self._jobs.put((results, future, context, work))
        if len(self._threads) < results.pending and len(self._threads) < self.count:
            self._threads.append(PoolThread(len(self._threads), self._jobs))
            self._threads[-1].start()
        return future

    def shutdown(self) -> None:
        """Refuse new calls and end each thread when it has finished its call; does not wait for them."""
        self._is_shut_down = True
        for _ in self._threads:
            self._jobs.put(None)


class ResultQueue:
    """Delivers the results of many calls to one event loop with one wake-up.

    Args:
        loop: the event loop on which the results are awaited.
        pending: the number of calls that may still occupy threads, from a loop that was closed before they ended.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pending: int) -> None:
        self.loop = loop
        self.pending = pending
        """The number of results that have not been delivered; used on the loop's thread only."""
        self._results: deque[tuple[asyncio.Future[ResultOrError], ResultOrError]] = deque()
        self._is_scheduled = False

    def put(self, future: asyncio.Future[ResultOrError], result: ResultOrError) -> None:
        """Hand over a result from a pool thread, and wake the loop unless a delivery is scheduled already."""
        self._results.append((future, result))
        if not self._is_scheduled:
            self._is_scheduled = True
            with contextlib.suppress(RuntimeError):  # the loop is closed: there is nothing left that waits
                self.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        # First, so that a result put from now on is either delivered below or schedules a delivery of its own.
        self._is_scheduled = False
        while self._results:
            future, result = self._results.popleft()
            self.pending -= 1
            if not future.done():
                future.set_result(result)


def call_captured(work: Callable[[], Any]) -> ResultOrError:
    """Call ``work`` and return its result, or whatever it raised."""
    try:
        return work(), None
    except BaseException as exception:
        return None, exception


def _run_job(job: Job | None) -> bool:
    """Run a job; False if it is None, which ends the thread."""
    if job is None:
        return False
    results, future, context, work = job
    result = (None, None) if future.cancelled() else context.run(call_captured, work)
    del job, context, work  # before the loop goes on: this thread may then have to wait for its turn
    results.put(future, result)
    del future, result  # an exception's traceback has this frame: it must not wait for the garbage collector
    return True
