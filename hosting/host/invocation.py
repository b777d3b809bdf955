"""One invocation: its context, its arguments, hooks and function, its outputs, and its log lines."""

from __future__ import annotations

import asyncio
from asyncio import current_task
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from hosting._asyncio import is_being_cancelled
from hosting._exceptions import is_a, type_name
from hosting._log import host_logger
from hosting.apps.tracebacks import note_refusal, users_traceback
from hosting.bindings.http.request import SENT
from hosting.bindings.provider import Invoke, Output, Result
from hosting.core import NOTHING, Function
from hosting.errors import FunctionLoadError, HostingError
from hosting.extensions import Edges, outcome_of, record_unusable_result
from hosting.host._ids import InvocationIds
from hosting.host.binding import RETURN, BoundFunction, Out
from hosting.host.context import Context, InvocationFacts, InvocationLocal, RetryContext, current
from hosting.host.invocation_log import End, Fields, InvocationLog

Ended = tuple[InvocationFacts, End, Fields, str]
"""An invocation that has ended, its end, what its trigger says, and what it failed with; empty if it succeeded."""


class Invoker(Protocol):
    """Runs hooks and function: the extension host's, or ``FailedFunction``."""

    @property
    def invoke(self) -> Callable[[Context, dict[str, Any]], Awaitable[Any]]:
        """Return what the caller gets; raise what the function raised."""


class FunctionInvoke(Invoke, Protocol):
    """Runs one function: ``BoundInvoker`` or ``RetryingInvoker``."""

    def with_result(self, wrap: Callable[[Output], Output]) -> Invoke:
        """Return what runs the same function with its result in another output.

        Args:
            wrap: returns that output, from the one of the function; not called for a function without a result.
        """


class FunctionTimeoutError(HostingError):
    """An invocation took longer than host.json's ``functionTimeout``."""


class InvocationRecords(Protocol):
    """Keeps what is known about the invocations that have ended."""

    def add(self, entry: Ended) -> None:
        """Add an invocation."""

    def add_failure(self, invocation: InvocationFacts, end: End, trigger: Fields, error: BaseException) -> None:
        """Add an invocation that has failed."""


class RunningInvocations:
    """The invocations of a host that have not ended, by id, and what they share."""

    def __init__(self) -> None:
        self.invocations: dict[str, InvocationFacts] = {}
        self.tasks: dict[str, asyncio.Task[Any] | None] = {}
        """The task that each of them runs in: it is cancelled when the invocation takes too long."""
        self.expired: dict[str, FunctionTimeoutError] = {}
        """The error of each of them that was cancelled because it took too long."""
        self.waiting_retries = 0
        """How many failed invocations wait for their next attempt."""
        self.local = InvocationLocal()
        self.log = InvocationLog()
        self.records: InvocationRecords | None = None
        """What keeps the invocations that have ended; None if nothing does."""
        self.new_id = InvocationIds()


