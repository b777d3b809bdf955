"""Retry policies: a function that failed runs again, as often as its policy allows, while its caller waits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from copy import copy
from functools import partial
from types import SimpleNamespace
from typing import Any

from hosting._asyncio import wait_for_event
from hosting._exceptions import as_text, own_attribute, type_name, unredacted_traceback
from hosting._log import host_logger
from hosting.apps.timespans import format_timespan
from hosting.bindings.provider import Output, Result
from hosting.core import Retry
from hosting.host.context import RetryContext
from hosting.host.invocation import BoundInvoker, RunningInvocations

_WAITING = "Waiting for `%s` before retrying function execution. Next attempt: '%d'. Max retry count: '%d'."
_GIVEN_UP = "Function execution failed after '%d' retries."


class RetryingInvoker:
    """Runs a function until it succeeds or its policy is used up; each attempt is an invocation of its own.

    Policies act on every trigger, as in Azure's host. After the last attempt the trigger handles the failure, for
    instance by returning a message to its queue.

    Args:
        invoker: runs the function once.
        policy: how often, and with which pauses.
        draining: set when the host stops, which ends a pause and all further attempts.
        running: counts those that wait.
        uniform: returns a random number between its two arguments.
    """

    def __init__(
        self,
        invoker: BoundInvoker,
        policy: Retry,
        draining: asyncio.Event,
        running: RunningInvocations,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._invoker = invoker
        self._policy = policy
        self._draining = draining
        self._running = running
        self._uniform = uniform
        self._logger = host_logger(f"function.{invoker.name}")

    def with_result(self, wrap: Callable[[Output], Output]) -> RetryingInvoker:
        """Return what runs the same function with its result in another output, as ``FunctionInvoke`` says."""
        other = copy(self)
        other._invoker = self._invoker.with_result(wrap)
        return other

    async def __call__(
        self, data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        """Invoke the function, and again up to ``max_count`` times; return the result of the last attempt.

        The arguments are those of ``BoundInvoker``.
        """
        policy, attempt = self._policy, 0
        invoke = partial(self._invoker, data, trace_parent, trace_state, reason=reason, details=details)
        result = await invoke(retry=RetryContext(0, policy.max_count))
        for pause in pauses(policy, self._uniform):
            if result.exception is None:
                return result
            attempt += 1
            self._logger.info(_WAITING, format_timespan(pause), attempt, policy.max_count)
            if await self._is_draining_within(pause):
                return result
            context = RetryContext(attempt, policy.max_count, _exception_info(result.exception))
            result = await invoke(retry=context)
        if result.exception is not None:
            self._logger.info(_GIVEN_UP, attempt)
        return result

    async def _is_draining_within(self, seconds: float) -> bool:
        """Wait for some seconds; return whether the host stops before they are over."""
        self._running.waiting_retries += 1
        try:
            return await wait_for_event(self._draining, seconds)
        finally:
            self._running.waiting_retries -= 1


def pauses(policy: Retry, uniform: Callable[[float, float], float]) -> Iterator[float]:
    """Yield the seconds before each further attempt, without end for a policy without a limit.

    Exponential back-off is Azure's: the minimum m at first, then m + m, m + 2m, m + 4m, ..., where the second summand
    varies at random by a fifth, up to the maximum.
    """
    done = 0
    while policy.max_count < 0 or done < policy.max_count:
        if policy.strategy == "fixedDelay":
            yield policy.delay
        else:
            growth = 2.0 ** min(done - 1, 60) * uniform(0.8, 1.2) if done else 0.0
            yield min(policy.maximum, policy.minimum * (1 + growth))
        done += 1


def _exception_info(exception: BaseException) -> SimpleNamespace:
    """Return what ``context.retry_context.exception`` says about the previous attempt."""
    return SimpleNamespace(
        source=type(exception).__module__,
        stack_trace=unredacted_traceback(exception, own_attribute(exception, "__traceback__")),
        message=f"{type_name(exception, is_qualified=False)}: {as_text(exception)}",
    )
