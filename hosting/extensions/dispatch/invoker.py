"""Invoker: what a function host awaits for each invocation of one function, with or without hooks."""

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
    """Runs one function: ``await invoker.invoke(context, func_args)`` returns or raises what the function does.

    ``invoke`` is an attribute. It is replaced when the function gets another chain, so that an invocation is one call.
    An invocation under way ends on the chain with which it started.

    Args:
        function: the function; an async one runs in the caller's task, a sync one in ``pool``.
        chain: its hooks; None if it has none.
        pool: the threads.
        budget: the seconds that an async hook of a sync function may take.
    """

    def __init__(self, function: Function, chain: Chain | None, pool: ThreadPool, budget: float) -> None:
        self.function = function
        self._pool = pool
        self._budget = budget
        self._lock = Lock()
        self.use_chain(chain)

    def use_chain(self, chain: Chain | None) -> None:
        """Run the function with the hooks of ``chain`` from now on; it is compiled at the next invocation."""
        with self._lock:
            self._chain = chain
            self.invoke: Invoke = self._first_invoke

    def _first_invoke(self, context: Any, func_args: dict[str, Any]) -> Awaitable[Any]:
        with self._lock:
            self.invoke = invoke = self._without_hooks() if self._chain is None else self._with_hooks(self._chain)
        return invoke(context, func_args)

    def _without_hooks(self) -> Invoke:
        call, pool = self.function.call, self._pool
        if self.function.is_async:
            return lambda context, func_args: call(**func_args)
        return lambda context, func_args: on_thread(pool, partial(call, **func_args))

    def _with_hooks(self, chain: Chain) -> Invoke:
        run, pool, budget = chain.run, self._pool, self._budget
        if chain.form == "async":
            return run
        if chain.form == "sync":
            return lambda context, func_args: on_thread(pool, partial(run, context, func_args))
        return lambda context, func_args: in_steps(pool, partial(run, context, func_args), budget)
