"""Runtime of a compiled chain: what it calls when a hook does anything but return None.

The fast path of a chain counts nothing for each hook. It counts the invocations that started; where an invocation skips
a hook, the slow path counts that. The number of calls of each hook follows from the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Generator, Sequence
from typing import Any, cast

from hosting._asyncio import current_task, is_being_cancelled
from hosting._exceptions import is_a
from hosting.authoring import Outcome, ShortCircuit
from hosting.errors import ExtensionError
from hosting.extensions._failures import NEVER_CAUGHT, claim, describe_error, record_failure
from hosting.extensions._hooks import ANSWERING_HOOKS, ERROR_HOOKS
from hosting.extensions._model import Extension, Hook
from hosting.extensions.dispatch.quarantine import Quarantine
from hosting.extensions.dispatch.watchdog import Deadline, Watchdog, late_error

ANSWERED_BY = "_hosting_answered_by"
"""The attribute of an invocation's context with the extension that set the result."""

STOPPED = "_hosting_stopped"
"""The attribute of an invocation's context that is set once a hook has ended the way in."""

Answer = tuple[Any, BaseException | None]
"""How an invocation goes on when a hook ends the way in: with a result, or with the host's cancellation."""


class HookRuntime:
    """The slow paths and the figures of one chain.

    Args:
        function: the name of the chain's function.
        steps: the chain's hooks; the chain calls each method with the index of the hook that it is about.
        watchdog: the watchdog that enforces the budget.
        quarantine: the count of errors.
    """

    def __init__(self, function: str, steps: Sequence[Hook], watchdog: Watchdog, quarantine: Quarantine) -> None:
        self.function = function
        self.steps = steps
        self.extensions = frozenset(step.extension for step in steps)
        self.started = [-1, 0]
        """The number of the last invocation that started, counted from zero, and of the next one to be timed."""
        self.skipped = [0] * len(steps)
        """For each hook how many invocations skipped it; not counted for error hooks."""
        self.called = [0] * len(steps)
        """For each error hook how often it was called; not counted for other hooks."""
        self.failing = quarantine.failing
        self._watchdog = watchdog
        self._quarantine = quarantine
        self._with_errors: dict[str, set[int]] = {}
        """For invocations under way the hooks with an error: an around hook may have one in each half, and counts once.
        """

    def on_hook_error(
        self,
        index: int,
        exception: BaseException,
        invocation: str,
        deadline: Deadline | None,
        of_function: BaseException | None,
    ) -> Answer | None:
        """Handle an exception that a hook raised.

        Args:
            index: the hook.
            exception: what it raised.
            invocation: the id of the invocation.
            deadline: what the watchdog knows of the chain's async hook.
            of_function: what the function has raised: a hook that raises it again has no error of its own.

        Returns:
            None where the chain goes on with the next hook: the error is recorded. Otherwise how the invocation ends.

        Raises:
            KeyboardInterrupt: the hook raised it.
            GeneratorExit: the chain itself is being closed.
        """
        if is_a(exception, *NEVER_CAUGHT):
            raise exception
        timed_out = deadline is not None and self._take_cancels(deadline)
        if timed_out:
            self._record_error(index, self._late_error(deadline, exception), invocation)
        elif is_a(exception, ShortCircuit) and self.steps[index].name in ANSWERING_HOOKS:
            return cast("ShortCircuit", exception).result, None
        elif is_a(exception, GeneratorExit) and self._is_closed(index, deadline):
            raise exception
        if is_a(exception, asyncio.CancelledError) and is_being_cancelled():
            return None, exception
        if not timed_out and exception is not of_function:
            self._record_error(index, exception, invocation)
        return None

    def check_no_result(self, index: int, value: Any, invocation: str) -> None:
        """Check what a hook returned whose result is ignored: a coroutine means that its ``async`` was forgotten."""
        if inspect.iscoroutine(value):
            value.close()
            error = ExtensionError("it returned a coroutine", remedy="Declare it 'async def'.")
            self._record_error(index, error, invocation)

    def accept_result(self, index: int, value: Any, result: Any, invocation: str, context: Any) -> Any:
        """Return the invocation's result after a post hook returned ``value``: that, unless it is a coroutine."""
        self.check_no_result(index, value, invocation)
        if inspect.iscoroutine(value):
            return result
        self.mark_answered_by(index, context)
        return value

    def mark_answered_by(self, index: int, context: Any) -> None:
        """Note on the context which extension set the result, in case it cannot be encoded."""
        with contextlib.suppress(Exception):
            setattr(context, ANSWERED_BY, self.steps[index].extension)

    def mark_stopped_by(self, index: int, context: Any) -> None:
        """Note on the context which extension has responded in the function's place."""
        self.mark_answered_by(index, context)
        with contextlib.suppress(Exception):
            setattr(context, STOPPED, True)

    def check_deadline(self, index: int, since: int, invocation: str) -> int:
        """Record an error if a sync hook that was called in tick ``since`` was late; return the current tick."""
        if self._watchdog.is_late(since):
            self._record_error(index, self._late_error(), invocation)
        return self._watchdog.ticks[0]

    def after_cancelled(self, index: int, invocation: str, deadline: Deadline) -> None:
        """Record an error for an async hook that returned although the watchdog had cancelled it."""
        if self._take_cancels(deadline):
            self._record_error(index, self._late_error(deadline), invocation)

    def enter(self, index: int, generator: Generator[None, Outcome, Any], invocation: str) -> bool:
        """Run an around hook up to its yield; return whether it yielded. What it raises is raised."""
        try:
            next(generator)
        except StopIteration:
            self._record_error(index, _no_yield(), invocation)
            return False
        return True

    async def enter_async(self, index: int, generator: AsyncGenerator[None, Outcome], invocation: str) -> bool:
        """``enter`` for an async generator."""
        try:
            await anext(generator)
        except StopAsyncIteration:
            self._record_error(index, _no_yield(), invocation)
            return False
        return True

    def resume(self, generator: Generator[None, Outcome, Any], outcome: Outcome) -> None:
        """Send an around hook the outcome, and run it to its end. What it raises is raised.

        Raises:
            ExtensionError: it yielded a second time.
        """
        try:
            generator.send(outcome)
        except StopIteration:
            return
        generator.close()
        raise _second_yield()

    async def resume_async(self, generator: AsyncGenerator[None, Outcome], outcome: Outcome) -> None:
        """``resume`` for an async generator."""
        try:
            await generator.asend(outcome)
        except StopAsyncIteration:
            return
        await generator.aclose()
        raise _second_yield()

    def end_invocation(self, invocation: str) -> None:
        """Reset the error count of those of the chain's extensions that did not fail in this invocation."""
        self._with_errors.pop(invocation, None)
        self._quarantine.end_invocation(self.extensions, invocation)

    def calls(self, index: int) -> int:
        """Return how often the chain has called one of its hooks."""
        if self.steps[index].name in ERROR_HOOKS:
            return self.called[index]
        return max(0, self.started[0] + 1 - self.skipped[index])

    def on_provider_error(self, exception: BaseException, context: Any) -> Answer:
        """Return how an invocation ends in which a provider raised: as the provider says, or with its exception."""
        with contextlib.suppress(Exception):
            setattr(context, STOPPED, True)
        if is_a(exception, ShortCircuit):
            return cast("ShortCircuit", exception).result, None
        if is_a(exception, StopIteration, StopAsyncIteration):
            return None, ExtensionError("a provider ended without a yield", remedy="Let its generator yield one value.")
        return None, exception

    def _is_closed(self, index: int, deadline: Deadline | None) -> bool:
        """Return whether the chain is being closed while it waits; a hook's own GeneratorExit looks the same."""
        return self.steps[index].is_async and (deadline is None or current_task() is not deadline.task)

    def _late_error(self, deadline: Deadline | None = None, *raised: BaseException) -> BaseException:
        """Return the error of a hook that exceeded its budget: what it raised, or else a TimeoutError."""
        when_closed = getattr(deadline, "raised", None)
        if when_closed is not None and deadline is not None:
            deadline.raised = None
        return late_error(self._watchdog.budget, when_closed, *raised)

    def _take_cancels(self, deadline: Deadline) -> bool:
        """Undo the watchdog's cancellations, so that only the host's are left; return whether there were any."""
        cancels, deadline.cancels = deadline.cancels, 0
        if deadline.task is not None:
            for _ in range(cancels):
                deadline.task.uncancel()
        return cancels > 0

    def _record_error(self, index: int, exception: BaseException, invocation: str) -> None:
        hook = self.steps[index]
        if not claim(exception, hook.extension, invocation):
            return
        with_errors = self._with_errors.setdefault(invocation, set())
        if index not in with_errors:
            with_errors.add(index)
            hook.statistics.errors += 1
        failure = describe_error(
            "invocation", exception, hook=hook.name, function=self.function, invocation_id=invocation
        )
        record_failure(hook.extension, failure)
        self._quarantine.count_error(hook.extension, invocation)


