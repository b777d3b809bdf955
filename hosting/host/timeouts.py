"""``functionTimeout``: an invocation that takes too long fails, whichever trigger it has; the process goes on.

Invocations set no timers: one task looks at all that are running, at intervals.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from hosting._log import host_logger
from hosting.apps.timespans import format_timespan, parse_timespan
from hosting.errors import SettingsError
from hosting.host.invocation import FunctionTimeoutError, RunningInvocations

DEFAULT_SECONDS = 1800.0
"""The limit of Azure on every plan but Consumption."""

_MIN_SECONDS = 1.0
_LOOKS_PER_LIMIT = 50
_MAX_PAUSE_SECONDS = 5.0
_IN_THREAD = " Its thread cannot be stopped, and goes on until the function returns."


def read_timeout(host_json: Mapping[str, Any]) -> float | None:
    """Return how long an invocation may take, in seconds; None for no limit.

    Args:
        host_json: the content of host.json.

    Raises:
        SettingsError: ``functionTimeout`` is neither a time span of at least a second nor -1.
    """
    text = host_json.get("functionTimeout")
    if text is None:
        return DEFAULT_SECONDS
    if str(text).strip() == "-1":
        return None
    seconds = parse_timespan(str(text))
    if seconds is None or seconds < _MIN_SECONDS:
        raise SettingsError(
            f"host.json: functionTimeout: expected a time span of at least 00:00:01, found {text!r}.",
            remedy="Write a time span such as 00:10:00, or -1 for no limit.",
        )
    return seconds


class Timeouts:
    """Cancels invocations that have run for ``limit`` seconds, up to 4 % of it, or 10 seconds, later.

    Args:
        running: the invocations of a host.
        limit: seconds that an invocation may take; None for no limit.
        in_threads: names of the functions that run in threads, which go on after a cancellation.
    """

    def __init__(self, running: RunningInvocations, limit: float | None, in_threads: Collection[str] = ()) -> None:
        self._running = running
        self._limit = limit
        self._in_threads = frozenset(in_threads)
        self._seen: dict[str, float] = {}
        self._cancelled: dict[str, asyncio.Task[Any]] = {}
        self._watching: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start to look at the running invocations, on the running event loop."""
        if self._limit is not None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(self._limit))

    def stop(self) -> None:
        """Stop to look at them."""
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, limit: float) -> None:
        pause = min(limit / _LOOKS_PER_LIMIT, _MAX_PAUSE_SECONDS)
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(pause)
            seen = self._seen = {key: self._seen.get(key, now()) for key in self._running.invocations}
            self._forget_survivors()
            for invocation_id, since in seen.items():
                if now() - since >= limit and invocation_id not in self._cancelled:
                    self._cancel(invocation_id, limit)

    def _cancel(self, invocation_id: str, limit: float) -> None:
        task = self._running.tasks[invocation_id]
        if task is None:
            return
        name = self._running.invocations[invocation_id].function
        self._cancelled[invocation_id] = task
        self._running.expired[invocation_id] = FunctionTimeoutError(
            f"Timeout value of {format_timespan(limit)} was exceeded by function: Functions.{name}"
        )
        host_logger(f"function.{name}").error(
            "Timeout value of %s exceeded by function 'Functions.%s' (Id: '%s'). Initiating cancellation.%s",
            format_timespan(limit),
            name,
            invocation_id,
            _IN_THREAD if name in self._in_threads else "",
        )
        task.cancel("functionTimeout")

    def _forget_survivors(self) -> None:
        """Undo the cancellation of the task of a function that caught it and returned all the same."""
        for key in self._cancelled.keys() - self._running.invocations.keys():
            task = self._cancelled.pop(key)
            if self._running.expired.pop(key, None) is not None:
                task.uncancel()
