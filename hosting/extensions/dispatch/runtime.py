"""What a compiled chain falls back on when a hook does anything but return: the slow paths, in one place.

A chain's fast path counts nothing per hook. It counts how many invocations began; where one passes a hook by, that is
counted where it happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from typing import Any

from hosting._asyncio import current_task, is_being_cancelled
from hosting.authoring import Outcome, ShortCircuit
from hosting.errors import ExtensionError
from hosting.extensions._failures import PASSING, describe, record
from hosting.extensions._hooks import ANSWERING_HOOKS, ERROR_HOOKS
from hosting.extensions._model import Extension, Hook
from hosting.extensions.dispatch.watchdog import Clock, Watch

ANSWERED_BY = "_hosting_answered_by"

Answer = tuple[Any, BaseException | None]
"""How an invocation goes on when a step ends the way in: a result, or the host's cancellation."""


class Monitor:
    """Counts errors in a row over all functions, and takes an extension out that only errs.

    Args:
        limit: invocations in a row in which an extension may err.
        quarantine: called with the extension when it has reached the limit.
    """

    def __init__(self, limit: int, quarantine: Callable[[Extension], None]) -> None:
        self._limit = limit
        self._quarantine = quarantine
        self.suspects: set[Extension] = set()
        """Those that erred of late: chains look no further while it is empty."""

    def erred(self, extension: Extension, invocation: str) -> None:
        """Count one invocation in which the extension erred, however often it did."""
        if invocation in extension.erring or extension.status != "active":
            return
        extension.erring.add(invocation)
        extension.errors_in_row += 1
        self.suspects.add(extension)
        if extension.errors_in_row >= self._limit:
            self._quarantine(extension)
            self._forget(extension)

    def forgive(self, extensions: Iterable[Extension], invocation: str) -> None:
        """An invocation has ended: who did not err in it starts from zero again."""
        for extension in self.suspects.intersection(extensions):
            if invocation in extension.erring:
                extension.erring.discard(invocation)
            else:
                extension.errors_in_row = 0
            if not (extension.errors_in_row or extension.erring):
                self.suspects.discard(extension)

    def absolve(self, extension: Extension) -> None:
        """Start from zero: somebody takes the extension out or puts it back."""
        extension.errors_in_row = 0
        self._forget(extension)

    def _forget(self, extension: Extension) -> None:
        extension.erring.clear()
        self.suspects.discard(extension)


