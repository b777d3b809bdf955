"""Retry policies: a function that failed runs again, as often as its policy says, while its caller waits."""

from __future__ import annotations

import asyncio
import logging
import random
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

from hosting._asyncio import wait_for_event
from hosting.apps.timespans import format_timespan
from hosting.bindings.provider import Result
from hosting.core import Retry
from hosting.host.context import RetryContext
from hosting.host.invocation import Invocation

_WAITING = "Waiting for `%s` before retrying function execution. Next attempt: '%d'. Max retry count: '%d'."
_GIVEN_UP = "Function execution failed after '%d' retries."


class Retrying:
    """Runs a function until it succeeds or its policy is used up; each attempt is an invocation of its own.

    Policies act on every trigger, as in Azure's host. A failure that the trigger handles itself, such as a message that
    comes back to its queue, is what is left after the last attempt.

    Args:
        invocation: runs it once.
        policy: how often, and with which pauses.
        draining: set when the host stops: a pause ends then, and so does trying.
        chance: a number between its two arguments.
    """

    def __init__(
        self,
        invocation: Invocation,
        policy: Retry,
        draining: asyncio.Event,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._invocation = invocation
        self._policy = policy
        self._draining = draining
        self._chance = chance
        self._logger = logging.getLogger(f"hosting.function.{invocation.name}")

    async def __call__(
        self, data: Any, trace_parent: str = "", trace_state: str = "", *, reason: str = "", details: str = ""
    ) -> Result:
        """Invoke up to ``max_count`` times more than once; the result is the last attempt's."""
        policy, attempt = self._policy, 0
        invoke = partial(self._invocation, data, trace_parent, trace_state, reason=reason, details=details)
        result = await invoke(retry=RetryContext(0, policy.max_count))
        for pause in pauses(policy, self._chance):
            if result.exception is None:
                return result
            attempt += 1
            self._logger.info(_WAITING, format_timespan(pause), attempt, policy.max_count)
            if await wait_for_event(self._draining, pause):
                return result
            context = RetryContext(attempt, policy.max_count, _told(result.exception))
            result = await invoke(retry=context)
        if result.exception is not None:
            self._logger.info(_GIVEN_UP, attempt)
        return result


def pauses(policy: Retry, chance: Callable[[float, float], float]) -> Iterator[float]:
    """The seconds before each further attempt, without end for a policy without a limit.

    Exponential back-off is Azure's: the minimum at first, then the minimum and about as much again, twice as much,
    four times as much ..., a fifth more or less by chance, up to the maximum.
    """
    done = 0
    while policy.max_count < 0 or done < policy.max_count:
        if policy.strategy == "fixedDelay":
            yield policy.delay
        else:
            growth = 2.0 ** min(done - 1, 60) * chance(0.8, 1.2) if done else 0.0
            yield min(policy.maximum, policy.minimum * (1 + growth))
        done += 1


def _told(exception: BaseException) -> SimpleNamespace:
    """What a function is told of the attempt before."""
    return SimpleNamespace(
        source=type(exception).__module__,
        stack_trace="".join(traceback.format_exception(exception)),
        message=f"{type(exception).__name__}: {exception}",
    )
