"""Hooks at the edges of an invocation: what the chain of hooks around the function cannot see.

They run on the event loop when the outputs are written, and after the response is sent. A function without such hooks
has no ``Edges``, so that its invocations do nothing here.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any

from hosting._exceptions import is_a
from hosting._invocation import Invocation, InvocationOutcome, invocation_of
from hosting.core import Function
from hosting.errors import ExtensionError
from hosting.extensions._failures import NEVER_CAUGHT, describe_error, record_failure
from hosting.extensions._hooks import APP, CALLED_AT_EDGES, EDGE_HOOKS, FUNCTION
from hosting.extensions._lifespan import within_budget
from hosting.extensions._model import Extension, Hook
from hosting.extensions._selection import Selection
from hosting.extensions.dispatch.runtime import STOPPED
from hosting.extensions.dispatch.watchdog import late_error


class EdgeLimits:
    """What the edges of all functions share.

    Args:
        budget: the seconds that a hook may take.
        quarantine_after: the number of consecutive errors of a hook that quarantines its extension.
        on_limit: called with an extension that has reached that number.
    """

    def __init__(self, budget: float, quarantine_after: int, on_limit: Callable[[Extension], None]) -> None:
        self.budget, self.quarantine_after, self.on_limit = budget, quarantine_after, on_limit
        self.unawaited: set[asyncio.Task[None]] = set()
        """The calls that nothing awaits."""

    async def drain(self) -> None:
        """Wait for the calls that nothing awaits, for at most the budget of one hook."""
        if self.unawaited:
            await asyncio.wait(self.unawaited, timeout=self.budget)


class Edges:
    """The hooks at the edges of one function's invocations.

    Args:
        function: the function.
        hooks: its hooks by name, in the order of the calls.
        limits: what all functions share.
    """

    def __init__(self, function: Function, hooks: Mapping[str, Sequence[Hook]], limits: EdgeLimits) -> None:
        self._function = function
        self._hooks = hooks
        self._limits = limits
        self.hooks = tuple(hook for name in EDGE_HOOKS for hook in hooks.get(name, ()))
        """Its hooks besides error hooks, in the order of the calls."""
        self.has_async = any(hook.is_async for one in hooks.values() for hook in one)
        """Whether ``ended`` may await anything."""
        self.sees_responses = "response_sent" in hooks
        """Whether ``sent`` has a hook to call."""

    async def ended(self, context: Any, outcome: InvocationOutcome, seconds: float, phase: str = "") -> None:
        """Call the hooks for an invocation that has ended.

        Args:
            context: the invocation's context.
            outcome: how it ended.
            seconds: how long it took.
            phase: which part of the bindings failed, if one did.
        """
        invocation = invocation_of(context, self._function, {})
        exception = outcome.exception
        if phase and exception is not None:
            await self._call("binding_error", invocation, phase=phase, exception=exception)
            arguments = {"context": context, "func_args": invocation.args, "exception": exception}
            for level in (FUNCTION, APP):
                await self._call(level.error, invocation, **arguments)
        if exception is not None and outcome.kind != "cancelled":
            attempts = _attempts_if_over(invocation)
            if attempts:
                await self._call("gave_up", invocation, exception=exception, attempts=attempts)
        await self._call("invocation_end", invocation, outcome=outcome, seconds=seconds)

    def sent(self, context: Any, start: float, status: int, size: int, exception: BaseException | None) -> None:
        """Call the hooks for a response that is sent; returns before async ones have ended.

        Args:
            context: the invocation's context.
            start: the time at which the invocation started, of ``time.monotonic``.
            status: the status of the response.
            size: the number of bytes of its body that were sent.
            exception: why the response is not complete; None if it is.
        """
        arguments = {"status": status, "bytes": size, "seconds": time.monotonic() - start, "exception": exception}
        calls = self._call("response_sent", invocation_of(context, self._function, {}), **arguments)
        if not self.has_async:
            run_without_waiting(calls)
            return
        task = asyncio.get_running_loop().create_task(calls)
        self._limits.unawaited.add(task)
        task.add_done_callback(self._limits.unawaited.discard)

    async def _call(self, name: str, invocation: Invocation, **arguments: Any) -> None:
        for hook in self._hooks.get(name, ()):
            if hook.extension.status == "active":
                arguments["invocation"] = invocation
                if hook.takes_logger:  # to find a logger takes as long as to call the hook
                    arguments["logger"] = hook.extension.logger
                await self._call_hook(hook, invocation, arguments)

    async def _call_hook(self, hook: Hook, invocation: Invocation, arguments: Mapping[str, Any]) -> None:
        budget = self._limits.budget
        hook.statistics.calls += 1
        start = time.perf_counter()
        try:
            value = hook.call(arguments)
            if hook.is_async:
                error = await within_budget(value, budget, Future())
            else:
                error = _forgotten_async(value)
        except BaseException as exception:
            error = exception
        seconds = time.perf_counter() - start
        hook.statistics.add_time(seconds)
        if error is not None and is_a(error, *NEVER_CAUGHT):
            raise error
        if error is None and not hook.is_async and seconds > budget:
            error = late_error(budget)
        if error is arguments.get("exception"):
            error = None
        self._count(hook, error, invocation)

    def _count(self, hook: Hook, error: BaseException | None, invocation: Invocation) -> None:
        """Record an error; quarantine the extension of a hook that does nothing else, unless it is a guard."""
        if error is None:
            hook.errors_in_a_row = 0
            return
        hook.statistics.errors += 1
        hook.errors_in_a_row += 1
        details = {"hook": hook.name, "function": self._function.name, "invocation_id": invocation.id}
        record_failure(hook.extension, describe_error("invocation", error, **details))
        if hook.errors_in_a_row >= self._limits.quarantine_after and not hook.extension.is_guard:
            hook.extension.consecutive_errors = hook.errors_in_a_row
            hook.errors_in_a_row = 0
            self._limits.on_limit(hook.extension)


def find_edges(
    functions: Iterable[Function], hooks: Callable[[str], Sequence[Hook]], selection: Selection, limits: EdgeLimits
) -> dict[Function, Edges | None]:
    """Return the edges of each function; None for one that has no hooks for them.

    Args:
        functions: the functions.
        hooks: returns all hooks of a name, in the order of the extensions.
        selection: which of them run for a function.
        limits: what all functions share.
    """
    named = {name: hooks(name) for name in CALLED_AT_EDGES}
    return {function: _make_edges(function, named, selection, limits) for function in functions}


def _make_edges(
    function: Function, named: Mapping[str, Sequence[Hook]], selection: Selection, limits: EdgeLimits
) -> Edges | None:
    found = {name: tuple(reversed(selection.hooks(hooks, function))) for name, hooks in named.items()}
    found = {name: ordered for name, ordered in found.items() if ordered}
    return Edges(function, found, limits) if found else None


def outcome_of(
    context: Any, exception: BaseException | None, status: int | None, *, is_cancelled: bool
) -> InvocationOutcome:
    """Return how an invocation ended.

    Args:
        context: its context.
        exception: why it failed; None if it did not.
        status: the status of its HTTP response; None if it has none.
        is_cancelled: whether the host has cancelled it.
    """
    if is_cancelled:
        return InvocationOutcome("cancelled", exception, None)
    is_error = exception is not None or (status or 0) >= 400
    if is_error and getattr(context, STOPPED, False):
        return InvocationOutcome("refused", exception, status)
    return InvocationOutcome("succeeded" if exception is None else "failed", exception, status)


def run_without_waiting(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that awaits nothing."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("calls of hooks that are all def awaited something: a bug in hosting, please report it")


def run_edges_here(
    edges: Edges, calls: Coroutine[Any, Any, None], elsewhere: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Run calls of the edges from a thread; those with async hooks on an event loop in another thread.

    Args:
        edges: the edges.
        calls: what their ``ended`` returned.
        elsewhere: returns that loop.
    """
    if edges.has_async:
        asyncio.run_coroutine_threadsafe(calls, elsewhere()).result()
    else:
        run_without_waiting(calls)


def _forgotten_async(value: Any) -> BaseException | None:
    if value is None or not asyncio.iscoroutine(value):
        return None
    value.close()
    return ExtensionError("it returned a coroutine", remedy="Declare it 'async def'.")


def _attempts_if_over(invocation: Invocation) -> int:
    """Return the number of attempts if no other follows; 0 if one may follow, or if nothing repeats the function.

    Source of the rule for queues: ``maxDequeueCount`` in host.json of Azure's host, after which the message moves to
    the poison queue.
    """
    function, attempt = invocation.function, invocation.attempt
    if attempt != invocation.max_attempts:
        return 0
    if function.trigger.type.lower() == "queuetrigger":
        count = invocation.dequeue_count or 0
        return count if count >= function.max_dequeue_count else 0
    return attempt if attempt > 1 else 0
