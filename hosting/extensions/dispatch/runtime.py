"""Runtime of a compiled chain: what it calls when a hook does anything but return None.

The fast path of a chain counts nothing for each hook. It counts the invocations that started; where an invocation skips
a hook, the slow path counts that. The number of calls of each hook follows from the two.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Coroutine, Generator, Sequence
from functools import partialmethod
from typing import Any, NoReturn, cast

from hosting._asyncio import current_task, is_being_cancelled
from hosting._exceptions import is_a, own_attribute, type_name
from hosting._injection import Provider, name_of
from hosting.authoring import Outcome, ShortCircuit
from hosting.errors import ExtensionError
from hosting.extensions._failures import NEVER_CAUGHT, claim, describe_error, record_failure
from hosting.extensions._hooks import ANSWERING_HOOKS, ERROR_HOOKS
from hosting.extensions._model import Extension, Hook
from hosting.extensions.dispatch.denial import Unavailable, denial, note_cancelled
from hosting.extensions.dispatch.quarantine import Quarantine
from hosting.extensions.dispatch.watchdog import Deadline, Watchdog, late_error

ANSWERED_BY = "_hosting_answered_by"
"""The attribute of an invocation's context with the extension that set the result."""

STOPPED = "_hosting_stopped"
"""The attribute of an invocation's context that is set once a hook has ended the way in."""

Answer = tuple[Any, BaseException | None]
"""How an invocation goes on when a hook ends the way in, or a guard withholds the result: with a result, with the
host's cancellation, or with a GuardError."""


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
        self._deciding = frozenset(index for index, step in enumerate(steps) if step.decides)
        """The hooks without which the function must not run, or must not answer."""
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
        *,
        is_way_in: bool = True,
    ) -> Answer | None:
        """Handle an exception that a hook raised.

        Args:
            index: the hook.
            exception: what it raised.
            invocation: the id of the invocation.
            deadline: what the watchdog knows of the chain's async hook.
            of_function: what the function has raised: a hook that raises it again has no error of its own.
            is_way_in: whether the function has yet to run, so that the hook may answer in its place.

        Returns:
            None where the chain goes on with the next hook: the error is recorded. Otherwise how the invocation ends.

        Raises:
            KeyboardInterrupt: the hook raised it.
            GeneratorExit: the chain itself is being closed.
        """
        if is_a(exception, *NEVER_CAUGHT):
            raise exception
        self._end_if_closed(index, deadline, exception, invocation)
        timed_out, error = deadline is not None and self._take_cancels(deadline), exception
        if timed_out:
            error = self._late_error(deadline, exception)
        elif is_a(exception, ShortCircuit) and is_way_in:
            answer = _answer(exception)
            if answer[1] is None:
                self.steps[index].statistics.denied += index in self._deciding
                return answer
            error = exception = answer[1]
        cancelled = is_a(exception, asyncio.CancelledError) and is_being_cancelled()
        if (timed_out or not cancelled) and error is not of_function and not is_a(error, Unavailable):
            self._record_error(index, error, invocation)
        if cancelled:
            if index in self._deciding:
                note_cancelled(exception)
            return None, exception
        if error is of_function:
            return None
        return self._denied(index, error, of_function, invocation, is_way_in=is_way_in)

    def _denied(
        self, index: int, error: BaseException, of_function: BaseException | None, invocation: str, *, is_way_in: bool
    ) -> Answer | None:
        """Return the end of an invocation in which the hook of a guard failed; None for another hook."""
        if index not in self._deciding:
            return None
        hook = self.steps[index]
        hook.statistics.denied += 1
        return None, denial(hook, error, of_function, self.function, invocation, is_way_in=is_way_in)

    on_late_hook_error = partialmethod(on_hook_error, is_way_in=False)
    """``on_hook_error`` after the function: a ShortCircuit is an error there."""

    def check_no_result(self, index: int, value: Any) -> None:
        """Check what a hook returned whose result is ignored: a coroutine means that its ``async`` was forgotten.

        Raises:
            ExtensionError: it is a coroutine; or it is anything, and a guard's hook before the function returned it.
        """
        _check_no_coroutine(value)
        if index in self._deciding and self.steps[index].name in ANSWERING_HOOKS:
            if inspect.isawaitable(value):
                raise ExtensionError("it returned an awaitable", remedy="Declare it 'async def', and await it there.")
            raise ExtensionError(
                f"it returned a value of type {type_name(value)}",
                remedy="A guard returns nothing to let the function run, and raises hosting.ShortCircuit to answer.",
            )

    def accept_result(self, index: int, value: Any, context: Any) -> Any:
        """Return the invocation's result after a post hook returned ``value``: that.

        Raises:
            ExtensionError: it is a coroutine.
        """
        _check_no_coroutine(value)
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
        """Record an error for an async hook that returned although the watchdog had cancelled it.

        Raises:
            BaseException: that error, for a guard: what it returns too late does not count.
        """
        if self._take_cancels(deadline):
            error = self._late_error(deadline)
            if index in self._deciding:
                raise error
            self._record_error(index, error, invocation)

    def enter(self, generator: Generator[None, Outcome, Any]) -> None:
        """Run an around hook up to its yield. What it raises is raised.

        Raises:
            ExtensionError: it did not yield.
        """
        try:
            next(generator)
        except StopIteration:
            raise _no_yield() from None

    async def enter_async(self, generator: AsyncGenerator[None, Outcome]) -> None:
        """``enter`` for an async generator."""
        try:
            await anext(generator)
        except StopAsyncIteration:
            raise _no_yield() from None

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
            return _answer(exception)
        if is_a(exception, StopIteration, StopAsyncIteration):
            return None, ExtensionError("a provider ended without a yield", remedy="Let its generator yield one value.")
        return None, exception

    def _end_if_closed(self, index: int, deadline: Deadline | None, exception: BaseException, invocation: str) -> None:
        """Close the chain if it is being closed while it waits for an async hook, which may raise anything then.

        Raises:
            GeneratorExit: it is being closed.
        """
        is_closed = deadline is not None and current_task() is not deadline.task
        if not self.steps[index].is_async or not (is_closed or deadline is None):
            return
        if is_a(exception, GeneratorExit):  # without a deadline, the hook's own comes as another error
            raise exception
        if is_closed:
            self._record_error(index, exception, invocation)
            raise GeneratorExit from exception

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
        if is_a(own_attribute(exception, "__context__"), ShortCircuit):
            exception.__context__ = None  # the answer that had overtaken a guard is not the context of its error
        if not claim(exception, hook.extension, invocation) and index not in self._deciding:
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
    with contextlib.suppress(BaseException):  # that it yielded twice is its first fault
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
    try:
        await generator.aclose()
    except BaseException as raised:
        if is_being_cancelled():
            return None, raised
    return None, _second_provider_yield()


