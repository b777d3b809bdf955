"""Ends a host that has nothing left to do: ``hosting start --until-idle``, for jobs."""

from __future__ import annotations

import asyncio
from typing import Any

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting._redaction import redact
from hosting.host.function_host import FunctionHost
from hosting.server.processes import Processes

QUESTION = "what is left to do"
POLL_SECONDS = 1.0
QUIET_POLLS = 3
"""How often in a row nothing is left before the host ends: a function may be about to send the next message."""

_logger = host_logger("start")


class UntilIdle:
    """Stops a host, with all its processes, once no event waits and nothing runs.

    Args:
        host: the host in this process.
        processes: all processes of the host.
    """

    def __init__(self, host: FunctionHost, processes: Processes) -> None:
        self._host = host
        self._processes = processes
        self._task: asyncio.Task[None] | None = None
        self._reported = ""
        processes.add(QUESTION, self._left)

    def start(self) -> None:
        """Begin to ask, on the running event loop; one process of a host does it for all."""
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        quiet = 0
        while quiet < QUIET_POLLS:
            await asyncio.sleep(POLL_SECONDS)
            quiet = quiet + 1 if await self._is_idle() else 0
        _logger.info("Nothing is left to do: the host stops.")
        self._processes.stop()

    async def _is_idle(self) -> bool:
        """Return whether no process has anything left to do; one that does not say so may have."""
        answers = await self._processes.ask(QUESTION)
        left: list[str | None] = [answer.error or answer.value for answer in answers]
        unknown = next((one for one in left if one), "")
        if unknown != self._reported:
            self._reported = unknown
            if unknown:
                _logger.warning("The host cannot tell whether it is idle, and goes on: %s.", unknown)
        return all(one == "" for one in left)

    async def _left(self) -> str | None:
        """Return an empty text if nothing is left, None if something is, and the reason if that is not known."""
        status = self._host.listening.drain_status
        if status.outstanding_invocations or status.outstanding_retries:
            return None
        failed = next((f"{name}: {reason}" for name, reason in self._host.listening.health().items() if reason), "")
        if failed:
            return redact(failed)
        try:
            backlog: dict[str, Any] = await self._host.listening.backlog()
        except Exception as error:  # noqa: BLE001 - a provider's service may fail with anything
            return redact(error_text(error))
        return None if any(backlog.values()) else ""
