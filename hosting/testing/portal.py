"""An event loop in a thread, for tests that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds that tasks have to end when they are cancelled."""


class Portal:
    """Runs coroutines on a loop of its own; whoever calls waits. Context variables of the caller are seen there.

    Args:
        daemon: whether the process may end while the loop runs; threads that are started on it are then like that, too.
    """

    def __init__(self, *, daemon: bool = True) -> None:
        self._running: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
        self._stubborn: tuple[str, ...] = ()
        self._thread = threading.Thread(target=self._main, name="hosting-testing", daemon=daemon)

    def open(self) -> None:
        """Start the loop."""
        self._thread.start()
        self._loop = self._running.result()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine; give what it returns, raise what it raises.

        Raises:
            RuntimeError: the loop has ended.
        """
        try:
            running = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError as error:
            work.close()
            raise RuntimeError("the host is closed: call it inside its with block") from error
        return running.result()

    def close(self) -> tuple[str, ...]:
        """Cancel what is left on the loop, and end it; give the names of the tasks that go on all the same."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
        return self._stubborn

    def _main(self) -> None:
        # asyncio.run would wait for ever for a task that does not let itself be cancelled.
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
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        _, pending = await asyncio.wait(left, timeout=PATIENCE) if left else ((), ())
        self._stubborn = tuple(sorted(getattr(task.get_coro(), "__qualname__", str(task)) for task in pending))
