"""An event loop in a thread, for tests that have none."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Portal:
    """Runs coroutines on a loop of its own; whoever calls waits. Context variables of the caller are seen there.

    Args:
        daemon: whether the process may end while the loop runs; threads that are started on it are then like that, too.
    """

    def __init__(self, *, daemon: bool = True) -> None:
        self._running: Future[asyncio.AbstractEventLoop] = Future()
        self._stopped = asyncio.Event()
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

    def close(self) -> None:
        """Cancel what is left on the loop, and end it."""
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()

    def _main(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._running.set_result(asyncio.get_running_loop())
        await self._stopped.wait()
