"""One invocation: context, arguments, hooks and function, outputs; and what is logged of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any, TypeAlias

from hosting.bindings.provider import Output, Result
from hosting.core import Function
from hosting.errors import FunctionLoadError
from hosting.host._failure import users_traceback
from hosting.host._ids import new_id
from hosting.host.bound import BoundFunction, Out
from hosting.host.context import Context, InvocationLocal, current

Invoker: TypeAlias = Callable[[Context, dict[str, Any]], Awaitable[Any]]

_EXECUTING = "Executing 'Functions.%s' (Reason='This function was programmatically called via the host APIs.', Id=%s)"
_EXECUTED = "Executed 'Functions.%s' (%s, Id=%s, Duration=%dms)"


class Running:
    """The invocations of a host that have not ended, by id."""

    def __init__(self) -> None:
        self.contexts: dict[str, Context] = {}
        self.local = InvocationLocal()


class Invocation:
    """Runs one function, as often as it is triggered. Called by listeners: ``await invocation(data)``.

    Args:
        bound: the function and its bindings.
        invoker: runs hooks and function; the extension host's.
        running: where the invocation is listed while it runs.
        root: the app's folder, where a traceback begins to be of interest.
    """

    def __init__(self, bound: BoundFunction, invoker: Invoker, running: Running, root: str) -> None:
        self._bound = bound
        self._name = bound.function.name
        self._directory = bound.function.directory
        self._invoker = invoker
        self._running = running
        self._root = root
        self._logger = logging.getLogger(f"hosting.function.{self._name}")

    async def __call__(self, data: Any, trace_parent: str = "", trace_state: str = "") -> Result:
        """Invoke once. What the function raises is logged and in the result, ``SystemExit`` included."""
        running, logger = self._running, self._logger
        invocation_id = new_id()
        context = Context(invocation_id, self._name, self._directory, running.local, trace_parent, trace_state)
        running.contexts[invocation_id] = context
        token = current.set(context)
        start = monotonic()
        try:
            logger.info(_EXECUTING, self._name, invocation_id)
            reply = await self._run(context, data)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as exception:
            self._failed(context, start, exception)
            if isinstance(exception, asyncio.CancelledError) and _cancelled_by_host():
                raise
            return Result(exception=exception)
        else:
            logger.info(_EXECUTED, self._name, "Succeeded", invocation_id, (monotonic() - start) * 1000)
            return Result(reply)
        finally:
            del running.contexts[invocation_id]
            current.reset(token)

    async def _run(self, context: Context, data: Any) -> Any:
        bound = self._bound
        arguments: dict[str, Any] = {bound.trigger_name: bound.trigger.decode(data)}
        for name, source in bound.inputs:
            arguments[name] = await source.read(data)
        outs = [(name, output, Out()) for name, output in bound.outputs] if bound.outputs else []
        for name, _, out in outs:
            arguments[name] = out
        if bound.function.wants_context:
            arguments["context"] = context
        value = await self._invoker(context, arguments)
        if not outs and bound.result is not None and bound.result.replies:
            return bound.result.encode(value)
        return await self._write(value, outs)

    async def _write(self, value: Any, outs: list[tuple[str, Output, Out]]) -> Any:
        """Encode every output, then write those that do not answer the caller."""
        result = self._bound.result
        if result is None and value is not None:
            raise RuntimeError(
                f"function '{self._name}' has no $return binding, but returned a value of type "
                f"'{type(value).__name__}'; add the binding, or return None"
            )
        encoded = [(output, output.encode(out.get())) for _, output, out in outs if out.get() is not None]
        if result is not None:
            encoded.append((result, result.encode(value)))
        reply = None
        for output, item in encoded:
            if output.replies:
                reply = item
            else:
                await output.write(item)
        return reply

    def _failed(self, context: Context, start: float, exception: BaseException) -> None:
        duration = (monotonic() - start) * 1000
        shown = users_traceback(exception, self._root)
        self._logger.error(_EXECUTED, self._name, "Failed", context.invocation_id, duration, exc_info=shown)


def _cancelled_by_host() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def refuser(function: Function) -> Invoker:
    """What stands in for a function that could be listed but not loaded: each call fails with the reason."""

    async def refuse(context: Context, arguments: dict[str, Any]) -> Any:
        raise FunctionLoadError(f"Function '{function.name}' could not be loaded: {function.error}", file=function.file)

    return refuse