class BoundInvoker:
    """Runs one function each time it is triggered: listeners call ``await invocation(data)``.

    Args:
        bound: the function and its bindings.
        invoker: runs hooks and function.
        running: lists the invocation while it runs.
        root: the app's folder; tracebacks are shown from the first frame in it.
        edges: the hooks at its edges; None if there are none.
    """

    def __init__(
        self,
        bound: BoundFunction,
        invoker: Invoker,
        running: RunningInvocations,
        root: Path,
        edges: Edges | None = None,
    ) -> None:
        self._bound = bound
        self._edges = edges
        self._status_code = bound.trigger.status_code
        self._name = bound.function.name
        self._directory = bound.function.directory
        self._invoker = invoker
        self._running = running
        self._root = root
        self._logger = host_logger(f"function.{self._name}")

    @property
    def name(self) -> str:
        """The function's name."""
        return self._name

    def with_result(self, wrap: Callable[[Output], Output]) -> BoundInvoker:
        """Return what runs the same function with its result in another output, as ``FunctionInvoke`` says."""
        if self._bound.result is None:
            return self
        other = copy(self)
        other._bound = self._bound._replace(result=wrap(self._bound.result))
        return other

    async def __call__(
        self,
        data: Any,
        trace_parent: str = "",
        trace_state: str = "",
        *,
        reason: str = "",
        details: str = "",
        retry: RetryContext | None = None,
    ) -> Result:
        """Invoke the function once. Whatever it raises is logged and in the result, ``SystemExit`` included.

        ``KeyboardInterrupt`` too: the server handles Ctrl-C as a signal, so only the function can have raised it.
        The arguments are those of ``Invoke``, and ``retry``: which attempt this is of a function with a retry policy.

        Raises:
            asyncio.CancelledError: the calling task was cancelled.
        """
        running, log, logger = self._running, self._running.log, self._logger
        invocation_id = running.new_id()
        context = Context(invocation_id, self._name, self._directory, running.local, trace_parent, trace_state)
        start, attempt = monotonic(), 0 if retry is None else retry.retry_count
        invocation = InvocationFacts(invocation_id, self._name, trace_parent, start, attempt)
        running.invocations[invocation_id], running.tasks[invocation_id] = invocation, current_task()
        token = current.set(invocation)
        trigger: Mapping[str, Any] = NOTHING
        try:
            trigger = self._bound.trigger.log_fields(data)
            if reason:
                log.triggered(logger, invocation, trigger, reason, details)
            else:
                log.started(logger, invocation, trigger)
            reply = await self._run(context, data, retry)
        except GeneratorExit:
            raise
        except BaseException as raised:
            result = self._failed(invocation, trigger, start, raised, retry)
            await self._at_edges(context, data, result, start)
            if _is_cancelled(result):
                raise
        else:
            result = self._succeeded(invocation, trigger, start, reply)
            if self._edges is not None:
                await self._at_edges(context, data, result, start)
        finally:
            del running.invocations[invocation_id], running.tasks[invocation_id]
            current.reset(token)
        return result

    async def _run(self, context: Context, data: Any, retry: RetryContext | None) -> Any:
        bound = self._bound
        if retry is not None:
            context.retry_context = retry
        arguments: dict[str, Any] = {}
        context._hosting_invocation = bound.function, data, arguments, retry, context.invocation_id
        phase = "decode"
        try:
            arguments[bound.trigger_name] = bound.trigger.decode(data)
            phase = "input"
            properties = NOTHING if bound.properties is None else bound.properties.resolve(bound.trigger, data)
            for name, source in bound.inputs:
                arguments[name] = await source.read(data, properties[name])
            outs = [(name, output, Out()) for name, output in bound.outputs] if bound.outputs else []
            for name, _, out in outs:
                arguments[name] = out
            if bound.function.wants_context:
                arguments["context"] = context
            phase = ""  # hooks and function
            value = await self._invoker.invoke(context, arguments)
            phase = "encode"
            answer = self._encode_result(context, value)
            if not outs and bound.result is not None and bound.result.replies:
                return answer
            encoded = self._encode_outputs(answer, outs)
            phase = "write"
            reply = await self._write(encoded, properties)
            return bound.trigger.unset_reply(value) if reply is None else reply
        except BaseException:
            context._hosting_phase = phase
            raise

    def _encode_result(self, context: Context, value: Any) -> Any:
        """Encode what the function returned; None if it has no result."""
        try:
            if self._bound.result is None:
                self._check_no_result(value)
            return None if self._bound.result is None else self._bound.result.encode(value)
        except Exception as exception:
            record_unusable_result(context, self._name, exception)
            note_refusal(exception, self._bound.function, self._root, value)
            raise

    def _check_no_result(self, value: Any) -> None:
        """Check that a function without a result has returned nothing."""
        if value is not None:
            raise RuntimeError(
                f"function '{self._name}' has no $return binding, but returned a value of type "
                f"'{type_name(value, is_qualified=False)}'; add the binding, or return None"
            )

    def _encode_outputs(self, answer: Any, outs: list[tuple[str, Output, Out]]) -> list[tuple[str, Output, Any]]:
        """Return the outputs that are set, encoded, and the result last."""
        encoded = [
            (name, output, self._encode(output, out.get())) for name, output, out in outs if out.get() is not None
        ]
        if self._bound.result is not None:
            encoded.append((RETURN, self._bound.result, answer))
        return encoded

    async def _write(self, encoded: list[tuple[str, Output, Any]], properties: Mapping[str, Mapping[str, Any]]) -> Any:
        """Write the outputs that do not answer the caller; return the one that does."""
        reply = None
        for name, output, item in encoded:
            if output.replies:
                reply = item
            else:
                await output.write(item, properties.get(name, NOTHING))
        return reply

    def _encode(self, output: Output, value: Any) -> Any:
        try:
            return output.encode(value)
        except Exception as exception:
            note_refusal(exception, self._bound.function, self._root, value)
            raise

    async def _at_edges(self, context: Context, data: Any, result: Result, start: float) -> None:
        """Call the hooks at the edges, if any; have those about the response called when it is sent."""
        edges = self._edges
        if edges is None:
            return
        seconds = monotonic() - start
        if edges.sees_responses:
            scope = getattr(data, "scope", None)
            if scope is not None:
                scope[SENT] = partial(edges.sent, context, start)
        is_cancelled = _is_cancelled(result)
        status = None if is_cancelled else self._status_code(result)
        phase = "" if is_cancelled else getattr(context, "_hosting_phase", "")
        outcome = outcome_of(context, result.exception, status, is_cancelled=is_cancelled)
        await edges.ended(context, outcome, seconds, phase)

    def _reason(self, invocation_id: str, raised: BaseException) -> BaseException:
        """Return why the invocation failed: the timeout, if that is what cancelled it, else what was raised."""
        expired = self._running.expired.pop(invocation_id, None)
        task = current_task()
        if expired is None or task is None:
            return raised
        task.uncancel()
        return expired.with_traceback(raised.__traceback__) if is_a(raised, asyncio.CancelledError) else raised

    def _succeeded(self, invocation: InvocationFacts, trigger: Fields, start: float, reply: Any) -> Result:
        """Log and record the end of an invocation that succeeded."""
        result, log, records = Result(reply), self._running.log, self._running.records
        status_code = self._status_code(result) if records is not None or log.shows_status_code else None
        end = (monotonic() - start) * 1000, status_code
        log.succeeded(self._logger, invocation, trigger, end)
        if records is not None:
            records.add((invocation, end, trigger, ""))
        return result

    def _failed(
        self,
        invocation: InvocationFacts,
        trigger: Mapping[str, Any],
        start: float,
        raised: BaseException,
        retry: RetryContext | None,
    ) -> Result:
        """Log and record the end of an invocation that failed, with the status code if its caller gets one."""
        milliseconds = (monotonic() - start) * 1000
        exception = self._reason(invocation.id, raised)
        result = Result(exception=exception)
        is_last = retry is None or retry.retry_count == retry.max_retry_count
        status_code = self._status_code(result) if is_last and not _is_cancelled(result) else None
        shown, end = users_traceback(exception, self._root, self._bound.function), (milliseconds, status_code)
        self._running.log.failed(self._logger, invocation, trigger, end, shown)
        if self._running.records is not None:
            self._running.records.add_failure(invocation, end, trigger, shown)
        return result


def _is_cancelled(result: Result) -> bool:
    """Whether the calling task was cancelled, not the function alone."""
    return is_a(result.exception, asyncio.CancelledError) and is_being_cancelled()


class FailedFunction:
    """Takes the place of a function that could be listed but not loaded: each call fails with the reason."""

    def __init__(self, function: Function) -> None:
        self._function = function

    async def invoke(self, context: Context, arguments: dict[str, Any]) -> Any:
        """Raise FunctionLoadError."""
        name, error, file = self._function.name, self._function.error, self._function.file
        raise FunctionLoadError(f"Function '{name}' could not be loaded: {error}", file=file)