def refuse_coroutine(providers: Sequence[Provider], index: int, value: Coroutine[Any, Any, Any]) -> NoReturn:
    """Fail an invocation in which a provider has given a coroutine.

    Args:
        providers: the providers of the function.
        index: the index of the provider.
        value: the coroutine, which is closed.

    Raises:
        ExtensionError: in any case.
    """
    value.close()
    one = providers[index]
    function = getattr(one.call, "func", one.call)  # of a provider that takes the parameter
    raise ExtensionError(
        f"the provider {function.__name__} of {name_of(one.type)} gave a coroutine, which nothing awaits",
        remedy="Declare it 'async def' and await the coroutine in it.",
    )


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


def _check_no_coroutine(value: Any) -> None:
    if inspect.iscoroutine(value):
        value.close()
        raise ExtensionError("it returned a coroutine", remedy="Declare it 'async def'.")


def _answer(short_circuit: BaseException) -> Answer:
    """Return how an invocation ends with a ShortCircuit: with its result, or with what its class raises instead."""
    try:
        return cast("ShortCircuit", short_circuit).result, None
    except NEVER_CAUGHT:
        raise
    except BaseException as error:
        return None, error


def _no_yield() -> ExtensionError:
    return ExtensionError("its generator ended without a yield", remedy="An around hook yields exactly once.")


def _second_yield() -> ExtensionError:
    return ExtensionError("its generator yielded twice", remedy="An around hook yields exactly once.")
