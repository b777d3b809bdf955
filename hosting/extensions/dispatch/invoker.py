"""What a function host awaits for each invocation: one function with the hooks that are for it now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from hosting.core import Function
from hosting.extensions.dispatch.execution import in_steps, on_thread

if TYPE_CHECKING:
    from hosting.extensions.dispatch.compiler import Chain
    from hosting.extensions.dispatch.thread_pool import ThreadPool

Invoke: TypeAlias = Callable[[Any, dict[str, Any]], Awaitable[Any]]


class Invoker:
    """Runs one function: ``await invoker.invoke(context, func_args)``, which raises what the function raised.

    ``invoke`` is an attribute that another callable takes the place of when hooks come or go, so that the way to a
    function is one call; an invocation under way ends on the one that it began with.

    Args:
        function: an async one runs in the caller's task, a sync one in ``pool``.
        chain: the hooks that are for it now; None where there are none.
        pool: the worker threads.
        budget: seconds that an async hook of a sync function may take.
    """

    def __init__(self, function: Function, chain: Chain | None, pool: ThreadPool, budget: float) -> None:
        self.function = function
        self._pool = pool
        self._budget = budget
        self._settling = Lock()
        self.follow(chain)

    def follow(self, chain: Chain | None) -> None:
        """Run the function with the hooks of ``chain`` from now on; compiled when it is first invoked."""
        with self._settling:
            self._chain = chain
            self.invoke: Invoke = self._first

    def _first(self, context: Any, func_args: dict[str, Any]) -> Awaitable[Any]:
        with self._settling:
            self.invoke = invoke = self._plain() if self._chain is None else self._hooked(self._chain)
        return invoke(context, func_args)

    def _plain(self) -> Invoke:
        """Nothing of the extension host is in the function's way."""
        call, pool = self.function.call, self._pool
        if self.function.is_async:
            return lambda context, func_args: call(**func_args)
        return lambda context, func_args: on_thread(pool, partial(call, **func_args))

    def _hooked(self, chain: Chain) -> Invoke:
        run, pool, budget = chain.run, self._pool, self._budget
        if chain.form == "async":
            return run
        if chain.form == "sync":
            return lambda context, func_args: on_thread(pool, partial(run, context, func_args))
        return lambda context, func_args: in_steps(pool, partial(run, context, func_args), budget)
