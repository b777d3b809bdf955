"""Ends a host that has nothing left to do: ``hosting start --until-idle``, for jobs."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting._redaction import redact
from hosting.host._ids import InvocationIds
from hosting.host.function_host import FunctionHost
from hosting.server.processes import Processes

QUESTION = "what is left to do"
POLL_SECONDS = 1.0
QUIET_POLLS = 3
"""How often in a row nothing is left before the host ends: a function may be about to send the next message."""

_logger = host_logger("start")


class Left(NamedTuple):
    """What one process has left to do.

    Args:
        is_busy: whether events wait, something runs, or has run since the last time.
        unread: something that it has not looked at since the host was last busy, or empty.
        unknown: why it does not know, or empty.
    """

    is_busy: bool = False
    unread: str = ""
    unknown: str = ""


class CountedIds(InvocationIds):
    """Makes the ids of invocations, and knows whether it has made one."""

    def __init__(self) -> None:
        super().__init__()
        self._has_made = False

    def __call__(self) -> str:
        """Return a new id."""
        self._has_made = True
        return super().__call__()

    def take(self) -> bool:
        """Return whether it has made an id since the last call."""
        has_made, self._has_made = self._has_made, False
        return has_made


class UntilIdle:
    """Stops a host, with all its processes, once no event waits, nothing runs, and all sources were looked at since.

    Args:
        host: the host in this process.
        processes: all processes of the host.
    """

    def __init__(self, host: FunctionHost, processes: Processes) -> None:
        self._host = host
        self._processes = processes
        self._task: asyncio.Task[None] | None = None
        self._reported = ""
        self._ids = host.running.new_id = CountedIds()
        processes.add(QUESTION, self._left)

    def start(self) -> None:
        """Begin to ask, on the running event loop; one process of a host does it for all."""
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        quiet, busy_at = 0, time.monotonic()
        while quiet < QUIET_POLLS:
            await asyncio.sleep(POLL_SECONDS)
            left = await self._all(time.monotonic() - busy_at)
            if any(one.is_busy or one.unknown for one in left):
                busy_at = time.monotonic()
            quiet = quiet + 1 if not any(map(any, left)) else 0
        _logger.info("Nothing is left to do: the host stops.")
        self._processes.stop()

    async def _all(self, seconds: float) -> list[Left]:
        """Return what each process has left; one that does not answer may have something."""
        answers = await self._processes.ask(QUESTION, quiet_seconds=seconds)
        left = [Left(unknown=answer.error) if answer.error else Left(*answer.value) for answer in answers]
        unknown = next((one.unknown for one in left if one.unknown), "")
        if unknown != self._reported:
            self._reported = unknown
            if unknown:
                _logger.warning("The host does not know whether it is idle, and goes on: %s.", unknown)
        return left

    async def _left(self, quiet_seconds: float) -> Left:
        """Return what this process has left.

        Args:
            quiet_seconds: for how long no process of the host was busy.
        """
        has_run = self._ids.take()
        status = self._host.listening.drain_status
        if has_run or status.outstanding_invocations or status.outstanding_retries:
            return Left(is_busy=True)
        failed = next((f"{name}: {reason}" for name, reason in self._host.listening.health().items() if reason), "")
        if failed:
            return Left(unknown=redact(failed))
        try:
            backlog: dict[str, Any] = await self._host.listening.backlog()
        except Exception as error:  # noqa: BLE001 - a provider's service may fail with anything
            return Left(unknown=redact(error_text(error)))
        unread = self._host.listening.unread(quiet_seconds)
        return Left(is_busy=any(backlog.values()), unread=unread[0] if unread else "")
