"""The event loops that async hooks run on inside Azure's worker."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

from hosting._log import host_logger
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost

log = host_logger("extensions")


class LoopManager:
    """Chooses the event loop for async hooks, and runs the ``startup`` hooks once, on the first loop that is used.

    The loop is the worker's own: the one that was running when functions were loaded, or that of the first async
    invocation. A sync function that is called outside of any loop, or on the worker's only loop, cannot wait for that
    one, so it uses a second loop in a thread.

    Args:
        host: the extension host with the ``startup`` hooks.
    """

    def __init__(self, host: ExtensionHost) -> None:
        self._host = host
        self._worker_loop: asyncio.AbstractEventLoop | None = None
        self._thread_loop: asyncio.AbstractEventLoop | None = None
        self._startup: Future[None] | None = None
        self._lock = threading.Lock()
        self.ready = False
        """Whether ``startup`` has run."""

    def remember_running_loop(self) -> None:
        """Use the running loop as the worker's, if there is one and none is known yet."""
        try:
            self._worker_loop = self._worker_loop or asyncio.get_running_loop()
        except RuntimeError:
            return

    def other_loop(self) -> asyncio.AbstractEventLoop:
        """Return a running loop that the current thread may wait for."""
        if self._worker_loop is not None and self._worker_loop.is_running() and not _is_current(self._worker_loop):
            return self._worker_loop
        with self._lock:
            if self._thread_loop is None:
                self._thread_loop = asyncio.new_event_loop()
                threading.Thread(target=self._thread_loop.run_forever, name="hosting-loop", daemon=True).start()
        return self._thread_loop

    def start_from_thread(self) -> None:
        """Run ``startup`` if it has not run, and block until it has."""
        asyncio.run_coroutine_threadsafe(self.start(), self.other_loop()).result()

    async def start(self) -> None:
        """Run ``startup`` if it has not run; when several callers come at once, the others wait for the first."""
        self.remember_running_loop()
        with self._lock:
            is_first, self._startup = self._startup is None, self._startup or Future()
        if not is_first:
            await asyncio.wrap_future(self._startup)
            return
        try:
            await self._host.startup()
        except HostingError as error:  # a guard has failed: its functions are denied from now on
            log.error("%s", error)
        finally:
            self.ready = True
            self._startup.set_result(None)


def _is_current(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
