"""An event loop in a thread, for sync tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
CANCEL_TIMEOUT_SECONDS = 5.0
"""How long tasks may take to end after they are cancelled."""


class Portal:
    """Runs coroutines on an event loop in its own thread; the caller waits, and its context variables are visible.

    Args:
        daemon: whether the thread and threads that it starts are daemon threads, which do not keep the process alive.
    """

    def __init__(self, *, daemon: bool = True) -> None:
        self._running: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
        self._unfinished: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._main, name="hosting-testing", daemon=daemon)

    def open(self) -> None:
        """Start the loop."""
        self._thread.start()
        self._loop = self._running.result()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine to its end, and return its result or raise its exception.

        Raises:
            RuntimeError: the loop is closed.
        """
        try:
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            raise RuntimeError("the host is closed: call it inside its with block") from error
        return running.result()

    def close(self) -> tuple[str, ...]:
        """Cancel the remaining tasks and stop the loop; return the names of tasks that ignored the cancellation."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        return self._unfinished

    def _main(self) -> None:
        # asyncio.run would wait forever for a task that ignores its cancellation.
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(self._serve())
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()

    async def _serve(self) -> None:
        self._running.set_result(asyncio.get_running_loop())
        await self._stopped.wait()
        remaining = asyncio.all_tasks() - {asyncio.current_task()}
        for task in remaining:
            task.cancel()
        _, pending = await asyncio.wait(remaining, timeout=CANCEL_TIMEOUT_SECONDS) if remaining else ((), ())
        self._unfinished = tuple(sorted(getattr(task.get_coro(), "__qualname__", str(task)) for task in pending))
