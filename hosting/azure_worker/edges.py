"""The hooks at the edges of an invocation in Azure's worker, which encodes outputs and sends responses itself."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from hosting._asyncio import is_being_cancelled
from hosting._exceptions import is_a
from hosting.core import Function
from hosting.extensions import Edges, outcome_of, run_edges_here

FAILURE_STATUS = 500
"""The status of the response for a function that fails."""


class EndHooks:
    """Calls the hooks when one invocation has ended.

    Args:
        edges: the hooks.
        function: the function.
        context: the invocation's context.
        func_args: the arguments of the call.
    """

    def __init__(self, edges: Edges, function: Function, context: Any, func_args: dict[str, Any]) -> None:
        self._edges, self._function, self._context, self._func_args = edges, function, context, func_args
        self._start = monotonic()

    async def awaiting(self, invocation: Awaitable[Any]) -> Any:
        """Await an invocation, then the hooks; return or raise what it does."""
        try:
            result = await invocation
        except BaseException as exception:
            await self._ended(None, exception, is_cancelled=_is_cancelled(exception))
            raise
        await self._ended(result, None)
        return result

    def calling(self, invocation: Callable[[], Any], elsewhere: Callable[[], asyncio.AbstractEventLoop]) -> Any:
        """Call an invocation, then the hooks; return or raise what it does.

        Args:
            invocation: runs hooks and function on this thread.
            elsewhere: returns the event loop that runs async hooks, in another thread.
        """
        try:
            result = invocation()
        except BaseException as exception:
            run_edges_here(self._edges, self._ended(None, exception), elsewhere)
            raise
        run_edges_here(self._edges, self._ended(result, None), elsewhere)
        return result

    async def _ended(self, result: Any, exception: BaseException | None, *, is_cancelled: bool = False) -> None:
        seconds = monotonic() - self._start
        status = None if is_cancelled else self._status(result, exception)
        outcome = outcome_of(self._context, exception, status, is_cancelled=is_cancelled)
        await self._edges.ended(self._context, outcome, seconds)

    def _status(self, result: Any, exception: BaseException | None) -> int | None:
        """Return the status of the response that the worker will make; None if the function is not for HTTP."""
        if not self._function.is_http:
            return None
        if exception is not None:
            return _status_code(exception, FAILURE_STATUS)
        name = next((one.name for one in self._function.bindings if one.is_http_output), "$return")
        return _status_code(result if name == "$return" else self._output(name), 200)

    def _output(self, name: str) -> Any:
        """Return what an output parameter was set to; None if a test of the app's own passes something without it."""
        try:
            return self._func_args[name].get()
        except Exception:  # noqa: BLE001 - it is not ours
            return None


def _status_code(response: Any, default: int) -> int:
    """Return the status that a response or an exception has: the app's own classes may have anything by this name."""
    try:
        code = response.status_code
    except Exception:  # noqa: BLE001 - a property may raise anything
        return default
    return code if isinstance(code, int) else default


def _is_cancelled(exception: BaseException) -> bool:
    return is_a(exception, asyncio.CancelledError) and is_being_cancelled()
