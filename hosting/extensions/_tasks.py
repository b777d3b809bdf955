"""Supervises the background tasks of extensions: restarts, leases, and their end."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any, Literal, Protocol, TypeAlias

from hosting._asyncio import is_being_cancelled
from hosting.app_work import BackgroundTask
from hosting.errors import ExtensionError
from hosting.extensions._failures import describe_error, log_error, record_failure
from hosting.extensions._model import Extension
from hosting.extensions.dispatch.execution import await_captured

FIRST_DELAY_SECONDS = 1.0
LONGEST_DELAY_SECONDS = 60.0
LEASE_POLL_SECONDS = 5.0

TaskStatus = Literal["added", "waiting", "running", "restarting", "finished", "failed", "stopped"]


class Lease(Protocol):
    """A lock of the host's storage, as ``hosting.bindings.Lease``."""

    lost: asyncio.Event

    async def release(self) -> None:
        """Release the lock."""


AcquireLease: TypeAlias = Callable[[str], Awaitable["Lease | None"]]
"""Takes the lock of a task by the names of its extension and of itself; returns None if another process has it."""


class TaskSupervisor:
    """Runs one background task until the host stops.

    Args:
        task: the task.
        extension: the extension that has added it.
        acquire: takes the lock of a task that runs in one process only.
        first_delay: the seconds before the first restart; each restart takes twice as long, up to a minute.
        poll: the seconds between two attempts to take the lock.
    """

    def __init__(
        self,
        task: BackgroundTask,
        extension: Extension,
        acquire: AcquireLease,
        *,
        first_delay: float = FIRST_DELAY_SECONDS,
        poll: float = LEASE_POLL_SECONDS,
    ) -> None:
        self.task, self.extension = task, extension
        self.status: TaskStatus = "added"
        self.restarts = 0
        self.error = ""
        """How it ended last; empty if it has not failed."""
        self._acquire = acquire
        self._first_delay, self._poll = first_delay, poll
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start the task on the running event loop."""
        self._running = asyncio.get_running_loop().create_task(self._supervise(), name=f"hosting-{self.task.name}")

    def cancel(self) -> asyncio.Task[None] | None:
        """Cancel the task; return what to wait for, None if it has ended or was never started."""
        if self._running is None or self._running.done():
            return None
        self._running.cancel()
        return self._running

    async def _supervise(self) -> None:
        delay = self._first_delay
        try:
            while True:
                started = monotonic()
                ended = await (self._run_alone() if self.task.single else self._run())
                if ended or not self.task.restart:
                    self.status = "finished" if ended else "failed"
                    return
                if monotonic() - started > LONGEST_DELAY_SECONDS:
                    delay = self._first_delay
                self.status = "restarting"
                await asyncio.sleep(delay)
                self.restarts += 1
                delay = min(delay * 2, LONGEST_DELAY_SECONDS)
        except asyncio.CancelledError:
            self.status = "stopped"

    async def _run(self) -> bool:
        """Run the task once; return whether it has ended without an error, which is recorded.

        Raises:
            asyncio.CancelledError: the host stops.
        """
        self.status = "running"
        _, exception = await await_captured(_call(self.task.make))
        if is_being_cancelled():
            raise asyncio.CancelledError
        if exception is None:
            return True
        failure = describe_error(f"task {self.task.name}", exception)
        self.error = failure.summary
        record_failure(self.extension, failure)
        return False

    async def _run_alone(self) -> bool:
        """Run the task while this process has its lock; another process may have it, or take it over."""
        while True:
            lease = await self._wait_for_lease()
            running, lost = asyncio.ensure_future(self._run()), asyncio.ensure_future(lease.lost.wait())
            try:
                await asyncio.wait({running, lost}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    return await running
            finally:
                for one in (running, lost):
                    one.cancel()
                await asyncio.gather(running, lost, return_exceptions=True)
                await await_captured(_release(lease))

    async def _wait_for_lease(self) -> Lease:
        while True:
            self.status = "waiting"
            lease, exception = await await_captured(_acquired(self._acquire, self.task))
            if is_being_cancelled():
                raise asyncio.CancelledError
            if lease is not None:
                found: Lease = lease
                return found
            self.error = "" if exception is None else describe_error("lease", exception).summary
            await asyncio.sleep(self._poll)


async def stop_tasks(supervisors: Iterable[TaskSupervisor], budget: float) -> None:
    """Cancel the tasks, and wait ``budget`` seconds for their ends; those that ignore it are named in the log."""
    ending = {task: one for one in supervisors if (task := one.cancel()) is not None}
    if not ending:
        return
    _, pending = await asyncio.wait(ending, timeout=budget)
    for task in pending:
        one = ending[task]
        text = (
            "Task '%s' of extension '%s' has not ended within %g s after it was cancelled. The host stops without it."
        )
        log_error(one.extension, text, one.task.name, one.extension.name, budget)


async def _call(make: Callable[[], Any]) -> Any:
    awaitable = make()
    if not inspect.isawaitable(awaitable):
        raise ExtensionError(
            f"it is not async: it returned an object of type {type(awaitable).__name__}",
            remedy="Declare it 'async def'.",
        )
    return await awaitable


async def _acquired(acquire: AcquireLease, task: BackgroundTask) -> Lease | None:
    return await acquire(f"{task.extension}.{task.name}")


async def _release(lease: Lease) -> None:
    await lease.release()
