"""Runs the health checks of extensions: each within its time, and never twice at once."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any, NamedTuple

from hosting._exceptions import error_text
from hosting._redaction import redact
from hosting.app_work import HealthCheck
from hosting.extensions._calls import call_anywhere
from hosting.extensions._failures import log
from hosting.extensions._model import Extension
from hosting.extensions.dispatch.execution import await_captured
from hosting.extensions.dispatch.thread_pool import ResultOrError


class HealthResult(NamedTuple):
    """How a health check ended."""

    name: str
    reason: str
    """Why it is not healthy; empty if it is."""
    seconds: float
    ready: bool
    live: bool


class HealthChecks:
    """The health checks of one host.

    Args:
        checks: the checks that extensions have added.
        extension: returns an extension by its name.
    """

    def __init__(self, checks: Iterable[HealthCheck], extension: Callable[[str], Extension]) -> None:
        self._checks = checks
        self._extension = extension
        self._running: dict[str, asyncio.Task[ResultOrError]] = {}
        self.last: dict[str, HealthResult] = {}
        """The last result of each check, by its name."""

    async def run(self, wanted: Callable[[HealthCheck], bool]) -> list[HealthResult]:
        """Run some of the checks at the same time, and return their results in the order of the checks.

        A check that is running, for another caller or because it hangs, is not started again.
        """
        return await asyncio.gather(*(self._run(check) for check in tuple(self._checks) if wanted(check)))

    def stop(self) -> None:
        """Cancel the checks that run."""
        for task in self._running.values():
            task.cancel()

    async def _run(self, check: HealthCheck) -> HealthResult:
        started = monotonic()
        task = self._running.get(check.name)
        if task is None or task.done():
            task = asyncio.ensure_future(await_captured(call_anywhere(check.check, "hosting-health")))
            self._running[check.name] = task
        await asyncio.wait({task}, timeout=check.timeout)
        if not task.done() and inspect.iscoroutinefunction(check.check):
            task.cancel()  # one in a thread cannot be ended: the next call waits for it
        reason = _reason(task) if task.done() else f"it has not answered within {check.timeout:g} s"
        result = HealthResult(check.name, redact(reason), monotonic() - started, check.ready, check.live)
        self._note(check, result)
        return result

    def _note(self, check: HealthCheck, result: HealthResult) -> None:
        """Keep a result, and log it if it is another one than before."""
        before = self.last.get(check.name)
        self.last[check.name] = result
        extension = self._extension(check.extension)
        text = "Health check '%s' of extension '%s': %s"
        if result.reason and (before is None or before.reason != result.reason):
            log(extension, logging.WARNING, text, check.name, check.extension, result.reason)
        elif not result.reason and before is not None and before.reason:
            log(extension, logging.INFO, text, check.name, check.extension, "healthy again")


def _reason(task: asyncio.Task[ResultOrError]) -> str:
    """Return why a check that has ended is not healthy; empty if it is."""
    if task.cancelled():
        return "it was cancelled"
    value, exception = task.result()
    if exception is not None:
        return error_text(exception)
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or "unhealthy"
    return f"it returned an object of type {type(value).__name__}, expected None or a reason as text"