class _End:
    """Stands for the end of a generator, which is cheaper than a StopIteration."""


async def first_value(generator: AsyncGenerator[Any, None]) -> Any:
    """Return what an async generator yields first."""
    return await anext(generator)


def close_provider(generator: Generator[Any, None, Any], result: Any, error: BaseException | None) -> Answer:
    """Let a provider clean up after the function; return how the invocation ends.

    Args:
        generator: the provider, which has yielded its value.
        result: what the function returned.
        error: what it raised, which is raised at the provider's yield; None if nothing.
    """
    try:
        if error is not None:
            generator.throw(error)
        elif next(generator, _End) is _End:
            return result, None
    except StopIteration:
        return result, error
    except BaseException as raised:
        return (result, error) if raised is error else (None, raised)
    generator.close()
    return None, _second_provider_yield()


async def close_provider_async(
    generator: AsyncGenerator[Any, None], result: Any, error: BaseException | None
) -> Answer:
    """``close_provider`` for an async generator."""
    try:
        await (anext(generator) if error is None else generator.athrow(error))
    except StopAsyncIteration:
        return result, error
    except BaseException as raised:
        return (result, error) if raised is error else (None, raised)
    await generator.aclose()
    return None, _second_provider_yield()


def _second_provider_yield() -> ExtensionError:
    return ExtensionError("a provider yielded twice", remedy="Let its generator yield one value, then clean up.")


def record_unusable_result(context: Any, function: str, exception: BaseException) -> None:
    """Record an error for the extension that set a result which cannot be encoded; none if the function returned it.

    Args:
        context: the invocation's context.
        function: the function's name.
        exception: what the encoding raised.
    """
    extension: Extension | None = getattr(context, ANSWERED_BY, None)
    if extension is not None:
        invocation = getattr(context, "invocation_id", None)
        record_failure(extension, describe_error("result", exception, function=function, invocation_id=invocation))


def _no_yield() -> ExtensionError:
    return ExtensionError("its generator ended without a yield", remedy="An around hook yields exactly once.")


def _second_yield() -> ExtensionError:
    return ExtensionError("its generator yielded twice", remedy="An around hook yields exactly once.")