class Guard:
    """One chain's slow paths and figures; ``steps`` are its hooks by the index that the chain calls with."""

    def __init__(self, function: str, steps: list[Hook], clock: Clock, monitor: Monitor) -> None:
        self.function = function
        self.steps = steps
        self.extensions = frozenset(step.extension for step in steps)
        self.begun = [-1, 0]
        """The number of the last invocation that began, counted from zero, and of the next whose hooks are timed."""
        self.tally = [0] * len(steps)
        """For an error hook, how often it was called; for any other, how often an invocation passed it by."""
        self.suspects = monitor.suspects
        self._clock = clock
        self._monitor = monitor

    def caught(self, index: int, exception: BaseException, invocation: str, watch: Watch | None) -> Answer | None:
        """Judge what a hook raised: None where the chain goes on, else how the invocation goes on.

        Raises:
            KeyboardInterrupt, GeneratorExit: pass through.
        """
        if isinstance(exception, PASSING):
            raise exception
        overran = watch is not None and self._settle(watch)
        if overran:
            self._fail(index, self._timeout(), invocation)
        elif isinstance(exception, ShortCircuit) and self.steps[index].name in ANSWERING_HOOKS:
            return exception.result, None
        elif isinstance(exception, GeneratorExit) and self._is_closed(index, watch):
            raise exception
        if isinstance(exception, asyncio.CancelledError) and is_being_cancelled():
            return None, exception
        if not overran:
            self._fail(index, exception, invocation)
        return None

    def ignored(self, index: int, value: Any, invocation: str) -> None:
        """A hook whose result does not count returned something: an error only where it forgot ``async``."""
        if inspect.iscoroutine(value):
            value.close()
            self._fail(index, ExtensionError("it returned a coroutine", remedy="Declare it 'async def'."), invocation)

    def taken(self, index: int, value: Any, result: Any, invocation: str, context: Any) -> Any:
        """What the caller gets after a post hook returned ``value``."""
        self.ignored(index, value, invocation)
        if inspect.iscoroutine(value):
            return result
        self.credit(index, context)
        return value

    def credit(self, index: int, context: Any) -> None:
        """Note on the context whose result the caller gets, for when it cannot be encoded."""
        with contextlib.suppress(Exception):
            setattr(context, ANSWERED_BY, self.steps[index].extension)

    def late(self, index: int, since: int, invocation: str) -> int:
        """A tick has passed since ``since``: report the sync hook if it outlasted its budget; the tick of now."""
        if self._clock.is_late(since):
            self._fail(index, self._timeout(), invocation)
        return self._clock.tick[0]

    def overran(self, index: int, invocation: str, watch: Watch) -> None:
        """An async hook returned although it had been cancelled for its time."""
        if self._settle(watch):
            self._fail(index, self._timeout(), invocation)

    def _is_closed(self, index: int, watch: Watch | None) -> bool:
        """Whether the chain itself is being closed while it waits; a hook's own GeneratorExit looks the same."""
        return self.steps[index].is_async and (watch is None or current_task() is not watch.task)

    def enter(self, index: int, generator: Generator[None, Outcome, Any], invocation: str) -> bool:
        """Run an around hook up to its yield; whether it got there. What it raises is the chain's to judge."""
        try:
            next(generator)
        except StopIteration:
            self._fail(index, _no_yield(), invocation)
            return False
        return True

    async def enter_async(self, index: int, generator: AsyncGenerator[None, Outcome], invocation: str) -> bool:
        """``enter`` for an async generator."""
        try:
            await anext(generator)
        except StopAsyncIteration:
            self._fail(index, _no_yield(), invocation)
            return False
        return True

    def resume(self, index: int, generator: Generator[None, Outcome, Any], outcome: Outcome, invocation: str) -> None:
        """Tell an around hook how the invocation ended, and run it to its end.

        Raises:
            ExtensionError: it did not end.
        """
        try:
            generator.send(outcome)
        except StopIteration:
            return
        generator.close()
        raise _second_yield()

    async def resume_async(
        self, index: int, generator: AsyncGenerator[None, Outcome], outcome: Outcome, invocation: str
    ) -> None:
        """``resume`` for an async generator."""
        try:
            await generator.asend(outcome)
        except StopAsyncIteration:
            return
        await generator.aclose()
        raise _second_yield()

    def forgive(self, invocation: str) -> None:
        """Those of the chain that did not err in this invocation start from zero again."""
        self._monitor.forgive(self.extensions, invocation)

    def calls(self, index: int) -> int:
        """How often the chain called one of its hooks."""
        if self.steps[index].name in ERROR_HOOKS:
            return self.tally[index]
        return max(0, self.begun[0] + 1 - self.tally[index])

    def _timeout(self) -> TimeoutError:
        return TimeoutError(f"it took longer than its budget of {self._clock.budget:g} s")

    def _settle(self, watch: Watch) -> bool:
        """Take back the clock's own cancellations, so that the host's can be told from them."""
        cancels, watch.cancels = watch.cancels, 0
        for _ in range(cancels):
            watch.task.uncancel()
        return cancels > 0

    def _fail(self, index: int, exception: BaseException, invocation: str) -> None:
        hook = self.steps[index]
        hook.statistics.errors += 1
        failure = describe("invocation", exception, hook=hook.name, function=self.function, invocation_id=invocation)
        record(hook.extension, failure)
        self._monitor.erred(hook.extension, invocation)


def _no_yield() -> ExtensionError:
    return ExtensionError("its generator ended without a yield", remedy="An around hook yields exactly once.")


def _second_yield() -> ExtensionError:
    return ExtensionError("its generator yielded twice", remedy="An around hook yields exactly once.")


def blame(context: Any, function: str, exception: BaseException) -> None:
    """A result could not be encoded: where an extension had put it in place, that is on its account, and logged so."""
    extension: Extension | None = getattr(context, ANSWERED_BY, None)
    if extension is not None:
        which = getattr(context, "invocation_id", None)
        failure = describe("result", exception, function=function, invocation_id=which)
        record(extension, failure)
